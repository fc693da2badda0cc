"""What the commands make of the parts that have to do with the bucket: the mirror, live copies, retention."""

import time
from collections.abc import Callable
from datetime import timedelta

from backfiller.backfill import Backfill
from backfiller.live.keeper import LiveKeeper
from backfiller.metrics import Metrics
from backfiller.mirror.bucket import Bucket
from backfiller.mirror.journal import Journal
from backfiller.mirror.layouts import AllInOne, Layout, OneEach
from backfiller.mirror.members import JOIN_SECONDS, Members
from backfiller.mirror.mirror import Mirror
from backfiller.mirror.multipart import Uploads
from backfiller.mirror.reread import Reread
from backfiller.mirror.verify import Reading
from backfiller.pace import Pace, no_cap
from backfiller.parts import Parts
from backfiller.retention.keeper import RetentionKeeper
from backfiller.retention.retention import Retention
from common import times
from common.offload import OffloadedDisk
from common.place import Scope
from common.segment import Hour

LIVE_TRIES = 2


def new_mirror(
    parts: Parts,
    disk: OffloadedDisk,
    agreed: Callable[[Hour], bool] = lambda _: True,
    *,
    shared: bool = False,
) -> Mirror:
    """The mirror; if it is `shared`, other nodes that mirror to the same bucket do their part of it."""
    bucket = parts.bucket()
    return Mirror(
        disk,
        bucket,
        _layout(parts, disk, bucket),
        patience=parts.patience(),
        clock=times.utc_now,
        node_id=parts.node_id(),
        agreed=agreed,
        members=_members(parts, bucket) if shared else None,
        check_again=timedelta(seconds=parts.mirror.verify_interval) or None,
    )


def reread(parts: Parts, mirror: Mirror, disk: OffloadedDisk) -> Reread | None:
    """With connections of its own, so that nothing that is sent waits for it."""
    if not (parts.mirror.verify_sample and parts.mirror.verify_interval):
        return None
    pace = Pace(parts.mirror.verify_rate) if parts.mirror.verify_rate else no_cap
    return Reread(
        mirror,
        parts.bucket(),
        disk.disk,
        Reading(parts.mirror.verify_sample / 100, pace),
        interval=timedelta(seconds=parts.mirror.verify_interval),
        clock=times.utc_now,
    )


def _members(parts: Parts, bucket: Bucket) -> Members:
    join_seconds = min(JOIN_SECONDS, parts.mirror.mirror_interval)
    return Members(bucket.calls, parts.node_id(), join_seconds=join_seconds)


def _layout(parts: Parts, disk: OffloadedDisk, bucket: Bucket) -> Layout:
    if parts.mirror.layout == 'segments':
        return OneEach(disk, bucket)
    uploads = Uploads(bucket.calls, Journal(parts.node.store))
    return AllInOne(disk, bucket, uploads, node_id=parts.node_id(), clock=times.utc_now)


def new_retention(
    parts: Parts, disk: OffloadedDisk, backfill: Backfill, mirror: Mirror | None
) -> RetentionKeeper:
    retention = Retention(
        disk,
        parts.horizon,
        parts.retention,
        mirror=mirror,
        is_busy=backfill.swarm.plan.concerns,
        clock=times.utc_now,
        monotonic=time.monotonic,
    )
    scope = Scope(frozenset(parts.own.streams), frozenset(parts.own.variants))
    return RetentionKeeper(retention, backfill.metrics, scope, parts.retention.retention_interval)


def live(parts: Parts, disk: OffloadedDisk, metrics: Metrics) -> LiveKeeper | None:
    """With connections of its own, so that nothing live waits for the mirror of an hour."""
    if not (parts.mirror.live and parts.mirror.bucket):
        return None
    return LiveKeeper(
        disk,
        parts.bucket(tries=LIVE_TRIES),
        metrics,
        parts.scope,
        length_seconds=parts.mirror.mirror_live_window,
    )
