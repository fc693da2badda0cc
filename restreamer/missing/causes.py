"""Why this node did not record what it lacks, as far as its own capture noted it. Waits for the disk."""

import logging
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import NamedTuple

from common.errors import ListingError
from common.skips import Skip, Skips
from common.timeline import TOLERANCE, Interval

log = logging.getLogger(__name__)


class Cause(NamedTuple):
    """What was offered when, and was not taken."""

    span: Interval
    word: str
    segments: int


class Causes:
    """What capture noted of one range of a variant, in order of time."""

    def __init__(self, causes: Sequence[Cause]) -> None:
        self._causes = sorted(causes)
        self._longest = max((each.span.length for each in causes), default=TOLERANCE)

    @classmethod
    def read(cls, root: Path, stream: str, variant: str, within: Interval) -> 'Causes':
        """From the journal in the store; nothing if it cannot be read."""
        ahead = date.fromordinal(
            max(within.start.toordinal() - 1, 1)
        )  # the origin's clock may be, at midnight
        noted = Skips(root).read(stream, variant, since=ahead)
        try:
            known = (_cause(each.skip) for each in noted)
            return cls([each for each in known if each and _shared(each.span, within)])
        except ListingError as error:
            log.warning('%s', error)
            return cls(())

    def of(self, hole: Interval) -> Mapping[str, int]:
        """How many segments of the hole were not taken for which cause."""
        found: Counter[str] = Counter()
        first = bisect_left(self._causes, hole.start - self._longest, key=lambda each: each.span.start)
        for each in self._causes[first:]:
            if each.span.start >= hole.end:
                break
            if _shared(each.span, hole):
                found[each.word] += each.segments
        return found


def _cause(skip: Skip) -> Cause | None:
    """None of what nobody knows the time of."""
    if skip.start is None or skip.duration is None:
        return None
    return Cause(Interval(skip.start, skip.start + skip.duration), skip.cause, skip.count)


def _shared(one: Interval, other: Interval) -> bool:
    """More than what a rounded time may touch."""
    return min(one.end, other.end) - max(one.start, other.start) > TOLERANCE
