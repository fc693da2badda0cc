"""A running backfiller: its followers, its mirror, and what it tells of itself."""

import logging
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import gevent
from gevent.event import Event

from backfiller.backfill import PassResult
from backfiller.follow import Follower, Followers, LastError
from backfiller.loop import Backoff, Loop, jittered
from backfiller.metrics import Metrics
from backfiller.mirror import HourResult, HourState, Mirror
from common.changes import Changes
from common.errors import SegmeshError
from common.place import Scope
from common.segment import Hour
from common.times import iso, utc_now

log = logging.getLogger(__name__)

STATUS_HOURS = 200

SHORTEST_REST_SECONDS = 2.0
LONGEST_REST_SECONDS = 30.0


class MirrorKeeper:
    """Runs the mirror's pass at an interval and when an hour that ended changes, and counts what it does."""

    def __init__(
        self,
        mirror: Mirror,
        metrics: Metrics,
        scope: Callable[[], Scope],
        interval_seconds: float,
        changes: Changes,
    ) -> None:
        self.mirror = mirror
        self.last_error: LastError | None = None
        self._metrics = metrics
        self._scope = scope
        self._interval_seconds = interval_seconds
        self._changes = changes
        self._rest_until = 0.0
        self._wake = Event()
        self._backoff = Backoff(interval_seconds, 600.0)
        self.loop = Loop(
            'mirror', self._act, backoff=self._backoff, on_failure=self._note_failure, wake=self._wake
        )

    def run(self) -> None:
        watching = gevent.spawn(self._changes.run)
        try:
            with self._changes.told_to(self._wake, self._concerns_us):
                self.loop.run()
        finally:
            watching.kill()

    def _concerns_us(self, hour: Hour) -> bool:
        """A late segment does; a bucket that is backed off from is left alone all the same."""
        return not self._backoff.failures and self._scope().admits(hour) and hour.end <= utc_now()

    def _act(self) -> float:
        gevent.sleep(max(0.0, self._rest_until - time.monotonic()))
        self._wake.clear()  # what came until now is seen by this pass
        started = time.monotonic()
        try:
            for result in self.mirror.run(self._scope()):
                self._note(result)
        finally:
            self._count_states()
            ended = time.monotonic()
            self._rest_until = ended + min(self._interval_seconds, rest_seconds(ended - started))
        return jittered(self._interval_seconds)

    def _note(self, result: HourResult) -> None:
        self._metrics.mirrored_segments.inc(result.uploaded)
        if result.uploaded:
            log.info('%s: %s, segments put: %d', result.hour.path, result.state.value, result.uploaded)
        for problem in result.problems[:5]:
            log.warning('mirror: %s', problem)

    def _count_states(self) -> None:
        counts = Counter(result.state for result in self.mirror.hours.values())
        for state in HourState:
            self._metrics.hour_states.labels(state.value).set(counts[state])

    def _note_failure(self, error: Exception) -> None:
        self.last_error = LastError(utc_now(), str(error))
        if not isinstance(error, SegmeshError):
            self._metrics.errors.labels('mirror').inc()


@dataclass
class Service:
    """What runs inside `backfiller run`, and how it describes itself in /status."""

    node_id: str
    clock: Callable[[], datetime]
    metrics: Metrics
    followers: Followers
    keeper: MirrorKeeper | None

    def start(self) -> list['gevent.Greenlet[..., None]']:
        """Starts the parts; kill the greenlets to stop them."""
        parts = [self.followers.run, *([self.keeper.run] if self.keeper else [])]
        return [gevent.spawn(part) for part in parts]

    def is_healthy(self) -> bool:
        """Whether no part ended its last pass in an error that nobody foresaw."""
        loops = [each.loop for each in self.followers.by_url.values()]
        loops += [self.keeper.loop] if self.keeper else []
        return not any(loop.is_troubled for loop in loops)

    def status(self) -> dict[str, Any]:
        """The answer to GET /status."""
        answer: dict[str, Any] = {
            'id': self.node_id,
            'time': iso(self.clock()),
            'healthy': self.is_healthy(),
            'peers': {url: _peer(follower, self.clock()) for url, follower in self.followers.by_url.items()},
        }
        if self.keeper:
            answer['mirror'] = _mirror(self.keeper)
        return answer


def _peer(follower: Follower, now: datetime) -> dict[str, Any]:
    """`lag_seconds` is how long ago a pass last left nothing undone."""
    success = follower.last_success
    return {
        'state': follower.state,
        'id': follower.id,
        'lag_seconds': round((now - success).total_seconds(), 1) if success else None,
        'last_success': iso(success) if success else None,
        'last_error': _error(follower.last_error),
        'last_pass': _pass(follower.last) if follower.last else None,
    }


def _error(error: LastError | None) -> dict[str, str] | None:
    return {'time': iso(error.time), 'message': error.message} if error else None


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
        'names_refused': result.refused,
        'listings_failed': result.unlisted,
        'left': result.left,
        'undone': dict(list(result.undone.items())[:20]),
    }


def rest_seconds(pass_seconds: float) -> float:
    """How long the mirror rests after a pass, so that looking takes a fifth of the time at most."""
    return min(max(SHORTEST_REST_SECONDS, 4 * pass_seconds), LONGEST_REST_SECONDS)


def _mirror(keeper: MirrorKeeper) -> dict[str, Any]:
    newest = sorted(keeper.mirror.hours, key=lambda hour: hour.text, reverse=True)[:STATUS_HOURS]
    return {
        'bucket': keeper.mirror.bucket.url,
        'last_error': _error(keeper.last_error),
        'hours': {hour.path: _hour(keeper.mirror.hours[hour]) for hour in newest},
    }


def _hour(result: HourResult) -> dict[str, Any]:
    return {
        'state': result.state.value,
        'segments': result.segments,
        'holes': result.holes,
        'problems': list(result.problems[:20]),
    }
