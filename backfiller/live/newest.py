"""The newest segments of a store. All of it waits for the disk."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from backfiller.live.layout import LARGEST_SKEW, RECENT, Variant
from common.disk import Disk
from common.place import Scope
from common.segment import ONE_HOUR, Hour, Segment, is_init
from common.timeline import Interval, playable

REACHES_IN = timedelta(minutes=1)
"""How long before a range a segment may have begun that is looked for in it."""


def variants_of_late(disk: Disk, scope: Scope, now: datetime) -> set[Variant]:
    """The variants that something was recorded of in the last hour or two; raises ListingError."""
    return {
        variant
        for stream in filter(scope.admits_stream, disk.streams())
        for variant in (Variant(stream, name) for name in filter(scope.admits_variant, disk.variants(stream)))
        if any(disk.state(hour) for hour in _hours(variant, Interval(now - ONE_HOUR, now + LARGEST_SKEW)))
    }


def newest(disk: Disk, variant: Variant, now: datetime, length: timedelta) -> list[Segment]:
    """The segments to play of the last `length` of video; none if even the newest is not recent.

    Raises ListingError.
    """
    within = Interval(now - max(length, RECENT), now + LARGEST_SKEW)
    found = playable(held(disk, variant, within), within)
    if not found or found[-1].end < now - RECENT:
        return []
    return [segment for segment in found if segment.end > found[-1].end - length]


def held(disk: Disk, variant: Variant, within: Interval) -> Iterator[Segment]:
    """What may touch the range, tombstones too; raises ListingError."""
    earliest = within.start - REACHES_IN
    for hour in _hours(variant, Interval(earliest, within.end)):
        first = f'{earliest:%M:%S}' if hour.start < earliest else ''
        for name in disk.names(hour):
            if name >= first or is_init(name):  # parsing the whole hour would be felt
                yield Segment.parse(hour, name)


def _hours(variant: Variant, within: Interval) -> Iterator[Hour]:
    """Those that the range touches, whether they are held or not."""
    hour = Hour.holding(*variant, within.start)
    while hour.start < within.end:
        yield hour
        hour = Hour.holding(*variant, hour.end)
