"""The live windows of the variants that players ask for.

A window remembers what it listed, in memory and in a journal, and lists nothing else than what comes after:
a hole that is filled late stays one for players, and numbers stay what they are. What comes after a hole is
held back for a moment, in case the hole is filled.

Numbers begin with the seconds since 1970 of midnight, and count what plays from there. So nodes that hold the
same, and began on the same day, count the same, and a player that is moved from one to another goes on.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain, pairwise
from typing import NamedTuple
from weakref import WeakValueDictionary

from common import timeline
from common.hls.live import LiveWindow
from common.offload import offload
from common.reel import Reel, microseconds
from common.segment import Segment
from common.timeline import Interval
from common.video.mpegts import Opening
from restreamer.playing.entries import Beginning, is_break
from restreamer.playing.hours import Hours
from restreamer.playing.journal import Journal
from restreamer.serving.waiting import MOST_SHARE, Shared

LARGEST_SKEW = timedelta(minutes=1)
"""How far ahead a recorder's clock may let segments end: one that is listed holds up all before its end."""

LONGEST_REST_SECONDS = 0.25
"""After a look, however long it took."""

BREAKS_A_DAY = 1000
"""Discontinuities are counted from this many for each day since 1970."""


_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Lengths:
    """How much live playlists list if nothing else is asked for, and at most; how long they hold back."""

    window: timedelta = timedelta(minutes=5)
    longest: timedelta = timedelta(hours=4)
    hold: timedelta = timedelta(seconds=6)


class Windows(NamedTuple):
    """The longest window, and the usual one, which is its end."""

    longest: LiveWindow
    usual: LiveWindow


class LiveWindows:
    """The live windows of each variant that was asked for, remembered once they list something."""

    def __init__(
        self,
        hours: Hours,
        journal_of: Callable[[str, str], Journal],
        clock: Callable[[], datetime],
        lengths: Lengths,
    ) -> None:
        self.lengths = lengths
        self._hours = hours
        self._journal_of = journal_of
        self._clock = clock
        self._asked: WeakValueDictionary[tuple[str, str], Shared[Windows]] = WeakValueDictionary()
        self._followed: dict[tuple[str, str], Shared[Windows]] = {}

    def of(self, stream: str, variant: str) -> Windows:
        """The windows as of now, or of a moment ago: looking takes no more than a share of the time."""
        shared = self._asked.get((stream, variant))
        if shared is None:
            followed = _Followed(
                stream, variant, self._hours, self._journal_of(stream, variant), self._clock, self.lengths
            )
            shared = Shared(lambda: offload(followed.move_on), _rest_seconds)
            self._asked[stream, variant] = shared
        found = shared.look_soon()
        if found.longest.segments:
            self._followed[stream, variant] = shared
        return found


