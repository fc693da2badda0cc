"""The entries of a media playlist for the reel of an hour, made once and cut where a range begins and ends.

It writes what `common.playlist.media` would, a tenth of the work for each segment: a day has 43,200 of them.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from common.reel import TOLERANCE_US, Reel
from common.video.mpegts import TICKS_PER_SECOND, Opening, ticks_between

BREAK = '#EXT-X-DISCONTINUITY\n'
LARGEST_LEAP_TICKS = TICKS_PER_SECOND // 2
"""Timestamps that leap by more than this, beside the times in the names, are another time line."""

Openings = Sequence[Opening | None]


@dataclass(frozen=True, slots=True)
class Entries:
    """The entries of a reel: where each begins in `text`, and before which of them the video breaks."""

    reel: Reel
    openings: Openings
    text: str
    begins: 'array[int]'
    breaks: frozenset[int]

    @classmethod
    def of(cls, reel: Reel, openings: Openings) -> 'Entries':
        """`openings` tell how the segments of the reel begin, None what cannot be told."""
        breaks = frozenset(place for place in range(1, len(reel)) if _breaks(reel, openings, place))
        begins, lines, length = array('q'), [], 0
        for place, entry in enumerate(_entries(reel)):
            if place in breaks:
                lines.append(BREAK)
                length += len(BREAK)
            begins.append(length)
            lines.append(entry)
            length += len(entry)
        return cls(reel, openings, ''.join(lines), begins, breaks)

    def stretch(self, from_us: int, upto_us: int) -> 'Stretch | None':
        """The entries that start from the one time up to the other; None if there are none."""
        first, last = (bisect_left(self.reel.starts, edge) for edge in (from_us, upto_us))
        if first >= last:
            return None
        return Stretch(
            self.text[self.begins[first] : self._end(last)],
            (self.reel.starts[first], self.openings[first]),
            (self.reel.starts[last - 1], self.openings[last - 1]),
            self.reel.ends[last - 1],
        )

    def _end(self, place: int) -> int:
        """Where in the text the entry before that place ends."""
        if place >= len(self.begins):
            return len(self.text)
        return self.begins[place] - (len(BREAK) if place in self.breaks else 0)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Some entries that follow each other: when and how the first and the last begin, and the last ends."""

    text: str
    first: tuple[int, Opening | None]
    last: tuple[int, Opening | None]
    end_us: int


def written(stretches: Iterable[Stretch]) -> Iterator[str]:
    """The text of stretches that follow each other, with a DISCONTINUITY where the video breaks."""
    before: Stretch | None = None
    for each in stretches:
        if before and is_break(before.last, before.end_us, each.first):
            yield BREAK
        yield each.text
        before = each


def is_break(earlier: tuple[int, Opening | None], edge_us: int, later: tuple[int, Opening | None]) -> bool:
    """Whether a hole, other codec parameters or a leap of the timestamps lie between two segments.

    `earlier` and `later` are when and how each begins, and `edge_us` is when the first ends.
    """
    if later[0] - edge_us > TOLERANCE_US:
        return True
    one, other = earlier[1], later[1]
    if one is None or other is None:
        return False
    return _has_other_parameters(one, other) or _leaps(one, other, later[0] - earlier[0])


def _has_other_parameters(one: Opening, other: Opening) -> bool:
    return bool(one.parameters and other.parameters) and one.parameters != other.parameters


def _leaps(one: Opening, other: Opening, apart_us: int) -> bool:
    if one.pts is None or other.pts is None:
        return False
    expected = apart_us * TICKS_PER_SECOND // 1_000_000
    return abs(ticks_between(one.pts, other.pts) - expected) > LARGEST_LEAP_TICKS


def _breaks(reel: Reel, openings: Openings, place: int) -> bool:
    return is_break(
        (reel.starts[place - 1], openings[place - 1]),
        reel.ends[place - 1],
        (reel.starts[place], openings[place]),
    )


def _entries(reel: Reel) -> Iterator[str]:
    """RFC 8216 sections 4.3.2.1 and 4.3.2.6, with URIs relative to /playlist/STREAM/VARIANT.m3u8."""
    day = f'#EXT-X-PROGRAM-DATE-TIME:{reel.hour.text}:'
    folder = f'../../segments/{quote(reel.hour.path)}/'
    for name, start, end in zip(reel.names, reel.starts, reel.ends, strict=True):
        seconds, microseconds = divmod(end - start, 1_000_000)
        yield (
            f'{day}{name[:5]}.{start % 1_000_000:06}Z\n#EXTINF:{seconds}.{microseconds:06},\n'
            f'{folder}{name[:2]}%3A{name[3:]}\n'
        )
