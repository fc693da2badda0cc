"""From when to when a node holds a variant, or means to, and what it is like. All calls block."""

import logging
from datetime import datetime, timedelta
from statistics import median

from common.disk import Disk
from common.errors import ListingError
from common.horizon import Horizon
from common.reel import Reel, moment
from common.segment import ONE_HOUR, hour_start
from restreamer.missing.known import Ends
from restreamer.playing.hours import Hours

log = logging.getLogger(__name__)

SEGMENTS = 30
"""So many of the newest say how long segments last and how large they are."""


def ends_of(hours: Hours, disk: Disk, stream: str, variant: str) -> Ends:
    """From the first and the last hour in which anything plays."""
    held = disk.hours_of(stream, variant)
    oldest = next((cover.spans[0][0] for cover in map(hours.cover, held) if cover.spans), None)
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


def kept_from(
    disk: Disk, stream: str, variant: str, keep: timedelta | None, now: datetime
) -> datetime | None:
    """What is older is not meant to be held: it was let go, or would be. None if there is no such limit."""
    horizon = Horizon(disk.root)
    try:
        horizon.load()
    except ListingError as error:
        log.warning('%s', error)
    newest = horizon.newest.get(f'{stream}/{variant}')
    limits = [hour_start(newest) + ONE_HOUR] if newest else []
    return max(limits + ([now - keep] if keep else []), default=None)
