"""What a master playlist says of the variants of a stream: peak and average rate, codecs, picture size.

All of it is read from what is held. Of a long range a sample of its hours stands for the rest.
"""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from common.disk import Disk
from common.errors import ListingError
from common.hls.playlist import VariantStream
from common.remembered import Remembered
from common.segment import Hour, init_in, init_name
from common.timeline import Interval
from common.video import mp4
from common.video.mpegts import Media, media
from restreamer.playing.hours import Hours, beginnings

MOST_HOURS = 100_000
SAMPLED_HOURS = 24
LOOKS_BYTES = (262_144, 4_194_304)
"""So much of a segment is read for what is in it, and so much if that does not tell: sound may come late."""

MOST_MEDIA = 1000


class Rates(NamedTuple):
    """Of an hour: the most bits a second of one segment, and the bytes and time of all."""

    peak: int
    size_bytes: int
    duration_us: int


class Variants:
    """The variants of one disk. All of it waits for the disk."""

    def __init__(self, disk: Disk, hours: Hours) -> None:
        self._disk = disk
        self._hours = hours
        self._rates = Remembered(disk, self._rates_of, most=MOST_HOURS)
        self._media: dict[tuple[Hour, str], Media | None] = {}

    def of(self, stream: str, within: Interval | None) -> dict[str, VariantStream]:
        """Those of which something is held in the range, or at all if there is none; by name, without URI."""
        found = ((name, self._told(stream, name, within)) for name in self._disk.variants(stream))
        return {name: told for name, told in found if told}

    def _told(self, stream: str, name: str, within: Interval | None) -> VariantStream | None:
        hours = list(self._held(stream, name, within))
        rates = [self._rates.of(hour) for hour in _sample(hours)]
        size_bytes, duration_us = (sum(each[which] for each in rates) for which in (1, 2))
        if not size_bytes:
            return None
        found = self._media_of(hours[-1])
        return VariantStream(
            '',
            bandwidth=max(each.peak for each in rates),
            average_bandwidth=size_bytes * 8_000_000 // duration_us,
            resolution=found.resolution if found else None,
            codecs=found.codecs if found else (),
        )

    def _held(self, stream: str, name: str, within: Interval | None) -> Iterator[Hour]:
        """The hours of which something plays in the range, without one the newest of them."""
        if within:
            yield from (part.hour for part in self._hours.parts(stream, name, within))
            return
        hours = reversed(self._disk.hours_of(stream, name))
        yield from islice((hour for hour in hours if self._rates.of(hour).size_bytes), 1)

    def _rates_of(self, hour: Hour) -> Rates:
        reel = self._hours.reel(hour)
        try:
            sizes = self._disk.sizes(hour)
        except ListingError:
            return Rates(0, 0, 0)
        lasting = [
            (sizes.get(name, 0), end - start)
            for name, start, end in zip(reel.names, reel.starts, reel.ends, strict=True)
        ]
        peak = max((size * 8_000_000 // duration for size, duration in lasting), default=0)
        return Rates(peak, sum(size for size, _ in lasting), sum(duration for _, duration in lasting))

    def _media_of(self, hour: Hour) -> Media | None:
        """What is in the newest segment of the hour; remembered, because its bytes never change."""
        reel = self._hours.reel(hour)
        if not len(reel):
            return None
        key = hour, reel.names[-1]
        if key in self._media:
            return self._media[key]
        found = self._media[key] = self._look(hour, reel.names[-1])
        for oldest in list(self._media)[:-MOST_MEDIA]:
            self._media.pop(oldest, None)
        return found

    def _look(self, hour: Hour, name: str) -> Media | None:
        if init := init_in(name):
            (section,) = beginnings(self._disk, hour, [init_name(init)], LOOKS_BYTES[0])
            return mp4.media(section)
        found: Media | None = None
        for size_bytes in LOOKS_BYTES:
            (data,) = beginnings(self._disk, hour, [name], size_bytes)
            found = media(data)
            if found is None or found.codecs or len(data) < size_bytes:
                break
        return found


def _sample(hours: Sequence[Hour]) -> Sequence[Hour]:
    """At most so many, spread over all, the newest among them."""
    step = -(-len(hours) // SAMPLED_HOURS) or 1
    return hours[::-1][::step]
