"""Keeping the live layout of a store up to date: which variants are followed."""

from collections.abc import Callable
from datetime import timedelta

import gevent
from gevent.event import Event
from gevent.lock import BoundedSemaphore

from backfiller.live.layout import Variant
from backfiller.live.master import LiveMaster
from backfiller.live.newest import variants_of_late
from backfiller.live.variant import (
    FIRST_BACKOFF_SECONDS,
    LOOK_SECONDS,
    MOST_BACKOFF_SECONDS,
    Live,
    LiveVariant,
)
from backfiller.loop import Backoff, Loop, jittered
from backfiller.metrics import Metrics
from backfiller.mirror.bucket import Bucket
from common.changes import Changes
from common.offload import OffloadedDisk, offload
from common.place import Scope
from common.segment import Hour
from common.times import utc_now

UPLOADS = 8
LONGEST = timedelta(days=1)


class LiveKeeper:
    """Follows each variant that is recorded, in a greenlet of its own: none waits for another."""

    def __init__(
        self,
        disk: OffloadedDisk,
        bucket: Bucket,
        metrics: Metrics,
        scope: Callable[[], Scope],
        *,
        length_seconds: float,
    ) -> None:
        length = min(timedelta(seconds=length_seconds), LONGEST)
        self.bucket = bucket
        self.variants: dict[Variant, LiveVariant] = {}
        self._live = Live(disk, bucket, metrics, utc_now, length, BoundedSemaphore(UPLOADS))
        self._scope = scope
        self._changes = Changes(disk.disk.root)
        self._masters: dict[str, LiveMaster] = {}
        self._running: dict[Variant, gevent.Greenlet[..., None]] = {}
        self._wake = Event()
        self.loop = Loop(
            'live',
            self._act,
            backoff=Backoff(FIRST_BACKOFF_SECONDS, MOST_BACKOFF_SECONDS),
            on_surprise=metrics.errors.labels('live').inc,
            wake=self._wake,
        )

    @property
    def loops(self) -> list[Loop]:
        return [self.loop, *(each.loop for each in self.variants.values())]

    def run(self) -> None:
        """Goes on until killed."""
        watching = gevent.spawn(self._changes.run)
        try:
            with self._changes.told_to(self._wake, self._is_new):
                self.loop.run()
        finally:
            gevent.killall([watching, *self._running.values()])

    def _is_new(self, hour: Hour) -> bool:
        return (hour.stream, hour.variant) not in self.variants and self._scope().admits(hour)

    def _act(self) -> float:
        recorded = offload(variants_of_late, self._live.disk.disk, self._scope(), utc_now())
        for variant in self.variants.keys() - recorded:
            self._unfollow(variant)
        for variant in recorded - self.variants.keys():
            self._follow(variant)
        return jittered(LOOK_SECONDS)

    def _follow(self, variant: Variant) -> None:
        master = self._masters.setdefault(
            variant.stream, LiveMaster(self.bucket, variant.stream, self._live.clock)
        )
        followed = self.variants[variant] = LiveVariant(self._live, variant, master)
        self._running[variant] = gevent.spawn(followed.run, self._changes)

    def _unfollow(self, variant: Variant) -> None:
        self._running.pop(variant).kill()
        del self.variants[variant]
        self._masters[variant.stream].drop(variant.name)
        self._live.metrics.live.forget(*variant)
