"""What plays of one hour, held compactly: a month of them fits in memory and is made in seconds.

It is the choice of `common.timeline` without a Segment for each name. Times are microseconds since 1970.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from common import digest, timeline
from common.members import playable_only
from common.segment import Hour, Segment, hash_in, init_in, microseconds_in
from common.timeline import Interval
from common.times import EPOCH

MICROSECOND = timedelta(microseconds=1)
TOLERANCE_US = timeline.TOLERANCE // MICROSECOND
LONGEST_US = timeline.LONGEST // MICROSECOND

_NOTHING = digest.sha256([])


@dataclass(frozen=True, slots=True)
class Reel:
    """The names that play of an hour, in order of time, each from its `starts` up to its `ends`."""

    hour: Hour
    names: tuple[str, ...]
    starts: 'array[int]'
    ends: 'array[int]'

    @classmethod
    def of(cls, hour: Hour, names: Iterable[str]) -> 'Reel':
        """What `timeline.playable` chooses of the hour's names, none of which is withdrawn."""
        reel = cls._all(hour, [name for name in playable_only(names) if hash_in(name) != _NOTHING])
        return reel if reel._is_simple() else reel._chosen()

    @classmethod
    def _all(cls, hour: Hour, names: Iterable[str]) -> 'Reel':
        base = microseconds(hour.start)
        kept, starts, ends = [], array('q'), array('q')
        for name in names:
            offset, length = microseconds_in(name)
            if 0 < length <= LONGEST_US:
                kept.append(name)
                starts.append(base + offset)
                ends.append(base + offset + length)
        return cls(hour, tuple(kept), starts, ends)

    def __len__(self) -> int:
        return len(self.names)

    @property
    def longest_us(self) -> int:
        return max((end - start for start, end in zip(self.starts, self.ends, strict=True)), default=0)

    @property
    def has_fragments(self) -> bool:
        return any(map(init_in, self.names))

    def segments(self) -> list[Segment]:
        return [Segment.parse(self.hour, name) for name in self.names]

    def part(self, first: int, last: int) -> 'Reel':
        """From the place `first` up to `last`."""
        if first <= 0 and last >= len(self):
            return self
        first = max(first, 0)
        return Reel(self.hour, self.names[first:last], self.starts[first:last], self.ends[first:last])

    def places(self, within: Interval) -> tuple[int, int]:
        """From which place up to which it touches the interval."""
        start, end = microseconds(within.start), microseconds(within.end)
        return bisect_right(self.ends, start), bisect_left(self.starts, end)

    def spans(self) -> list[tuple[int, int]]:
        """What is covered, gaps up to the tolerance closed."""
        spans: list[tuple[int, int]] = []
        begun, edge = 0, -TOLERANCE_US - 1
        for start, end in zip(self.starts, self.ends, strict=True):
            if start - edge > TOLERANCE_US:
                if spans or edge >= 0:
                    spans.append((begun, edge))
                begun = start
            edge = max(end, edge)
        return [*spans, (begun, edge)] if self.names else []

    def _is_simple(self) -> bool:
        """Whether nothing overlaps, as is nearly always so: then there is nothing to choose."""
        follow = all(
            later - edge >= -TOLERANCE_US for edge, later in zip(self.ends, self.starts[1:], strict=False)
        )
        return follow and all(
            end - start > TOLERANCE_US for start, end in zip(self.starts, self.ends, strict=True)
        )

    def _chosen(self) -> 'Reel':
        return Reel._all(self.hour, [segment.name for segment in timeline.best(self.segments())])


def joined(reels: Iterable[Reel]) -> Iterator[Reel]:
    """Hours in order of time as they play one after the other, each without what gives way to another."""
    last: Reel | None = None
    for reel in filter(len, reels):
        following = reel
        if last is not None:
            last, following = _reconciled(last, reel)
            if len(last) and len(following):
                yield last
        last = following if len(following) else last
    if last is not None and len(last):
        yield last


def reaches_into(end_us: int, start_us: int) -> bool:
    """Whether what ends then may overlap what starts then so much that one has to give way."""
    return end_us > start_us


def _reconciled(earlier: Reel, later: Reel) -> tuple[Reel, Reel]:
    """Whatever gives way is at the end of the first, or at the beginning of the second."""
    if not reaches_into(earlier.ends[-1], later.starts[0]):
        return earlier, later
    tail = earlier.part(bisect_right(earlier.ends, later.starts[0]), len(earlier))
    head = later.part(0, bisect_left(later.starts, earlier.ends[-1]))
    left, right = timeline.reconciled(tail.segments(), head.segments())
    return (
        earlier.part(0, len(earlier) - len(tail) + len(left)),
        later.part(len(head) - len(right), len(later)),
    )


def covered(spans: Iterable[tuple[int, int]]) -> list[Interval]:
    """Spans as intervals."""
    return [Interval(moment(start), moment(end)) for start, end in spans]


def microseconds(time: datetime) -> int:
    return (time - EPOCH) // MICROSECOND


def moment(time_us: int) -> datetime:
    return EPOCH + time_us * MICROSECOND
