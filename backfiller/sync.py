"""The heart: adds to a target what it lacks of a source.

Backfilling is `sync(peer, disk)`, mirroring `sync(disk, bucket)`, restoring `sync(bucket, disk)`. A pass
keeps no state of its own: the target's listing says what is done, so a crash is repaired by the next pass.

    listing of the source - listing of the target = missing -> claim -> read -> add

Passes into one target may run side by side. They share a `Work`, which lets a segment be fetched by one of
them at a time; what another pass has claimed is looked at again at the end, in case it failed there.
"""

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from common.errors import ListingError, SegmentError
from common.place import Source, Store
from common.segment import Hour, Segment, hash_in, tombstone_name, without_withdrawn


@dataclass(frozen=True, slots=True)
class Compared:
    """An hour of both places was listed: the target lacks `missing` segments of the source."""

    hour: Hour
    missing: int


@dataclass(frozen=True, slots=True)
class Added:
    """The target holds the segment now."""

    segment: Segment
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Failed:
    """The segment could not be had from this source, or not be kept."""

    segment: Segment
    error: SegmentError


@dataclass(frozen=True, slots=True)
class Refused:
    """The source lists something that is no name."""

    hour: Hour
    name: str


@dataclass(frozen=True, slots=True)
class Unlisted:
    """The hour could not be compared."""

    hour: Hour
    error: ListingError


Event = Compared | Added | Failed | Refused | Unlisted


class Known:
    """What a pass knows to be in one hour of the target.

    With `skip_twins` a segment is also there if another capture took the same at nearly the same time.
    """

    def __init__(self, hour: Hour, names: set[str], *, skip_twins: bool = False) -> None:
        self._hour = hour
        self._skip_twins = skip_twins
        self.names = names
        self._by_hash: dict[str, list[str]] = {}
        for name in names if skip_twins else ():
            self._by_hash.setdefault(hash_in(name), []).append(name)

    def lacks(self, segment: Segment) -> bool:
        """Whether neither the segment is there, nor its tombstone, nor a twin if twins are skipped."""
        if segment.name in self.names or tombstone_name(segment.name) in self.names:
            return False
        alike = self._by_hash.get(segment.hash, ())
        return not any(Segment.parse(self._hour, name).is_twin_of(segment) for name in alike)

    def add(self, segment: Segment) -> None:
        self.names.add(segment.name)
        if self._skip_twins:
            self._by_hash.setdefault(segment.hash, []).append(segment.name)


class Visit(Protocol):
    """One pass in one hour of the target."""

    known: Known

    def claim(self, segment: Segment, *, wait: bool) -> bool:
        """Takes the segment for this pass; False if another pass has it and `wait` is off."""

    def release(self, segment: Segment, *, held: bool) -> None:
        """Ends the claim; `held` says that the target has the segment now."""


class Work(Protocol):
    """What passes into one target share."""

    def visit(self, hour: Hour, target: Store) -> AbstractContextManager[Visit]:
        """The hour as all passes that are in it know it; raises what `target.names` does."""


def everything(_: Segment) -> bool:
    return True


def sync(
    source: Source,
    target: Store,
    hours: Iterable[Hour],
    *,
    work: Work,
    wanted: Callable[[Segment], bool] = everything,
) -> Iterator[Event]:
    """Adds what the target lacks of the source in these hours, and says what happens as it happens.

    `wanted` may leave segments out. Raises SourceError or StoreError, which end the pass: nothing that was
    added is lost, and the rest is found again by the next one.
    """
    later: list[tuple[Hour, list[Segment]]] = []
    for hour in hours:
        claimed_by_others: list[Segment] = []
        yield from _sync_hour(source, target, hour, work, wanted, claimed_by_others)
        if claimed_by_others:
            later.append((hour, claimed_by_others))
    for hour, segments in later:
        yield from _sync_rest(source, target, hour, work, segments)


def _sync_hour(
    source: Source,
    target: Store,
    hour: Hour,
    work: Work,
    wanted: Callable[[Segment], bool],
    claimed_by_others: list[Segment],
) -> Iterator[Event]:
    try:
        theirs = source.names(hour)
        if not theirs:
            return
        with work.visit(hour, target) as visit:
            missing = yield from _missing(hour, theirs, visit.known, wanted)
            yield Compared(hour, len(missing))
            yield from _transfer(source, target, visit, _free(visit, missing, claimed_by_others))
    except ListingError as error:
        yield Unlisted(hour, error)


def _sync_rest(
    source: Source, target: Store, hour: Hour, work: Work, segments: list[Segment]
) -> Iterator[Event]:
    """What other passes had claimed, unless they brought it."""
    try:
        with work.visit(hour, target) as visit:
            yield from _transfer(source, target, visit, _awaited(visit, segments))
    except ListingError as error:
        yield Unlisted(hour, error)


def _missing(
    hour: Hour, theirs: set[str], known: Known, wanted: Callable[[Segment], bool]
) -> Generator[Event, None, list[Segment]]:
    """Yields the names to refuse, and returns the segments to fetch: tombstones first, then by time."""
    missing = []
    for name in without_withdrawn(theirs) - known.names:
        try:
            segment = Segment.parse(hour, name)
        except SegmentError:
            yield Refused(hour, name)
            continue
        if known.lacks(segment) and wanted(segment):
            missing.append(segment)
    return sorted(missing, key=lambda each: (not each.withdrawal, each.name))


def _free(visit: Visit, segments: Iterable[Segment], claimed_by_others: list[Segment]) -> Iterator[Segment]:
    """Claims each segment when its turn comes, and sets aside those that another pass has claimed."""
    for segment in segments:
        if visit.claim(segment, wait=False):
            yield from _if_lacking(visit, segment)
        else:
            claimed_by_others.append(segment)


def _awaited(visit: Visit, segments: Iterable[Segment]) -> Iterator[Segment]:
    """Claims each segment as soon as no other pass has it."""
    for segment in segments:
        if visit.claim(segment, wait=True):
            yield from _if_lacking(visit, segment)


def _if_lacking(visit: Visit, segment: Segment) -> Iterator[Segment]:
    """A claimed segment, unless another pass brought it, or its twin, in the meantime."""
    if visit.known.lacks(segment):
        yield segment
    else:
        visit.release(segment, held=False)


def _transfer(source: Source, target: Store, visit: Visit, segments: Iterable[Segment]) -> Iterator[Event]:
    for segment, chunks in source.read(segments):
        event: Added | Failed
        try:
            event = Added(segment, target.add(segment, chunks))
        except SegmentError as error:
            event = Failed(segment, error)
        visit.release(segment, held=isinstance(event, Added))
        yield event
