"""Derives variants of one stream: follows its source in the store, and adds what is made of each segment.

The newest segment comes first. What has waited for minutes, or would make the queue too long, is skipped and
counted: the source is never touched, and nothing waits for what is derived of it.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import gevent
from gevent.event import Event
from gevent.pool import Group

from backfiller.derive.backlog import Backlog
from backfiller.derive.derived import Derived
from backfiller.derive.look import Job, is_lacking, lacking
from backfiller.derive.metrics import DeriveMetrics
from backfiller.derive.pool import Pool
from backfiller.derive.tally import Tally
from backfiller.derive.transcode import transcoded
from backfiller.live.layout import Variant
from backfiller.loop import Backoff, Loop, jittered
from common import digest
from common.changes import Changes
from common.disk import Disk
from common.errors import SegmentError, StoreError
from common.offload import OffloadedDisk, offload
from common.place import verified
from common.segment import Hour, Segment
from common.times import utc_now

LOOK_BACK = timedelta(minutes=5)
"""What is older than this when its turn comes is skipped, and so it is at the start."""

MOST_QUEUED = 200
LOOK_SECONDS = 2.0
"""Between looks that nothing woke."""

SHORTEST_DEADLINE_SECONDS = 30.0
DEADLINE_SHARE = 3
"""What takes longer than so many times its duration has no use."""

FOR_GOOD = {'refused', 'unreadable', 'size'}
"""What fails for these reasons would fail again."""


class Deriver:
    """The `derived` variants of one stream; `changes` are those of its store, if they are told already."""

    def __init__(
        self,
        stream: str,
        derived: tuple[Derived, ...],
        store: OffloadedDisk,
        pool: Pool,
        metrics: DeriveMetrics,
        source: str = 'source',
        *,
        changes: Changes | None = None,
        clock: Callable[[], datetime] = utc_now,
        look_back: timedelta = LOOK_BACK,
    ) -> None:
        self.source = Variant(stream, source)
        self._derived = {each.name: each for each in derived}
        self._store = store
        self._pool = pool
        self._metrics = metrics
        self._shared_changes = changes
        self._clock = clock
        self._look_back = look_back
        self._backlog = Backlog(MOST_QUEUED * len(derived))
        self._tallies = {name: Tally(stream, name, metrics) for name in self._derived}
        self._workers = Group()
        self._wake = Event()
        backoff = Backoff(0.5, 30.0)
        self.loop = Loop(f'derive {self.source.path}', self._act, backoff=backoff, wake=self._wake)
        self._trying = Loop(f'derive {stream}', self._next, backoff=Backoff(0.5, 30.0))

    def run(self) -> None:
        """Goes on until killed; no ffmpeg is left then, and no metric of the stream."""
        with self._changes() as changes, changes.told_to(self._wake, self._concerns_us):
            for tally in self._tallies.values():
                tally.begin()
            try:
                self.loop.run()
            finally:
                self._workers.kill()
                self._metrics.forget(self.source.stream)

    def status(self) -> dict[str, Any]:
        """For each derived variant what became of it."""
        queued = Counter(job.variant for job in self._backlog.waiting)
        running = Counter(job.variant for job in self._backlog.running)
        return {
            name: tally.told(queued=queued[name], running=running[name])
            for name, tally in self._tallies.items()
        }

    @property
    def is_troubled(self) -> bool:
        """Whether something went wrong last that nobody foresaw."""
        return self.loop.is_troubled or self._trying.is_troubled

    @contextmanager
    def _changes(self) -> Iterator[Changes]:
        if self._shared_changes:
            yield self._shared_changes
            return
        changes = Changes(self._store.disk.root)
        watching = gevent.spawn(changes.run)
        try:
            yield changes
        finally:
            watching.kill()

    def _concerns_us(self, hour: Hour) -> bool:
        return (hour.stream, hour.variant) == self.source

    def _act(self) -> float:
        """Looks what is lacking, and sees to it that somebody works on it."""
        now = self._clock()
        found = offload(lacking, self._store.disk, self.source, list(self._derived), now, self._look_back)
        skipped = Counter(job.variant for job in self._backlog.offer(found, now - self._look_back))
        for name, tally in self._tallies.items():
            tally.skipped(skipped[name])
        self._tell_queued()
        there = len(self._backlog.waiting) + len(self._backlog.running)
        while len(self._workers) < min(self._pool.most, there):
            self._workers.start(gevent.Greenlet(self._work))
        return jittered(LOOK_SECONDS)

    def _tell_queued(self) -> None:
        queued = Counter(job.variant for job in self._backlog.waiting)
        for name in self._tallies:
            self._metrics.queued(self.source.stream, name, queued[name])

    def _work(self) -> None:
        while self._backlog.waiting:
            gevent.sleep(self._trying.turn())

    def _next(self) -> float:
        """The newest of what waits, when there is room for it: what is newer may have come until then."""
        with self._pool.turn(self.source.stream):
            job = self._backlog.take()
            if job is None:
                return 0.0
            self._tell_queued()
            try:
                if offload(is_lacking, self._store.disk, job):
                    self._try(job, self._tallies[job.variant])
            finally:
                self._backlog.done(job)
        return 0.0

    def _try(self, job: Job, tally: Tally) -> None:
        began = time.monotonic()
        try:
            segment = self._derive(job.source, self._derived[job.variant])
        except SegmentError as error:
            tally.failed(job.source, error)
            self._backlog.failed(job, for_good=error.reason in FOR_GOOD)
        except StoreError as error:
            tally.failed(job.source, SegmentError('unwritable', str(error)))
            raise
        else:
            tally.made(segment, self._since_landing(job.source))
        finally:
            tally.took(time.monotonic() - began)

    def _derive(self, source: Segment, derived: Derived) -> Segment:
        body = offload(_whole, self._store.disk, source)
        seconds = max(SHORTEST_DEADLINE_SECONDS, DEADLINE_SHARE * source.duration.total_seconds())
        made = transcoded(self._pool.program, body, derived, seconds=seconds)
        segment = Segment.named(
            source.hour.stream,
            derived.name,
            start=source.start,
            duration=source.duration,
            kind=source.type,
            content=digest.sha256([made]),
        )
        self._store.add(segment, [made])
        return segment

    def _since_landing(self, source: Segment) -> float | None:
        landed = offload(_landed, self._store.disk, source)
        return max(0.0, (self._clock() - landed).total_seconds()) if landed else None


def _whole(disk: Disk, segment: Segment) -> bytes:
    return b''.join(chunk for _, chunks in disk.read([segment]) for chunk in verified(segment, chunks))


def _landed(disk: Disk, segment: Segment) -> datetime | None:
    """When it came into the store under its name; None if it is gone."""
    try:
        return datetime.fromtimestamp(disk.path(segment).stat().st_ctime, UTC)
    except OSError:
        return None
