"""Sets of instants as sorted intervals that do not touch: what is left, what is shared, how long it is.

Pure functions. All that remains and is no longer than the timeline's tolerance counts as nothing.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator

from common.timeline import TOLERANCE, Interval, gaps

Spans = tuple[Interval, ...]


def joined(*many: Iterable[Interval]) -> Spans:
    """What lies in any of them; what is apart by no more than the tolerance is one."""
    found: list[Interval] = []
    for each in sorted(interval for spans in many for interval in spans):
        if found and each.start - found[-1].end <= TOLERANCE:
            found[-1] = Interval(found[-1].start, max(found[-1].end, each.end))
        else:
            found.append(each)
    return tuple(found)


def cut(spans: Spans, within: Interval) -> Spans:
    """What of them lies within the interval; cheap however many they are."""
    return tuple(_cut(spans, within))


def without(spans: Spans, taken: Spans) -> Spans:
    """What is left of the one without the other."""
    return tuple(rest for each in spans for rest in gaps(cut(taken, each), each))


def shared(spans: Spans, others: Spans) -> Spans:
    """What lies in both."""
    return tuple(part for each in spans for part in _cut(others, each))


def seconds(spans: Iterable[Interval]) -> float:
    return round(sum((each.seconds for each in spans), 0.0), 6)


def _cut(spans: Spans, within: Interval) -> Iterator[Interval]:
    first = max(0, bisect_right(spans, within.start, key=lambda each: each.start) - 1)
    for number in range(first, len(spans)):
        each = spans[number]
        if each.start >= within.end:
            return
        piece = Interval(max(each.start, within.start), min(each.end, within.end))
        if piece.length > TOLERANCE:
            yield piece
