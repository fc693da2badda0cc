"""A count and a fingerprint of each hour of a store; a quiet hour costs one stat."""

import time
from collections.abc import Callable, Iterable
from contextlib import suppress

from common import digest
from common.disk import Disk
from common.errors import ListingError
from common.members import segments_only
from common.remembered import Remembered
from common.segment import Hour
from common.wire import HourSummary

MOST_HOURS = 1_000_000


class Summaries:
    """The summaries of a disk's hours. About 1 kB an hour."""

    def __init__(self, disk: Disk, clock_ns: Callable[[], int] = time.time_ns) -> None:
        self._remembered = Remembered(
            disk, lambda hour: summary_of(disk.names(hour)), most=MOST_HOURS, clock_ns=clock_ns
        )

    def of(self, hours: Iterable[Hour]) -> dict[Hour, HourSummary]:
        """A summary of each hour that can be read."""
        found = {}
        for hour in hours:
            with suppress(ListingError):  # whoever needs its names will hear of it
                found[hour] = self._remembered.of(hour)
        return found


def summary_of(names: set[str]) -> HourSummary:
    """The summary of an hour with these members, tombstones among them."""
    return HourSummary(len(segments_only(names)), digest.fingerprint(names))
