"""A count and a fingerprint of each hour of a store; a quiet hour costs one stat.

A folder's modification time changes whenever a name in it does. It is not trusted while it is young: a second
change within the clock's step would leave it as it is.
"""

import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import NamedTuple

from common import digest
from common.disk import Disk
from common.errors import ListingError
from common.segment import Hour, segments_only
from common.wire import HourSummary

SETTLED_NS = 2_000_000_000


class _Known(NamedTuple):
    state: tuple[int, int]
    summary: HourSummary


class Summaries:
    """The summaries of a disk's hours, computed again only where the folder changed. About 1 kB an hour."""

    def __init__(self, disk: Disk, clock_ns: Callable[[], int] = time.time_ns) -> None:
        self._disk = disk
        self._clock_ns = clock_ns
        self._known: dict[Hour, _Known] = {}

    def of(self, hours: Iterable[Hour]) -> dict[Hour, HourSummary]:
        """A summary of each hour that can be read."""
        found = {}
        for hour in hours:
            with suppress(ListingError):  # whoever needs its names will hear of it
                found[hour] = self._of(hour)
        return found

    def _of(self, hour: Hour) -> HourSummary:
        state = self._disk.state(hour)
        known = self._known.get(hour)
        if known and state and known.state == state:
            return known.summary
        summary = summary_of(self._disk.names(hour))
        if state and self._clock_ns() - state[0] > SETTLED_NS:
            self._known[hour] = _Known(state, summary)
        else:
            self._known.pop(hour, None)
        return summary


def summary_of(names: set[str]) -> HourSummary:
    """The summary of an hour with these members, tombstones among them."""
    return HourSummary(len(segments_only(names)), digest.fingerprint(names))
