"""Live playlists as players need them: they only append at the end and trim at the front.

RFC 8216 section 6.2: EXT-X-MEDIA-SEQUENCE never decreases, segments keep their numbers, and the target
duration stays. So a window remembers what it listed. It starts counting at the seconds since 1970 of its
first segment, which after a restart is past every number given before, as long as segments last at least a
second on average.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from common import playlist, timeline
from common.segment import Segment


@dataclass
class LiveWindow:
    """What the live playlist of one variant lists."""

    segments: list[Segment] = field(default_factory=list)
    sequence: int = 0
    target_duration: int = 1
    discontinuity_sequence: int = 0

    def update(self, held: Sequence[Segment], start: datetime) -> None:
        """Appends what follows the last listed of `held` (playable, in order), drops what ends by `start`."""
        if not self.segments and held:
            self.sequence = max(self.sequence, int(held[0].start.timestamp()))
        last = self.segments[-1] if self.segments else None
        self.segments += [each for each in held if last is None or _comes_after(last, each)]
        self.target_duration = max(self.target_duration, playlist.target_duration_of(self.segments))
        gone = sum(segment.end <= start for segment in self.segments)
        self.sequence += gone
        self.discontinuity_sequence += self._breaks_among_first(gone)
        del self.segments[:gone]

    def _breaks_among_first(self, count: int) -> int:
        """How many discontinuity tags go with the first `count` segments, and with the tag after them."""
        pairs = zip(self.segments[:count], self.segments[1 : count + 1], strict=False)
        return sum(not timeline.follows(earlier, later) for earlier, later in pairs)


class LiveWindows:
    """The live window of each variant that was asked for."""

    def __init__(self) -> None:
        self._windows: dict[tuple[str, str], LiveWindow] = {}

    def of(self, stream: str, variant: str) -> LiveWindow:
        return self._windows.setdefault((stream, variant), LiveWindow())


def _comes_after(last: Segment, segment: Segment) -> bool:
    return segment.start >= last.end - timeline.TOLERANCE
