"""The oldest and newest segments of a variant, and what the newest are like. All calls block."""

from datetime import datetime
from statistics import median

from common.disk import Disk
from common.segment import Hour, Segment, segments_only
from restreamer.known import Ends
from restreamer.store import readable_names

SEGMENTS = 30
"""So many of the newest say how long segments last and how large they are."""


def ends_of(disk: Disk, stream: str, variant: str) -> Ends:
    """From the first and the last hour in which there is anything."""
    hours = disk.hours_of(stream, variant)
    oldest = next((start for hour in hours if (start := _first(disk, hour))), None)
    last = next((found for hour in reversed(hours) if (found := _last(disk, hour))), [])
    return Ends(oldest, *_like(disk, last)) if oldest and last else Ends()


def _first(disk: Disk, hour: Hour) -> datetime | None:
    names = segments_only(readable_names(disk, hour))
    return Segment.parse(hour, names[0]).start if names else None


def _last(disk: Disk, hour: Hour) -> list[Segment]:
    names = segments_only(readable_names(disk, hour))[-SEGMENTS:]
    return [each for each in (Segment.parse(hour, name) for name in names) if each.duration]


def _like(disk: Disk, segments: list[Segment]) -> tuple[datetime, float, int]:
    """The newest end, how many seconds they usually last, and their bits a second."""
    lengths = [each.duration.total_seconds() for each in segments]
    size_bytes = sum(disk.sizes_of(segments[0].hour, segments).values())
    return max(each.end for each in segments), median(lengths), round(size_bytes * 8 / sum(lengths))
