"""Which segments to play for a range of time, and what is missing. Pure functions of their arguments.

The choice is the same on every node that holds the same set: full over suspect over partial, then the
longer, then the higher hash. It is made hour by hour, and then where an hour reaches into the next, so that
it is also the same for every range that is asked for.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Protocol

from common import digest
from common.segment import ONE_HOUR, TYPES, Segment
from common.times import EPOCH, iso

TOLERANCE = timedelta(milliseconds=10)
"""Segments may overlap, or leave a gap, by this much and still count as following each other."""

LONGEST = timedelta(minutes=10)
"""A segment that says it lasts longer is a mistake, and would hide all that others recorded meanwhile."""

_NOTHING = digest.sha256([])
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, order=True)
class Interval:
    """From `start` up to `end`, both timezone-aware."""

    start: datetime
    end: datetime

    @property
    def length(self) -> timedelta:
        return self.end - self.start

    @property
    def seconds(self) -> float:
        return self.length.total_seconds()

    def told(self) -> dict[str, str | float]:
        """As it stands in manifests and in what we answer."""
        return {'start': iso(self.start), 'end': iso(self.end), 'seconds': round(self.seconds, 6)}


@dataclass(frozen=True, slots=True)
class Coverage:
    """What of `range` is covered by segments."""

    range: Interval
    covered: tuple[Interval, ...]
    holes: tuple[Interval, ...]

    @property
    def ratio(self) -> float:
        """The covered share of the range, 0 to 1."""
        missing = sum((hole.length for hole in self.holes), timedelta())
        return 1 - missing / self.range.length if self.range.length else 1.0

    def per_minute(self) -> Iterator[tuple[datetime, float]]:
        """Each minute that the range touches, with the covered share of its part in the range."""
        return self._per(_MINUTE)

    def per_hour(self) -> Iterator[tuple[datetime, float]]:
        """The same of each hour."""
        return self._per(ONE_HOUR)

    def _per(self, length: timedelta) -> Iterator[tuple[datetime, float]]:
        starts = [interval.start for interval in self.covered]
        for part in _parts(self.range, length):
            first = max(0, bisect_right(starts, part.start) - 1)
            last = bisect_left(starts, part.end)
            yield part.start, _share(part, self.covered[first:last])


def playable(segments: Iterable[Segment], within: Interval | None = None) -> list[Segment]:
    """The best segment for each instant, in order of time, overlapping by at most TOLERANCE.

    Leaves out init sections and tombstones, segments of no length or no bytes or more than LONGEST, fragments
    whose init section is not among the segments of their hour, and what is wholly outside of `within`.
    """
    held = list(segments)
    sections = {(segment.hour, segment.hash) for segment in held if segment.is_init}
    return best((each for each in held if not each.init or (each.hour, each.init) in sections), within)


def best(segments: Iterable[Segment], within: Interval | None = None) -> list[Segment]:
    """As `playable`, of segments whose init sections are known to be there."""
    candidates = sorted(filter(_can_play, segments), key=lambda segment: (segment.start, segment.name))
    chosen: list[Segment] = []
    for _, hour in groupby(candidates, key=lambda segment: segment.hour.text):
        left, right = reconciled(chosen, _chosen_of(list(hour)))
        chosen = [*left, *right]
    return [segment for segment in chosen if _touches(segment, within)]


def reconciled(earlier: Sequence[Segment], later: Sequence[Segment]) -> tuple[list[Segment], list[Segment]]:
    """What is chosen of two hours, each without what gives way where the first reaches into the second."""
    if not (earlier and later):
        return list(earlier), list(later)
    tail = [segment for segment in earlier if segment.end > later[0].start]
    head = [segment for segment in later if segment.start < earlier[-1].end]
    gone = {*tail, *head} - set(_best_of([*tail, *head]))
    left, right = ([segment for segment in hour if segment not in gone] for hour in (earlier, later))
    return left, right


class Span(Protocol):
    """Anything that lasts from `start` to `end`, both timezone-aware."""

    @property
    def start(self) -> datetime: ...

    @property
    def end(self) -> datetime: ...


def coverage(spans: Iterable[Span], within: Interval) -> Coverage:
    """What spans in order, as `playable` segments are, cover of `within`; TOLERANCE makes no hole."""
    covered: list[Interval] = []
    for span in spans:
        piece = Interval(max(span.start, within.start), min(span.end, within.end))
        if piece.end <= piece.start:
            continue
        if covered and piece.start - covered[-1].end <= TOLERANCE:
            covered[-1] = Interval(covered[-1].start, max(piece.end, covered[-1].end))
        else:
            covered.append(piece)
    return Coverage(within, tuple(covered), tuple(gaps(covered, within)))


def gaps(covered: Iterable[Interval], within: Interval) -> Iterator[Interval]:
    """What the intervals, in order of their starts, leave of the range; not what the tolerance forgives."""
    edge = within.start
    for interval in covered:
        if interval.start - edge > TOLERANCE:
            yield Interval(edge, interval.start)
        edge = max(edge, interval.end)
    if within.end - edge > TOLERANCE:
        yield Interval(edge, within.end)


def follows(earlier: Segment, later: Segment) -> bool:
    """Whether no hole lies between two segments."""
    return later.start - earlier.end <= TOLERANCE


def continues(earlier: Segment, later: Segment) -> bool:
    """Whether neither a hole lies between two segments nor another init section begins."""
    return follows(earlier, later) and earlier.init == later.init


def _can_play(segment: Segment) -> bool:
    lasts = timedelta() < segment.duration <= LONGEST
    return lasts and not segment.withdrawal and segment.hash != _NOTHING


def _touches(segment: Segment, within: Interval | None) -> bool:
    return within is None or (segment.start < within.end and segment.end > within.start)


def _chosen_of(candidates: list[Segment]) -> list[Segment]:
    return [chosen for group in _overlapping(candidates) for chosen in _best_of(group)]


def _overlapping(candidates: list[Segment]) -> Iterator[list[Segment]]:
    """Runs of segments, sorted by start, that overlap each other; nearly all are of one segment."""
    group: list[Segment] = []
    end = datetime.min.replace(tzinfo=UTC)
    for segment in candidates:
        if group and segment.start >= (end if _is_short(segment, group[-1]) else end - TOLERANCE):
            yield group
            group = []
        end = max(end, segment.end) if group else segment.end
        group.append(segment)
    if group:
        yield group


def _is_short(*segments: Segment) -> bool:
    """Whether one may lie within another though they overlap by no more than the tolerance."""
    return any(segment.duration <= TOLERANCE for segment in segments)


def _best_of(group: list[Segment]) -> list[Segment]:
    """The best of a group, then the best that still fits beside it, and so on."""
    chosen: list[Segment] = []
    for segment in sorted(group, key=_rank):
        place = bisect_left(chosen, segment.start, key=lambda each: each.start)
        neighbours = chosen[max(0, place - 1) : place + 1]
        if not any(_overlap(segment, other) for other in neighbours):
            chosen.insert(place, segment)
    return chosen


def _overlap(one: Segment, other: Segment) -> bool:
    """By more than the tolerance; or one lies within the other, however short it is."""
    shared = min(one.end, other.end) - max(one.start, other.start)
    return shared > TOLERANCE or shared >= min(one.duration, other.duration)


def _rank(segment: Segment) -> tuple[int, timedelta, list[int], str]:
    """Lowest is best."""
    return (
        TYPES.index(segment.type),
        -segment.duration,
        [-ord(character) for character in segment.hash],
        segment.name,
    )


def _parts(within: Interval, length: timedelta) -> Iterator[Interval]:
    """The minutes, or hours, of the clock that the range touches, as far as it does."""
    start = within.start
    while start < within.end:
        whole = start - (start - EPOCH) % length
        end = min(whole + length, within.end)
        yield Interval(start, end)
        start = end


def _share(part: Interval, covered: Sequence[Interval]) -> float:
    pieces = [Interval(max(each.start, part.start), min(each.end, part.end)) for each in covered]
    return sum(max(0.0, piece.seconds) for piece in pieces) / part.seconds
