"""One pass over one peer, or another source: what it does, what it tells, and what it counts."""

import logging
import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache, partial
from typing import Protocol

from backfiller import sync
from backfiller.captured import Captured
from backfiller.metrics import Metrics
from backfiller.passes import PassResult
from backfiller.peer import Peer
from backfiller.setbacks import Setbacks
from backfiller.swarm import Brought, Doubled, Event, Note, Spared, Swarm
from common.errors import ListingError, SourceError, StoreError
from common.offload import offload
from common.place import EVERYTHING, Scope, Troubles
from common.segment import Hour, Segment, shown
from common.wire import HourSummary

log = logging.getLogger(__name__)


class Remote(Protocol):
    """What a pass needs to know of a source to find the hours that may differ from ours."""

    url: str
    refused: set[str]
    """What it listed as streams, variants and hours that are no names, and was not told yet."""

    def summaries(
        self, scope: Scope = EVERYTHING, troubles: Troubles | None = None
    ) -> Iterable[Mapping[Hour, HourSummary | None]]:
        """For each variant its hours, with their summaries as far as they are known."""


class Bring(Protocol):
    """Brings what the source has of these hours and we lack, and says what happens as it happens."""

    def __call__(self, hours: Iterable[Hour], *, wanted: sync.Wanted, note: Note) -> None: ...


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
    captured: Captured | None = None
    """Which variants the cutoff is for; all of them if that is not known."""

    def run(self, peer: Peer, scope: Scope, kind: str) -> PassResult:
        """Fetches what the peer has and we lack. Errors of the peer or the store are in the result."""
        return self.run_over(peer, scope, kind, partial(self.swarm.run, peer))

    def run_over(self, remote: Remote, scope: Scope, kind: str, bring: Bring) -> PassResult:
        """A pass in which the segments come as `bring` brings them."""
        result = PassResult(remote.url, kind, self.clock())
        started = time.monotonic()
        try:
            hours = self._hours(result, remote, scope)
            bring(hours, wanted=self._wanted(result), note=partial(self._note, result))
        except (SourceError, StoreError, ListingError) as error:
            result.error = error
        self._note_refused_folders(result, remote)
        result.seconds = time.monotonic() - started
        self._measure(result)
        return result

    def patience_seconds(self, stream: str, variant: str) -> float:
        """For how long new segments of a variant are left to our own capture."""
        if self.captured and not self.captured.was_captured(stream, variant):
            return 0.0
        return self.cutoff.total_seconds()

    def _hours(self, result: PassResult, remote: Remote, scope: Scope) -> list[Hour]:
        """The hours that differ from ours, as far as fingerprints can tell."""
        troubles: Troubles = []
        differing: list[Hour] = []
        for listed in remote.summaries(scope, troubles):
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
        left = cache(lambda hour: self.captured is None or self.captured.is_captured(hour, newest))

        def wanted(segment: Segment) -> bool:
            if not self.keeps(segment.hour):
                return False
            if segment.start > newest and left(segment.hour):
                result.young += 1
                return False
            stands_back = self.setbacks.stands_back(result.peer, segment)
            if stands_back:
                result.undone[segment.path] = 'it failed a moment ago, and is tried again later'
            elif self.captured:
                self.captured.asked(segment)
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

    def _note_refused_folders(self, result: PassResult, remote: Remote) -> None:
        found, remote.refused = remote.refused, set()
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
