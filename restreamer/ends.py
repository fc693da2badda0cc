"""The oldest and newest segments of a variant, and what the newest are like. All calls block."""

from statistics import median

from common.disk import Disk
from common.reel import Reel, moment
from restreamer.hours import Hours
from restreamer.known import Ends

SEGMENTS = 30
"""So many of the newest say how long segments last and how large they are."""


def ends_of(hours: Hours, disk: Disk, stream: str, variant: str) -> Ends:
    """From the first and the last hour in which anything plays."""
    held = disk.hours_of(stream, variant)
    oldest = next((hours.cover(hour).spans[0][0] for hour in held if hours.cover(hour).spans), None)
    last = next((reel for reel in map(hours.reel, reversed(held)) if len(reel)), None)
    if oldest is None or last is None:
        return Ends()
    newest = last.part(len(last) - SEGMENTS, len(last))
    return Ends(moment(oldest), moment(last.ends[-1]), *_like(disk, newest))


def _like(disk: Disk, reel: Reel) -> tuple[float, int]:
    """How many seconds its segments usually last, and their bits a second."""
    lengths = [(end - start) / 1_000_000 for start, end in zip(reel.starts, reel.ends, strict=True)]
    size_bytes = sum(disk.sizes_of(reel.hour, reel.segments()).values())
    return median(lengths), round(size_bytes * 8 / sum(lengths))
