"""What plays of the store, hour by hour: reels, what they cover, and their entries in playlists.

Each is made once for as long as the hour's folder stays as it is. What is remembered is bounded: reels and
entries by their size, what they cover by the number of hours. All of it waits for the disk, but `stretch`.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from common import timeline
from common.disk import Disk
from common.errors import ListingError
from common.offload import offload
from common.reel import Reel, covered, joined, microseconds, reaches_into
from common.remembered import Remembered
from common.segment import Hour, hour_text, init_in, init_name
from common.timeline import Coverage, Interval
from common.video import mp4
from common.video.mpegts import Opening, opening
from restreamer.playing.entries import Entries, Stretch
from restreamer.recent import Recent

MOST_HOURS = 100_000
MOST_NAMES = 100_000
"""In reels: a name takes about 150 bytes."""

MOST_CHARACTERS = 40_000_000
"""Of entries: those of 120 hours."""

MOST_OPENINGS = 60_000
OPENING_BYTES = 2048
"""How much of a segment is read to see how it begins; more where that does not tell."""

LONG_OPENING_BYTES = 65_536

log = logging.getLogger(__name__)


class Cover(NamedTuple):
    """What the reel of an hour covers."""

    spans: tuple[tuple[int, int], ...]
    segments: int
    longest_us: int
    has_fragments: bool

    @classmethod
    def of(cls, reel: Reel) -> 'Cover':
        return cls(tuple(reel.spans()), len(reel), reel.longest_us, reel.has_fragments)


class Part(NamedTuple):
    """The segments of an hour that start from the one time up to the other, in microseconds since 1970."""

    hour: Hour
    from_us: int
    upto_us: int
    longest_us: int
    has_fragments: bool


class Hours:
    """The hours of one disk."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._reels = Remembered(disk, self._read, most=MOST_NAMES, weigh=len)
        self._covers = Remembered(disk, lambda hour: Cover.of(self._reels.of(hour)), most=MOST_HOURS)
        self._entries = Remembered(
            disk, self._write, most=MOST_CHARACTERS, weigh=lambda entries: len(entries.text)
        )
        self._openings = Openings(disk)
        self._making = Recent(self._off_the_hub, seconds=0, most=0)

    def reels(self, stream: str, variant: str, within: Interval) -> list[Reel]:
        """What plays in a range, in order of time."""
        reels = joined(self._reels.of(hour) for hour in self._hours(stream, variant, within))
        parts = (reel.part(*reel.places(within)) for reel in reels)
        return [part for part in parts if len(part)]

    def coverage(self, stream: str, variant: str, within: Interval) -> Coverage:
        """What of a range is held; where an hour reaches into the next, whatever of the two is."""
        spans = (span for hour in self._hours(stream, variant, within) for span in self.cover(hour).spans)
        return timeline.coverage(covered(spans), within)

    def reel(self, hour: Hour) -> Reel:
        """What plays of an hour, regardless of those beside it; nothing if it cannot be read."""
        return self._reels.of(hour)

    def cover(self, hour: Hour) -> Cover:
        """What of an hour is held; nothing if it cannot be read."""
        return self._covers.of(hour)

    def oldest(self, stream: str, variant: str) -> Hour | None:
        """The first hour of which anything is held."""
        return next(iter(self._disk.hours_of(stream, variant)), None)

    def parts(self, stream: str, variant: str, within: Interval) -> list[Part]:
        """Which segments of which hours play in a range, in order of time."""
        covers = {hour: self.cover(hour) for hour in self._hours(stream, variant, within)}
        covers = {hour: cover for hour, cover in covers.items() if cover.segments}
        cut = {hour for hour in covers if hour.start < within.start or hour.end > within.end}
        careful = {*cut, *_overlapping(covers)}
        reels = joined(self._reels.of(hour) for hour in covers if hour in careful)
        exact = {reel.hour: _part(reel.part(*reel.places(within))) for reel in reels}
        found = (
            exact.get(hour) if hour in careful else _whole(hour, cover) for hour, cover in covers.items()
        )
        return [part for part in found if part]

    def openings(self, reel: Reel) -> list[Opening | None]:
        """How each segment of the reel begins; None of what cannot be told."""
        return self._openings.of(reel)

    def stretch(self, part: Part) -> Stretch | None:
        """The entries of a part, made off the hub, once for all who ask at the same time."""
        return self._making.get(part.hour).stretch(part.from_us, part.upto_us)

    def _off_the_hub(self, hour: Hour) -> Entries:
        return offload(self._entries.of, hour)

    def _hours(self, stream: str, variant: str, within: Interval) -> Iterator[Hour]:
        """The hours that the range touches, and those beside it, with which they may overlap."""
        first, last = hour_text(within.start), hour_text(within.end)
        hours = self._disk.hours_of(stream, variant)
        yield from [hour for hour in hours if hour.text < first][-1:]
        yield from (hour for hour in hours if first <= hour.text <= last)
        yield from [hour for hour in hours if hour.text > last][:1]

    def _read(self, hour: Hour) -> Reel:
        try:
            return Reel.of(hour, self._disk.names(hour))
        except ListingError as error:
            log.warning('%s', error)
            return Reel.of(hour, ())

    def _write(self, hour: Hour) -> Entries:
        reel = self._reels.of(hour)
        return Entries.of(reel, self._openings.of(reel))


