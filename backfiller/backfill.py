"""One pass over one peer: what it does, what it tells, and what it counts."""

import logging
import random
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import gevent

from backfiller import sync
from backfiller.metrics import Metrics
from backfiller.peer import Peer
from backfiller.setbacks import Setbacks
from common.errors import ListingError, SourceError, StoreError
from common.place import Scope, Store, Troubles
from common.segment import Hour, Segment, shown
from common.wire import HourSummary

log = logging.getLogger(__name__)

NAMES_SHOWN = 5
EVENTS_AT_ONCE = 500


@dataclass
class PassResult:
    """What a pass over one peer did. `undone` are the segments that it could not bring, by path."""

    peer: str
    kind: str
    started: datetime
    seconds: float = 0.0
    hours: int = 0
    compared: int = 0
    missing: int = 0
    fetched: int = 0
    fetched_bytes: int = 0
    refused: int = 0
    unlisted: int = 0
    undone: dict[str, str] = field(default_factory=dict)
    error: SourceError | StoreError | ListingError | None = None

    def followed_by(self, later: 'PassResult') -> 'PassResult':
        """Both passes as one."""
        return replace(
            later,
            started=self.started,
            seconds=self.seconds + later.seconds,
            fetched=self.fetched + later.fetched,
            fetched_bytes=self.fetched_bytes + later.fetched_bytes,
            refused=max(self.refused, later.refused),
            undone=self.undone | later.undone,
        )

    @property
    def bytes_per_second(self) -> float:
        return self.fetched_bytes / self.seconds if self.seconds else 0.0

    @property
    def left(self) -> int:
        """How many of the peer's segments we are known to lack after the pass."""
        return self.missing - self.fetched if self.error else len(self.undone)

    @property
    def complete(self) -> bool:
        return not (self.undone or self.unlisted or self.error)


@dataclass(frozen=True)
class Backfill:
    """How passes over any peer are done: `run` is one of them."""

    target: Store
    work: sync.Work
    metrics: Metrics
    setbacks: Setbacks
    clock: Callable[[], datetime]
    order: str = 'newest'
    cutoff: timedelta = timedelta()
    ours: Callable[[Iterable[Hour]], Mapping[Hour, HourSummary]] = lambda _: {}
    """What we hold in each hour; an hour of which nothing is said is compared by its names."""

    def run(self, peer: Peer, scope: Scope, kind: str) -> PassResult:
        """Fetches what the peer has and we lack. Errors of the peer or the store are in the result."""
        result = PassResult(peer.url, kind, self.clock())
        started = time.monotonic()
        try:
            hours = self._hours(result, peer, scope)
            events = sync.sync(peer, self.target, hours, work=self.work, wanted=self._wanted(result))
            for number, event in enumerate(events):
                self._note(result, event)
                if number % EVENTS_AT_ONCE == 0:
                    gevent.sleep(0)  # a listing of a million odd names must not keep others waiting
        except (SourceError, StoreError, ListingError) as error:
            result.error = error
        self._note_refused_folders(result, peer)
        result.seconds = time.monotonic() - started
        self._measure(result)
        return result

    def _hours(self, result: PassResult, peer: Peer, scope: Scope) -> list[Hour]:
        """The hours that differ from ours, as far as fingerprints can tell."""
        troubles: Troubles = []
        differing: list[Hour] = []
        for theirs in peer.summaries(scope, troubles):
            ours = self.ours(theirs)
            differing += [hour for hour, summary in theirs.items() if summary != ours.get(hour)]
            result.hours += len(theirs)
        for trouble in troubles:
            self._note_unlisted(result, trouble)
        return arranged(differing, self.order)

    def _wanted(self, result: PassResult) -> Callable[[Segment], bool]:
        """Leaves out what our own capture may still bring, and what failed at this peer a moment ago."""
        newest = result.started - self.cutoff

        def wanted(segment: Segment) -> bool:
            if segment.start > newest:
                return False
            stands_back = self.setbacks.stands_back(result.peer, segment)
            if stands_back:
                result.undone[segment.path] = 'it failed a moment ago, and is tried again later'
            return not stands_back

        return wanted

    def _note(self, result: PassResult, event: sync.Event) -> None:
        match event:
            case sync.Compared(_, missing):
                result.compared += 1
                result.missing += missing
            case sync.Added(segment, size_bytes):
                result.fetched += 1
                result.fetched_bytes += size_bytes
                result.undone.pop(segment.path, None)
                self.metrics.backfilled(result.peer, segment, size_bytes)
                self.setbacks.forget(result.peer, segment)
            case sync.Failed(segment, error):
                result.undone[segment.path] = str(error)
                self.metrics.failed.labels(result.peer, error.reason).inc()
                self.setbacks.note(result.peer, segment)
                log.warning('%s: %s', result.peer, error)
            case sync.Refused(_, name):
                self._note_refused(result, name)
            case sync.Unlisted(_, problem):
                self._note_unlisted(result, problem)

    def _note_unlisted(self, result: PassResult, problem: ListingError) -> None:
        result.unlisted += 1
        self.metrics.unlisted.labels(result.peer).inc()
        log.warning('%s: %s', result.peer, problem)

    def _note_refused_folders(self, result: PassResult, peer: Peer) -> None:
        while peer.refused:
            self._note_refused(result, peer.refused.pop())

    def _note_refused(self, result: PassResult, name: str) -> None:
        result.refused += 1
        self.metrics.refused.labels(result.peer).inc()
        if result.refused <= NAMES_SHOWN:
            log.warning('%s lists %s, which is no name of ours: left alone', result.peer, shown(name))

    def _measure(self, result: PassResult) -> None:
        self.metrics.passes.labels(result.peer, 'complete' if result.complete else 'incomplete').inc()
        self.metrics.pass_seconds.labels(result.peer, result.kind).observe(result.seconds)
        if not (result.error or result.unlisted):
            self.metrics.missing.labels(result.peer).set(result.left)
        if result.complete:
            self.metrics.last_success.labels(result.peer).set(self.clock().timestamp())


def arranged(hours: Iterable[Hour], order: str) -> list[Hour]:
    """The hours `newest` first, `oldest` first, or at `random`."""
    found = sorted(hours, key=lambda hour: (hour.text, hour.stream, hour.variant), reverse=order == 'newest')
    if order == 'random':
        random.shuffle(found)
    return found
