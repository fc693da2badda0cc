"""What a running backfiller says of itself in GET /status."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from backfiller.follow import Follower
from backfiller.live.keeper import LiveKeeper
from backfiller.live.variant import LiveVariant
from backfiller.loop import told_error
from backfiller.mirror import costs
from backfiller.mirror.keeper import MirrorKeeper, RereadKeeper
from backfiller.mirror.mirror import HourResult
from backfiller.passes import Passes, PassResult
from backfiller.retention.keeper import RetentionKeeper
from backfiller.sources.follower import SourceFollower
from backfiller.vitals import Vitals
from common.times import iso

HOURS = 200
MOST_TOLD = 20


def of_peer(follower: Follower, now: datetime) -> dict[str, Any]:
    """`lag_seconds` is how long ago a pass last left nothing undone."""
    return {
        'state': follower.state,
        'id': follower.id,
        **_passes(follower.passes, now),
        'last_error': told_error(follower.loop.last_error),
        'restreamer': of_vitals(follower.vitals),
        'queued': follower.queued(),
    }


def of_source(follower: SourceFollower, now: datetime) -> dict[str, Any]:
    """`lag_seconds` as with peers."""
    return {
        'state': follower.state,
        **_passes(follower.passes, now),
        'last_error': told_error(follower.loop.last_error),
    }


def of_vitals(vitals: Vitals) -> dict[str, Any] | None:
    """How the restreamer answered when it was last looked at; None before that."""
    found = vitals.last
    if not found:
        return None
    return {
        'time': iso(found.time),
        'ready': found.ready,
        'readyz_seconds': _rounded(found.readyz_seconds),
        'listing_seconds': _rounded(found.listing_seconds),
        'error': found.error or None,
    }


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 4)


def _passes(passes: Passes, now: datetime) -> dict[str, Any]:
    success = passes.last_success
    return {
        'lag_seconds': round((now - success).total_seconds(), 1) if success else None,
        'last_success': iso(success) if success else None,
        'last_pass': _pass(passes.last) if passes.last else None,
    }


def _pass(result: PassResult) -> dict[str, Any]:
    return {
        'kind': result.kind,
        'started': iso(result.started),
        'seconds': round(result.seconds, 3),
        'hours_listed': result.hours,
        'hours_compared': result.compared,
        'missing': result.missing,
        'fetched': result.fetched,
        'fetched_bytes': result.fetched_bytes,
        'bytes_per_second': round(result.bytes_per_second),
        'brought_by_others': result.spared,
        'asked_twice': result.doubled,
        'names_refused': result.refused,
        'listings_failed': result.unlisted,
        'left': result.left,
        'undone': dict(list(result.undone.items())[:20]),
    }


def of_mirror(keeper: MirrorKeeper) -> dict[str, Any]:
    newest = sorted(keeper.mirror.hours, key=lambda hour: hour.text, reverse=True)[:HOURS]
    return {
        'bucket': keeper.mirror.bucket.url,
        'last_error': told_error(keeper.loop.last_error),
        'requests': dict(keeper.mirror.requests),
        'costs': _costs(list(keeper.mirror.hours.values())),
        'read_back': _read_back(keeper.reread) if keeper.reread else None,
        'hours': {hour.path: _hour(keeper.mirror.hours[hour]) for hour in newest},
    }


def _costs(results: Sequence[HourResult]) -> dict[str, Any] | None:
    """What an hour like those that are mirrored takes in each layout; None before there is one."""
    mirrored = [result for result in results if result.segments]
    if not mirrored:
        return None
    segments = round(sum(result.segments for result in mirrored) / len(mirrored))
    size_bytes = round(sum(result.size_bytes for result in mirrored) / len(mirrored))
    layouts = {layout: costs.of_hour(layout, segments, size_bytes) for layout in ('segments', 'hour')}
    return {
        'of_an_hour_with': {'segments': segments, 'bytes': size_bytes},
        **{
            name: {'requests': each.total, 'dollars': round(each.dollars, 6)}
            for name, each in layouts.items()
        },
    }


def _read_back(keeper: RereadKeeper) -> dict[str, Any]:
    """Since the start."""
    tally = keeper.tally
    return {
        'segments': tally.segments,
        'bytes': tally.size_bytes,
        'damaged': tally.damaged,
        'last_error': told_error(keeper.loop.last_error),
    }


def of_retention(keeper: RetentionKeeper) -> dict[str, Any]:
    """`waiting` are the first of the hours past `keep` that may not go, and why."""
    retention, choice = keeper.retention, keeper.retention.choice
    return {
        'last_error': told_error(keeper.loop.last_error),
        'hours_released': keeper.hours,
        'bytes_released': keeper.size_bytes,
        'free_bytes': retention.free_bytes,
        'lacking_bytes': choice.lacking_bytes,
        'waiting_hours': len(choice.waiting),
        'waiting': {hour.path: retention.waits_for(hour) for hour in choice.waiting[:20]},
        'horizon': dict(retention.horizon.newest),
    }


def of_live(keeper: LiveKeeper) -> dict[str, Any]:
    newest = sorted(keeper.variants.items())[:HOURS]
    return {
        'bucket': keeper.bucket.url,
        'last_error': told_error(keeper.loop.last_error),
        'variants': {variant.path: _live(followed) for variant, followed in newest},
    }


def _live(followed: LiveVariant) -> dict[str, Any]:
    """`lag_seconds` is from the landing of the newest segment to its name in the playlist."""
    return {
        'newest': followed.last.segment.path if followed.last else None,
        'lag_seconds': round(followed.last.lag_seconds, 3) if followed.last else None,
        'last_error': told_error(followed.loop.last_error),
    }


def _hour(result: HourResult) -> dict[str, Any]:
    return {
        'state': result.state.value,
        'segments': result.segments,
        'bytes': result.size_bytes,
        'holes': len(result.holes),
        'missing': [hole.told() for hole in result.holes[:MOST_TOLD]],
        'problems': list(result.problems[:MOST_TOLD]),
    }
