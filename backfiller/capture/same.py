"""Whether two entries of an origin's playlists are the same segment, and whether the origin counts anew."""

from collections import OrderedDict
from collections.abc import Mapping
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from common.hls.playlist_reader import Entry, MediaPlaylist

PATIENCE_TARGETS = 3
"""A cache may give an old playlist; after so long that the numbers lie behind, they are meant."""

REMEMBERED = 2000
_SMALLEST = timedelta(milliseconds=250)


class Held:
    """The stated starts of what was taken lately."""

    def __init__(self) -> None:
        self._starts: OrderedDict[datetime, None] = OrderedDict()

    def add(self, start: datetime) -> None:
        self._starts[start] = None
        if len(self._starts) > REMEMBERED:
            self._starts.popitem(last=False)

    def __contains__(self, start: datetime) -> bool:
        return start in self._starts


def is_same(one: Entry, other: Entry) -> bool:
    """Of entries with the same sequence number."""
    if one.start and other.start:
        return abs(one.start - other.start) < max(one.duration / 2, _SMALLEST)
    return _name(one.uri) == _name(other.uri)


def is_restart(
    known: Mapping[int, Entry], offered: MediaPlaylist, behind_seconds: float, *, goes_on: bool
) -> bool:
    """Whether the origin began to count anew since the entries that are known by their numbers.

    `behind_seconds` is for how long its last number has been lower than one that we saw, `goes_on` whether
    that number has grown since.
    """
    if not known or not offered.entries:
        return False
    common = [entry for entry in offered.entries if entry.sequence in known]
    if common:
        others = sum(not is_same(known[entry.sequence], entry) for entry in common)
        return 2 * others > len(common) or _is_behind_for_good(offered, behind_seconds)
    newest, last = offered.entries[-1], known[max(known)]
    if newest.sequence > last.sequence:
        return False
    if newest.start and last.start and newest.start <= last.start:
        return goes_on and _is_meant(offered, behind_seconds)  # its clock was set back: no cache goes on so
    return True


def _is_behind_for_good(offered: MediaPlaylist, behind_seconds: float) -> bool:
    """With stated times an old playlist is known for what it is."""
    undated = all(entry.start is None for entry in offered.entries)
    return undated and _is_meant(offered, behind_seconds)


def _is_meant(offered: MediaPlaylist, behind_seconds: float) -> bool:
    return behind_seconds > PATIENCE_TARGETS * offered.target_duration


def _name(uri: str) -> str:
    """The last part of the path: those before it may hold a token, too."""
    return urlsplit(uri).path.rpartition('/')[2]