@dataclass
class _Followed:
    """One variant. `move_on` waits for the disk, and is called by one at a time."""

    stream: str
    variant: str
    hours: Hours
    journal: Journal
    clock: Callable[[], datetime]
    lengths: Lengths

    def __post_init__(self) -> None:
        self._windows = Windows(LiveWindow(), LiveWindow())
        self._holes: dict[Interval, datetime] = {}

    def move_on(self) -> Windows:
        now = self.clock()
        longest, usual = self._windows if self._windows.longest.segments else self._begun(now)
        within = Interval(_edge(longest, now - self.lengths.longest), now + LARGEST_SKEW)
        beginnings = list(self._beginnings(within))
        ended = [segment for segment, _ in beginnings if segment.end <= within.end]
        new = self._ready(longest, ended, now)
        if new:
            breaks = _breaks(beginnings)
            longest, usual = (window.with_newest(new, breaks) for window in (longest, usual))
            self.journal.write(longest, new)
        held = self._held_from(longest)
        self._windows = Windows(
            _trimmed(longest, now - self.lengths.longest, held),
            _trimmed(usual, now - self.lengths.window, held),
        )
        return self._windows

    def _held_from(self, window: LiveWindow) -> datetime:
        """When that ends which was listed of hours that the store has let go of since; long ago if none."""
        oldest = self.hours.oldest(self.stream, self.variant)
        gone = (each.end for each in window.segments if oldest and each.hour.text < oldest.text)
        return max(gone, default=_LONG_AGO)

    def _begun(self, now: datetime) -> Windows:
        """What the journal knows; else empty windows that are numbered by what is held."""
        window = self.journal.read() or self._numbered(now - self.lengths.longest)
        return Windows(window, _trimmed(window, now - self.lengths.window, _LONG_AGO))

    def _numbered(self, start: datetime) -> LiveWindow:
        first = next(self._beginnings(Interval(start, self.clock() + LARGEST_SKEW)), None)
        if not first:
            return LiveWindow()
        begin = first[0].start
        midnight = begin.replace(hour=0, minute=0, second=0, microsecond=0)
        days = int(midnight.timestamp()) // 86_400
        if begin == midnight:
            return LiveWindow(sequence=days * 86_400, discontinuity_sequence=days * BREAKS_A_DAY)
        today = Interval(midnight, begin)
        before = sum(map(len, self.hours.reels(self.stream, self.variant, today)))
        holes = len(self.hours.coverage(self.stream, self.variant, today).covered)
        return LiveWindow(
            sequence=days * 86_400 + before, discontinuity_sequence=days * BREAKS_A_DAY + max(0, holes - 1)
        )

    def _beginnings(self, within: Interval) -> Iterator[tuple[Segment, Opening | None]]:
        """What plays in a range, and how it begins."""
        reels = self.hours.reels(self.stream, self.variant, within)
        return chain.from_iterable(map(self._opened, reels))

    def _opened(self, reel: Reel) -> Iterator[tuple[Segment, Opening | None]]:
        return zip(reel.segments(), self.hours.openings(reel), strict=True)

    def _ready(self, window: LiveWindow, held: list[Segment], now: datetime) -> list[Segment]:
        """What comes after the window, up to a hole that may still be filled.

        A hole is as old as our knowledge of it, but those that we find at first are as old as they look. What
        is left of a hole is as old as that.
        """
        new = [segment for segment in held if window.follows(segment)]
        holes = {
            Interval(earlier.end, later.start): min(now, later.end)
            for earlier, later in pairwise([*window.segments[-1:], *new])
            if not timeline.follows(earlier, later)
        }
        if window.segments:
            holes = {hole: self._known_since(hole, now) for hole in holes}
        self._holes = holes
        waiting = (hole for hole, since in holes.items() if now - since < self.lengths.hold)
        first = next(waiting, None)
        return new if first is None else [segment for segment in new if segment.start < first.end]

    def _known_since(self, hole: Interval, now: datetime) -> datetime:
        around = (
            since
            for known, since in self._holes.items()
            if known.start <= hole.start and hole.end <= known.end
        )
        return min((now, *around))


def _rest_seconds(look_seconds: float) -> float:
    return min(look_seconds / MOST_SHARE, LONGEST_REST_SECONDS)


def _edge(window: LiveWindow, start: datetime) -> datetime:
    """From when on to look: the last that is listed is looked at, too, because others are beside it."""
    return max(start, window.segments[-1].start) if window.segments else start


def _trimmed(window: LiveWindow, start: datetime, held: datetime) -> LiveWindow:
    """Without what ends by then, but with three target durations (RFC 8216 section 6.2.2).

    What ends by `held` is gone; yet the last stays, which tells whether a hole comes after it.
    """
    if not window.segments:
        return window
    edge = max(held, min(start, window.least_start()))
    return window.since(min(edge, window.segments[-1].start))


def _breaks(beginnings: list[tuple[Segment, Opening | None]]) -> set[Segment]:
    """The segments before which the video breaks."""
    return {
        later
        for (earlier, one), (later, other) in pairwise(beginnings)
        if is_break(_beginning(earlier, one), microseconds(earlier.end), _beginning(later, other))
    }


def _beginning(segment: Segment, opening: Opening | None) -> Beginning:
    return Beginning(microseconds(segment.start), opening, segment.init)
