"""What is to be derived: of the newest segments of a source, those whose derived one is not there.

All of it waits for the disk. The listing is the truth: what was made before a restart, or by another node and
brought here, is there, and so is what was withdrawn.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from backfiller.live.layout import LARGEST_SKEW, Variant
from backfiller.live.newest import held
from common.disk import Disk
from common.segment import TWIN_TOLERANCE, TYPES, Segment
from common.timeline import Interval, playable


@dataclass(frozen=True)
class Job:
    """A segment of the source, and the derived variant that lacks it."""

    source: Segment
    variant: str


def lacking(
    disk: Disk, source: Variant, variants: Sequence[str], now: datetime, length: timedelta
) -> list[Job]:
    """What the derived variants lack of the last `length`, the newest first; raises ListingError.

    Only what plays of the source is looked at: the best for each instant, and nothing that was withdrawn.
    """
    within = Interval(now - length, now + LARGEST_SKEW)
    plays = [each for each in playable(held(disk, source, within), within) if each.start >= within.start]
    there = {name: _There.of(held(disk, Variant(source.stream, name), within)) for name in variants}
    return [
        Job(segment, name) for segment in reversed(plays) for name in variants if not there[name].has(segment)
    ]


def is_lacking(disk: Disk, job: Job) -> bool:
    """Whether the source is still held, and the derived one still not; raises ListingError."""
    source = job.source
    around = Interval(source.start, source.start + timedelta(microseconds=1))
    if source.name not in disk.names(source.hour):
        return False
    return not _There.of(held(disk, Variant(source.hour.stream, job.variant), around)).has(source)


class _There:
    """When the segments of a variant start, and how good they are; a withdrawn one is never made again."""

    def __init__(self, found: list[tuple[datetime, int]]) -> None:
        self._found = found

    @classmethod
    def of(cls, segments: Iterator[Segment]) -> '_There':
        return cls(
            sorted(
                (each.start, -1 if each.withdrawal else _rank(each)) for each in segments if not each.is_init
            )
        )

    def has(self, source: Segment) -> bool:
        """Whether one starts with the source, or as good as, that is no worse than that."""
        at = bisect_left(self._found, (source.start - TWIN_TOLERANCE, -1))
        for start, rank in self._found[at:]:
            if start > source.start + TWIN_TOLERANCE:
                return False
            if rank <= _rank(source):
                return True
        return False


def _rank(segment: Segment) -> int:
    """The lowest is the best."""
    return TYPES.index(segment.type)
