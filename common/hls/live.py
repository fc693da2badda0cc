"""Live playlists as players need them: they only append at the end and trim at the front.

RFC 8216 section 6.2: EXT-X-MEDIA-SEQUENCE never decreases, segments keep their numbers, and the target
duration stays. So a window remembers what it listed, or reads it in the playlist that was written last. It
starts counting at the seconds since 1970 of its first segment: where nothing is remembered that is past every
number given before, as long as segments last at least a second on average.
"""

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from common import timeline
from common.errors import ListingError, SegmentError
from common.hls import playlist, playlist_reader
from common.segment import Segment, shown

TARGETS_KEPT = 3
MOST_NUMBER = 2**53
"""Players count in floating point numbers, too."""


@dataclass(frozen=True)
class LiveWindow:
    """What the live playlist of one variant lists.

    A discontinuity lies before each of `breaks`, and wherever there is a hole or another init section begins.
    """

    segments: tuple[Segment, ...] = ()
    sequence: int = 0
    target_duration: int = 1
    discontinuity_sequence: int = 0
    breaks: frozenset[Segment] = frozenset()

    @property
    def next_number(self) -> int:
        """The number of the segment that comes next."""
        return self.sequence + len(self.segments)

    def follows(self, segment: Segment) -> bool:
        """Whether the segment comes after all that is listed."""
        if not self.segments:
            return True
        last = self.segments[-1]
        return segment.start >= last.end - timeline.TOLERANCE and segment.start > last.start

    def with_newest(self, held: Sequence[Segment], breaks: Container[Segment] = ()) -> 'LiveWindow':
        """The window with what follows the last listed of `held` (playable, in order)."""
        new = tuple(filter(self.follows, held))
        if not new:
            return self
        begun = self.segments or self.sequence
        return replace(
            self,
            segments=self.segments + new,
            sequence=self.sequence if begun else int(new[0].start.timestamp()),
            target_duration=self._target_with(new),
            breaks=self.breaks | {segment for segment in new if segment in breaks},
        )

    def _target_with(self, new: Sequence[Segment]) -> int:
        if self.segments:
            return _enough(self.target_duration, new)
        return max(self.target_duration, playlist.target_duration_of(new))

    def since(self, start: datetime) -> 'LiveWindow':
        """The window without the segments that end by `start`."""
        gone = sum(segment.end <= start for segment in self.segments)
        return replace(
            self,
            segments=self.segments[gone:],
            sequence=self.sequence + gone,
            discontinuity_sequence=self.discontinuity_sequence + self._breaks_among_first(gone),
            breaks=self.breaks.intersection(self.segments[gone:]) if self.breaks else self.breaks,
        )

    def moved_on(self, held: Sequence[Segment], length: timedelta) -> 'LiveWindow':
        """The window with what is new of `held`, and of the rest the last `length`; itself if nothing is new.

        What is left lasts three target durations if there is so much (RFC 8216 section 6.2.2).
        """
        grown = self.with_newest(held)
        if grown is self:
            return self
        return grown.since(min(grown.segments[-1].end - length, grown.least_start()))

    def abandoned(self) -> 'LiveWindow':
        """An empty window, whose numbers are past all of these."""
        breaks = self._breaks_among_first(len(self.segments))
        return LiveWindow(
            (), self.next_number, self.target_duration, self.discontinuity_sequence + breaks + 1
        )

    def playlist(self, uri_of: Callable[[Segment], str]) -> str:
        return playlist.media(
            self.segments,
            uri_of,
            sequence=self.sequence,
            discontinuity_sequence=self.discontinuity_sequence,
            target_duration=self.target_duration,
            ended=False,
            breaks=self.breaks,
        )

    @classmethod
    def read(cls, text: str, segment_of: Callable[[str], Segment]) -> 'LiveWindow':
        """The window whose `playlist` this is; raises ListingError for anything else.

        `segment_of` gives the segment of a URI, and raises SegmentError if there is none.
        """
        found = playlist_reader.parse_media(text, '')
        try:
            window = cls(tuple(segment_of(entry.uri) for entry in found.entries))
        except SegmentError as error:
            raise ListingError(f'a live playlist that is not ours: {error}') from error
        if found.skipped or found.unread or not window._is_in_order():
            raise ListingError(f'a live playlist that is damaged: {shown(text, 60)}')
        if not all(0 <= each < MOST_NUMBER for each in (found.sequence, found.discontinuity_sequence)):
            raise ListingError('a live playlist with numbers that cannot be')
        target = _enough(int(found.target_duration), window.segments)
        pairs = zip(window.segments, found.entries, strict=True)
        breaks = frozenset(segment for segment, entry in pairs if entry.discontinuity)
        return cls(window.segments, found.sequence, target, found.discontinuity_sequence, breaks)

    def _is_in_order(self) -> bool:
        pairs = zip(self.segments, self.segments[1:], strict=False)
        return all(later.start >= earlier.end - timeline.TOLERANCE for earlier, later in pairs)

    def least_start(self) -> datetime:
        """Where the last three target durations of video begin."""
        wanted = timedelta(seconds=TARGETS_KEPT * self.target_duration)
        for segment in reversed(self.segments):
            wanted -= segment.duration
            if wanted <= timedelta():
                return segment.start
        return self.segments[0].start

    def _breaks_among_first(self, count: int) -> int:
        """How many discontinuity tags go with the first `count` segments, and with the tag after them."""
        pairs = zip(self.segments[:count], self.segments[1 : count + 1], strict=False)
        return sum(later in self.breaks or not timeline.continues(earlier, later) for earlier, later in pairs)


def _enough(target_duration: int, segments: Sequence[Segment]) -> int:
    """The same if it may stay: no EXTINF exceeds it when rounded (RFC 8216 section 4.3.3.1)."""
    longest = max((segment.duration for segment in segments), default=timedelta())
    if longest < timedelta(seconds=target_duration + 0.5):
        return target_duration
    return max(target_duration, playlist.target_duration_of(segments))
