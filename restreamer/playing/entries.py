"""The entries of a media playlist for the reel of an hour, made once and cut where a range begins and ends.

It writes what `hls.playlist.media` would, a tenth of the work for each segment: a day has 43,200 of them.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from common import wire
from common.hls import playlist
from common.reel import TOLERANCE_US, Reel
from common.segment import Hour, Segment, init_in
from common.video.mpegts import TICKS_PER_SECOND, Opening, ticks_between

BREAK = '#EXT-X-DISCONTINUITY\n'
LARGEST_LEAP_TICKS = TICKS_PER_SECOND // 2
"""Timestamps that leap by more than this, beside the times in the names, are another time line."""

Openings = Sequence[Opening | None]


class Beginning(NamedTuple):
    """When a segment begins, in microseconds since 1970, how, and the hash of the init section it needs."""

    start_us: int
    opening: Opening | None
    init: str = ''


@dataclass(frozen=True, slots=True)
class Entries:
    """The entries of a reel: where each begins in `text`, and how long the lines are that lead to it.

    Before the first there are none.
    """

    reel: Reel
    openings: Openings
    text: str
    begins: 'array[int]'
    leads: Mapping[int, int]

    @classmethod
    def of(cls, reel: Reel, openings: Openings) -> 'Entries':
        """`openings` tell how the segments of the reel begin, None what cannot be told."""
        leads = dict(_leads(reel, openings))
        begins, lines, length = array('q'), [], 0
        for place, entry in enumerate(_entries(reel)):
            if place in leads:
                lines.append(leads[place])
                length += len(leads[place])
            begins.append(length)
            lines.append(entry)
            length += len(entry)
        lengths = {place: len(lead) for place, lead in leads.items()}
        return cls(reel, openings, ''.join(lines), begins, lengths)

    def stretch(self, from_us: int, upto_us: int) -> 'Stretch | None':
        """The entries that start from the one time up to the other; None if there are none."""
        first, last = (bisect_left(self.reel.starts, edge) for edge in (from_us, upto_us))
        if first >= last:
            return None
        return Stretch(
            self.reel.hour,
            self.text[self.begins[first] : self._end(last)],
            _beginning(self.reel, self.openings, first),
            _beginning(self.reel, self.openings, last - 1),
            self.reel.ends[last - 1],
        )

    def _end(self, place: int) -> int:
        """Where in the text the entry before that place ends."""
        if place >= len(self.begins):
            return len(self.text)
        return self.begins[place] - self.leads.get(place, 0)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Some entries of an hour that follow each other; how the first and last begin, and when that ends."""

    hour: Hour
    text: str
    first: Beginning
    last: Beginning
    end_us: int


def written(stretches: Iterable[Stretch]) -> Iterator[str]:
    """The text of stretches that follow each other, with a DISCONTINUITY where the video breaks."""
    before: Stretch | None = None
    for each in stretches:
        if before and is_break(before.last, before.end_us, each.first):
            yield BREAK
        if each.first.init and not (before and before.last.init == each.first.init):
            yield _map(each.hour, each.first.init)
        yield each.text
        before = each


def is_break(earlier: Beginning, edge_us: int, later: Beginning) -> bool:
    """Whether a hole, other codec parameters or a leap of the timestamps lie between two segments.

    `edge_us` is when the first ends.
    """
    if later.start_us - edge_us > TOLERANCE_US or earlier.init != later.init:
        return True
    one, other = earlier.opening, later.opening
    if one is None or other is None:
        return False
    return _has_other_parameters(one, other) or _leaps(one, other, later.start_us - earlier.start_us)


def _has_other_parameters(one: Opening, other: Opening) -> bool:
    return bool(one.parameters and other.parameters) and one.parameters != other.parameters


def _leaps(one: Opening, other: Opening, apart_us: int) -> bool:
    if one.pts is None or other.pts is None:
        return False
    expected = apart_us * TICKS_PER_SECOND // 1_000_000
    return abs(ticks_between(one.pts, other.pts) - expected) > LARGEST_LEAP_TICKS


def _beginning(reel: Reel, openings: Openings, place: int) -> Beginning:
    return Beginning(reel.starts[place], openings[place], init_in(reel.names[place]))


def _leads(reel: Reel, openings: Openings) -> Iterator[tuple[int, str]]:
    """What is written before the entries at which the video breaks."""
    beginnings = (_beginning(reel, openings, place) for place in range(len(reel)))
    for place, (earlier, later) in enumerate(pairwise(beginnings), 1):
        if is_break(earlier, reel.ends[place - 1], later):
            is_new = later.init and later.init != earlier.init
            yield place, BREAK + (_map(reel.hour, later.init) if is_new else '')


def _map(hour: Hour, init: str) -> str:
    return playlist.map_line(uri_of(Segment.init_section(hour, init))) + '\n'


def uri_of(segment: Segment) -> str:
    """Relative to /playlist/STREAM/VARIANT.m3u8, so that it also works below a proxy's path."""
    return '../..' + wire.segment_path(segment)


def _entries(reel: Reel) -> Iterator[str]:
    """RFC 8216 sections 4.3.2.1 and 4.3.2.6, with URIs relative to /playlist/STREAM/VARIANT.m3u8."""
    day = f'#EXT-X-PROGRAM-DATE-TIME:{reel.hour.text}:'
    folder = f'../..{wire.batch_path(reel.hour)}/'
    for name, start, end in zip(reel.names, reel.starts, reel.ends, strict=True):
        seconds, microseconds = divmod(end - start, 1_000_000)
        yield (
            f'{day}{name[:5]}.{start % 1_000_000:06}Z\n#EXTINF:{seconds}.{microseconds:06},\n'
            f'{folder}{name[:2]}%3A{name[3:]}\n'
        )
