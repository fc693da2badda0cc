"""One pass over one peer: what it does, what it tells, and what it counts."""

import logging
import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial

from backfiller import sync
from backfiller.metrics import Metrics
from backfiller.peer import Peer
from backfiller.setbacks import Setbacks
from backfiller.swarm import Brought, Doubled, Event, Spared, Swarm
from common.errors import ListingError, SourceError, StoreError
from common.offload import offload
from common.place import Scope, Troubles
from common.segment import Hour, Segment, shown
from common.wire import HourSummary

log = logging.getLogger(__name__)


@dataclass
class PassResult:
    """What a pass over one peer did.

    Of the `missing` segments it `fetched` some, and was `spared` others that another peer brought; `doubled`
    were asked of it although another peer was at it. `undone` are those it could not bring, by path.
    """

    peer: str
    kind: str
    started: datetime
    seconds: float = 0.0
    hours: int = 0
    compared: int = 0
    missing: int = 0
    fetched: int = 0
    fetched_bytes: int = 0
    spared: int = 0
    doubled: int = 0
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
            spared=self.spared + later.spared,
            doubled=self.doubled + later.doubled,
            refused=max(self.refused, later.refused),
            undone=self.undone | later.undone,
        )

    @property
    def bytes_per_second(self) -> float:
        return self.fetched_bytes / self.seconds if self.seconds else 0.0

    @property
    def left(self) -> int:
        """How many of the peer's segments we are known to lack after the pass."""
        return self.missing - self.fetched - self.spared if self.error else len(self.undone)

    @property
    def complete(self) -> bool:
        return not (self.undone or self.unlisted or self.error)


@dataclass(frozen=True)
class Backfill:
    """How passes over any peer are done: `run` is one of them."""

    swarm: Swarm
    metrics: Metrics
    setbacks: Setbacks
    clock: Callable[[], datetime]
    order: str = 'newest'
    cutoff: timedelta = timedelta()
    ours: Callable[[Iterable[Hour]], Mapping[Hour, HourSummary]] = lambda _: {}
    """What we hold in each hour; an hour of which nothing is said is compared by its names."""
    keeps: Callable[[Hour], bool] = lambda _: True
    """Whether the hour is kept here at all: others are not looked at."""

    def run(self, peer: Peer, scope: Scope, kind: str) -> PassResult:
        """Fetches what the peer has and we lack. Errors of the peer or the store are in the result."""
        result = PassResult(peer.url, kind, self.clock())
        started = time.monotonic()
        try:
            hours = self._hours(result, peer, scope)
            self.swarm.run(peer, hours, wanted=self._wanted(result), note=partial(self._note, result))
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
        for listed in peer.summaries(scope, troubles):
            theirs = {hour: summary for hour, summary in listed.items() if self.keeps(hour)}
            differing += offload(_differing, theirs, self.ours(theirs))
            result.hours += len(theirs)
        for trouble in troubles:
            self._note_unlisted(result, trouble)
        return arranged(differing, self.order)

    def _wanted(self, result: PassResult) -> Callable[[Segment], bool]:
        """Leaves out what our own capture may still bring, what failed at this peer a moment ago, and hours
        that were let go since the pass began."""
        newest = result.started - self.cutoff

        def wanted(segment: Segment) -> bool:
            if segment.start > newest or not self.keeps(segment.hour):
                return False
            stands_back = self.setbacks.stands_back(result.peer, segment)
            if stands_back:
                result.undone[segment.path] = 'it failed a moment ago, and is tried again later'
            return not stands_back

        return wanted

    def _note(self, result: PassResult, event: Event) -> None:
        match event:
            case sync.Compared(_, missing):
                result.compared += 1
                result.missing += missing
            case Brought(added):
                self._note_brought(result, added)
            case sync.Failed(segment, error):
                result.undone[segment.path] = str(error)
                self.metrics.failed.labels(result.peer, error.reason).inc()
                self.setbacks.note(result.peer, segment)
                log.warning('%s: %s', result.peer, error)
            case Spared():
                result.spared += 1
                self.metrics.avoided.labels(result.peer).inc()
            case Doubled(segments):
                result.doubled += len(segments)
                self.metrics.doubled.labels(result.peer).inc(len(segments))
            case sync.Refused(_, count, names):
                self._note_refused(result, count, names)
            case sync.Unlisted(_, problem):
                self._note_unlisted(result, problem)

    def _note_brought(self, result: PassResult, added: Sequence[sync.Added]) -> None:
        size_bytes = sum(each.size_bytes for each in added)
        result.fetched += len(added)
        result.fetched_bytes += size_bytes
        self.metrics.backfilled(result.peer, added[0].segment.hour, len(added), size_bytes)
        self.metrics.batches.labels(result.peer).inc()
        for each in added:
            result.undone.pop(each.segment.path, None)
            self.setbacks.forget(result.peer, each.segment)

    def _note_unlisted(self, result: PassResult, problem: ListingError) -> None:
        result.unlisted += 1
        self.metrics.unlisted.labels(result.peer).inc()
        log.warning('%s: %s', result.peer, problem)

    def _note_refused_folders(self, result: PassResult, peer: Peer) -> None:
        found, peer.refused = peer.refused, set()
        if found:
            self._note_refused(result, len(found), sorted(found))

    def _note_refused(self, result: PassResult, count: int, names: Sequence[str]) -> None:
        for name in names[: max(0, sync.NAMES_SHOWN - result.refused)]:
            log.warning('%s lists %s, which is no name of ours: left alone', result.peer, shown(name))
        result.refused += count
        self.metrics.refused.labels(result.peer).inc(count)

    def _measure(self, result: PassResult) -> None:
        self.metrics.passes.labels(result.peer, 'complete' if result.complete else 'incomplete').inc()
        self.metrics.pass_seconds.labels(result.peer, result.kind).observe(result.seconds)
        if not (result.error or result.unlisted):
            self.metrics.missing.labels(result.peer).set(result.left)
        if result.complete:
            self.metrics.last_success.labels(result.peer).set(self.clock().timestamp())


def _differing(theirs: Mapping[Hour, HourSummary | None], ours: Mapping[Hour, HourSummary]) -> list[Hour]:
    return [hour for hour, summary in theirs.items() if summary != ours.get(hour)]


def arranged(hours: Iterable[Hour], order: str) -> list[Hour]:
    """The hours `newest` first, `oldest` first, or at `random`."""
    found = sorted(hours, key=lambda hour: (hour.text, hour.stream, hour.variant), reverse=order == 'newest')
    if order == 'random':
        random.shuffle(found)
    return found
