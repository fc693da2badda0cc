"""Keeping a mirror up to date: when it looks again, and when it reads back what is there."""

import logging
import time
from collections import Counter
from collections.abc import Callable

import gevent
from gevent.event import Event

from backfiller.loop import Backoff, Loop, jittered
from backfiller.metrics import Metrics
from backfiller.mirror.hours import HourState
from backfiller.mirror.mirror import HourResult, Mirror
from backfiller.mirror.reread import Reread
from common.changes import Changes
from common.place import Scope
from common.segment import Hour
from common.times import utc_now

log = logging.getLogger(__name__)

SHORTEST_REST_SECONDS = 2.0
LONGEST_REST_SECONDS = 30.0
MOST_BACKOFF_SECONDS = 600.0
MOST_TOLD = 5


class MirrorKeeper:
    """Runs the mirror's pass at an interval and when an hour that ended changes, and counts what it does."""

    def __init__(
        self,
        mirror: Mirror,
        metrics: Metrics,
        scope: Callable[[], Scope],
        interval_seconds: float,
        changes: Changes,
        reread: Reread | None = None,
    ) -> None:
        self.mirror = mirror
        self.reread = RereadKeeper(reread, metrics, interval_seconds) if reread else None
        self._metrics = metrics
        self._scope = scope
        self._interval_seconds = interval_seconds
        self._changes = changes
        self._rest_until = 0.0
        self._counted: Counter[str] = Counter()
        self._wake = Event()
        self._backoff = Backoff(interval_seconds, MOST_BACKOFF_SECONDS)
        self.loop = Loop(
            'mirror',
            self._act,
            backoff=self._backoff,
            on_surprise=metrics.errors.labels('mirror').inc,
            wake=self._wake,
        )

    @property
    def loops(self) -> list[Loop]:
        return [self.loop, self.reread.loop] if self.reread else [self.loop]

    def run(self) -> None:
        beside = [gevent.spawn(self._changes.run)]
        beside += [gevent.spawn(self.reread.loop.run)] if self.reread else []
        try:
            with self._changes.told_to(self._wake, self._concerns_us):
                self.loop.run()
        finally:
            gevent.killall(beside)
            self.mirror.leave()

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
            self._count()
            ended = time.monotonic()
            self._rest_until = ended + min(self._interval_seconds, rest_seconds(ended - started))
        return jittered(self._interval_seconds)

    def _note(self, result: HourResult) -> None:
        self._metrics.mirror.segments.inc(result.uploaded)
        if result.uploaded:
            log.info('%s: %s, segments put: %d', result.hour.path, result.state.value, result.uploaded)
        for problem in result.problems[:MOST_TOLD]:
            log.warning('mirror: %s', problem)

    def _count(self) -> None:
        counts = Counter(result.state for result in self.mirror.hours.values())
        for state in HourState:
            self._metrics.mirror.hours.labels(state.value).set(counts[state])
        sent = Counter(self.mirror.requests)
        for operation, count in (sent - self._counted).items():
            self._metrics.mirror.requests.labels(operation).inc(count)
        self._counted = sent


class RereadKeeper:
    """Looks now and then whether there is something to read back, counts it, and says what is damaged."""

    def __init__(self, reread: Reread, metrics: Metrics, interval_seconds: float) -> None:
        self.tally = reread.tally
        self._reread = reread
        self._metrics = metrics
        self._interval_seconds = interval_seconds
        self.loop = Loop(
            'reading back',
            self._act,
            backoff=Backoff(interval_seconds, MOST_BACKOFF_SECONDS),
            on_surprise=metrics.errors.labels('reread').inc,
        )

    def _act(self) -> float:
        for verdict in self._reread.run():
            self._metrics.mirror.read_back_bytes.inc(verdict.read_bytes)
            self._metrics.mirror.damaged_segments.inc(len(verdict.damaged))
            for problem in [*verdict.damaged, *verdict.unread][:MOST_TOLD]:
                log.warning('mirror: %s', problem.message)
        return jittered(self._interval_seconds)


def rest_seconds(pass_seconds: float) -> float:
    """How long the mirror rests after a pass, so that looking takes a fifth of the time at most."""
    return min(max(SHORTEST_REST_SECONDS, 4 * pass_seconds), LONGEST_REST_SECONDS)
