"""The heart: adds to a target what it lacks of a source.

Backfilling is `sync(peer, disk)`, mirroring `sync(disk, bucket)`, restoring `sync(bucket, disk)`. A pass
keeps no state of its own: the target's listing says what is done, so a crash is repaired by the next pass.

    listing of the source - listing of the target = missing -> read -> add

Where several peers have what is missing, `backfiller.plan` stands between the two halves, and says who brings
what: `compare` is done for each peer, and a lane reads and adds each share.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

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
    """The source lists so many things that are no names, such as these."""

    hour: Hour
    count: int
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unlisted:
    """The hour could not be compared."""

    hour: Hour
    error: ListingError


Event = Compared | Added | Failed | Refused | Unlisted


MOST_ALIKE = 100
"""Of more segments of one hour with the same bytes, the others are not looked at as twins."""


class Known:
    """What a pass knows to be in one hour of the target.

    With `skip_twins` a segment is also there if another capture took the same at nearly the same time.
    """

    def __init__(self, hour: Hour, names: set[str], *, skip_twins: bool = False) -> None:
        self._hour = hour
        self._skip_twins = skip_twins
        self.names = names
        self._by_hash: dict[str, list[str | Segment]] = {}
        for name in names if skip_twins else ():
            self._by_hash.setdefault(hash_in(name), []).append(name)

    def lacks(self, segment: Segment) -> bool:
        """Whether neither the segment is there, nor its tombstone, nor a twin if twins are skipped."""
        if segment.name in self.names or tombstone_name(segment.name) in self.names:
            return False
        alike = self._by_hash.get(segment.hash, [])
        for place, each in enumerate(alike[:MOST_ALIKE]):
            if isinstance(each, str):
                each = alike[place] = Segment.parse(self._hour, each)
            if each.is_twin_of(segment):
                return False
        return True

    def add(self, segment: Segment) -> None:
        self.names.add(segment.name)
        if self._skip_twins:
            self._by_hash.setdefault(segment.hash, []).append(segment)


@dataclass(frozen=True, slots=True)
class Difference:
    """What a target lacks of an hour of a source, and names that are none.

    Tombstones come first, then init sections, so that what needs them can be played at once, then the rest by
    time.
    """

    missing: list[Segment]
    refused: list[str]


NAMES_SHOWN = 5

Wanted = Callable[[Segment], bool]
Carry = Callable[[Source, Store, Sequence[Segment]], Iterable[Added | Failed]]


def everything(_: Segment) -> bool:
    return True


def compare(hour: Hour, theirs: set[str], known: Known, wanted: Wanted = everything) -> Difference:
    """The difference of a listing to what is known to be there; `wanted` may leave segments out.

    Listings are compared as they are, and only what is missing is parsed: parsing all of them would cost ten
    times the comparison.
    """
    missing, refused = [], []
    for name in without_withdrawn(theirs) - known.names:
        try:
            segment = Segment.parse(hour, name)
        except SegmentError:
            refused.append(name)
            continue
        if known.lacks(segment) and wanted(segment):
            missing.append(segment)
    missing.sort(key=lambda each: (not each.withdrawal, not each.is_init, each.name))
    return Difference(missing, refused)


def refused(hour: Hour, names: Sequence[str]) -> Refused:
    return Refused(hour, len(names), tuple(names[:NAMES_SHOWN]))


def transfer(source: Source, target: Store, segments: Sequence[Segment]) -> Iterator[Added | Failed]:
    """Adds the segments of the source to the target, one after the other; raises SourceError, StoreError."""
    for segment, chunks in source.read(segments):
        try:
            yield Added(segment, target.add(segment, chunks))
        except SegmentError as error:
            yield Failed(segment, error)


def sync(
    source: Source,
    target: Store,
    hours: Iterable[Hour],
    *,
    wanted: Wanted = everything,
    carry: Carry = transfer,
    skip_twins: bool = False,
) -> Iterator[Event]:
    """Adds what the target lacks of the source in these hours, and says what happens as it happens.

    `carry` is how; with `skip_twins` one of several twins is enough. Raises SourceError or StoreError, which
    end the pass: nothing that was added is lost, and the rest is found again by the next one.
    """
    for hour in hours:
        try:
            theirs = source.names(hour)
            known = Known(hour, target.names(hour) if theirs else set(), skip_twins=skip_twins)
            difference = compare(hour, theirs, known, wanted)
        except ListingError as error:
            yield Unlisted(hour, error)
            continue
        if difference.refused:
            yield refused(hour, difference.refused)
        yield Compared(hour, len(difference.missing))
        yield from carry(source, target, difference.missing)
