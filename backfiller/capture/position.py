"""How far a recording has come, told by what is held and noted, so that what went by since is noted, too."""

from datetime import datetime

from common.disk import Disk
from common.errors import ListingError
from common.segment import Segment
from common.skips import Skips


def known_until(disk: Disk, skips: Skips, stream: str, variant: str) -> datetime | None:
    """The end of the newest segment that is held, or was noted as skipped; waits for the disk."""
    try:
        ends = [segment.end for segment in _newest(disk, stream, variant)]
        if not ends:
            return None
        noted = (each.skip for each in skips.read(stream, variant, max(ends).date()))
        ends += [skip.start + skip.duration for skip in noted if skip.start and skip.duration]
    except ListingError:
        return None
    return max(ends)


def _newest(disk: Disk, stream: str, variant: str) -> list[Segment]:
    """Those of the newest hour in which any are held."""
    for hour in reversed(disk.hours_of(stream, variant)):
        segments = [Segment.parse(hour, name) for name in disk.names(hour)]
        if found := [each for each in segments if not (each.withdrawal or each.is_init)]:
            return found
    return []