def _overlapping(covers: Mapping[Hour, Cover]) -> Iterator[Hour]:
    """Those hours that reach into others, and those others."""
    before, edge_us = None, 0
    for hour, cover in covers.items():
        if before and reaches_into(edge_us, cover.spans[0][0]):
            yield from (before, hour)
        before, edge_us = hour, max(edge_us, cover.spans[-1][1])


def _whole(hour: Hour, cover: Cover) -> Part:
    start, end = microseconds(hour.start), microseconds(hour.end)
    return Part(hour, start, end, cover.longest_us, cover.has_fragments)


def _part(reel: Reel) -> Part | None:
    if not len(reel):
        return None
    return Part(reel.hour, reel.starts[0], reel.starts[-1] + 1, reel.longest_us, reel.has_fragments)


class Openings:
    """How segments begin. Those of the newest reels asked for are remembered: an hour grows name by name."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._known: dict[Hour, dict[str, Opening | None]] = {}

    def of(self, reel: Reel) -> list[Opening | None]:
        known = self._known.pop(reel.hour, {})
        lacking = [name for name in reel.names if name not in known]
        openings = known | dict(zip(lacking, self._read(reel.hour, lacking), strict=True))
        self._keep(reel.hour, openings)
        return [openings[name] for name in reel.names]

    def _read(self, hour: Hour, names: Sequence[str]) -> Iterator[Opening | None]:
        sections = {init: self._timescales(hour, init) for init in {init_in(name) for name in names} if init}
        for name, data in zip(names, beginnings(self._disk, hour, names, OPENING_BYTES), strict=True):
            init = init_in(name)
            yield mp4.opening(sections[init], data) if init else self._opening(hour, name, data)

    def _opening(self, hour: Hour, name: str, data: bytes) -> Opening | None:
        found = opening(data)
        if found and not found.is_complete and len(data) == OPENING_BYTES:
            (data,) = beginnings(self._disk, hour, [name], LONG_OPENING_BYTES)
            found = opening(data)
        return found

    def _timescales(self, hour: Hour, init: str) -> mp4.Timescales:
        (section,) = beginnings(self._disk, hour, [init_name(init)], LONG_OPENING_BYTES)
        return mp4.timescales(section)

    def _keep(self, hour: Hour, openings: dict[str, Opening | None]) -> None:
        self._known[hour] = openings
        for oldest in list(self._known)[:-1]:  # lists, because other threads keep theirs meanwhile
            if sum(map(len, list(self._known.values()))) <= MOST_OPENINGS:
                break
            self._known.pop(oldest, None)


def beginnings(disk: Disk, hour: Hour, names: Sequence[str], size_bytes: int) -> list[bytes]:
    """At most so many first bytes of each segment; b'' of what cannot be read."""
    try:
        return list(disk.beginnings(hour, names, size_bytes))
    except ListingError:
        return [b''] * len(names)
