"""When each segment of an origin began.

As the origin states it (EXT-X-PROGRAM-DATE-TIME), also where that jumps, so that every node that takes the
same segment gives it the same name; the reader of playlists counts on and back from there. What no playlist
says a time of is counted on from the one before it. Of an origin that states none it is the time of arrival,
less what was offered together; such segments are chained one to the other, for as long as that is near
enough.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from common.hls.playlist_reader import Entry, MediaPlaylist

STATED, COUNTED, ARRIVAL = 'stated', 'counted', 'arrival'
WRONG_BY = timedelta(days=366)
"""A live origin whose clock is off by more was never set: 1970 and 2076 are such years."""

TOLERANCE_TARGETS = 3
_FIRST_YEAR, _LAST_YEAR = 1971, 9997


@dataclass(frozen=True, slots=True)
class Placed:
    """The start of a segment, and by what it is known: `stated`, `counted` or `arrival`."""

    start: datetime
    by: str


class Clock:
    """Places the segments of one variant, in the order in which they are offered."""

    def __init__(self) -> None:
        self.is_wrong = False
        """Whether the times that the origin states now are passed over, because they cannot be meant."""
        self._end: datetime | None = None
        self._by = ''
        self._next = 0

    def place(self, offered: MediaPlaylist, fresh: Sequence[Entry], now: datetime) -> list[Placed]:
        """The times of the new ones among the entries, which came by `now`."""
        self.is_wrong = not offered.ended and _is_far_off(offered.entries, now)
        arrival = now - sum((each.duration for each in fresh), timedelta())
        tolerance = timedelta(seconds=TOLERANCE_TARGETS * offered.target_duration)
        placed = []
        for entry in fresh:
            found = self._stated(entry) or self._counted(entry) or self._arrived(arrival, entry, tolerance)
            if self._end is None or entry.sequence >= self._next:
                self._end, self._by, self._next = found.start + entry.duration, found.by, entry.sequence + 1
            arrival += entry.duration
            placed.append(found)
        return placed

    def meant(self, start: datetime | None) -> datetime | None:
        """A time that the origin states, if it can be meant."""
        if start is None or self.is_wrong or not _FIRST_YEAR <= start.year <= _LAST_YEAR:
            return None
        return start

    def restart(self) -> None:
        """The origin counts anew: what comes does not follow what came."""
        self._end = None

    def _stated(self, entry: Entry) -> Placed | None:
        start = self.meant(entry.start)
        if start is None:
            return None
        return Placed(start, STATED if entry.stated else COUNTED)

    def _counted(self, entry: Entry) -> Placed | None:
        """Right behind one whose time was stated, or counted on from one."""
        if self._end is None or self._by == ARRIVAL or entry.sequence != self._next or entry.discontinuity:
            return None
        return Placed(self._end, COUNTED)

    def _arrived(self, arrival: datetime, entry: Entry, tolerance: timedelta) -> Placed:
        follows = self._end is not None and entry.sequence == self._next
        if self._end is not None and follows and abs(self._end - arrival) <= tolerance:
            return Placed(self._end, ARRIVAL)
        return Placed(arrival.replace(microsecond=arrival.microsecond // 1000 * 1000), ARRIVAL)


def _is_far_off(entries: Sequence[Entry], now: datetime) -> bool:
    newest = next((each.start for each in reversed(entries) if each.start), None)
    return newest is not None and abs(newest - now) > WRONG_BY
