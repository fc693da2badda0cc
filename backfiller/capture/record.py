"""Records one variant: load the playlist -> new segments -> download -> add -> report."""

import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator

from backfiller.capture import mpegts
from backfiller.capture.origin import Origin
from common import digest
from common.errors import SegmentError, SourceError
from common.place import Store
from common.playlist_reader import Entry, MediaPlaylist
from common.segment import Segment

log = logging.getLogger(__name__)

REMEMBERED = 10_000
LOOK_UP_AFTER = 3
SHORTEST_DEADLINE_SECONDS = 10.0
"""A segment that takes longer is left for the next turn, so that the others do not leave the window."""


class Recorder:
    """One variant of an origin on its way into a store."""

    def __init__(
        self,
        origin: Origin,
        url: str,
        store: Store,
        *,
        stream: str,
        variant: str,
        locate: Callable[[], str],
    ) -> None:
        self.label = f'{stream}/{variant}'
        self._origin = origin
        self._url = url
        self._store = store
        self._stream = stream
        self._variant = variant
        self._locate = locate
        self._failures = 0
        self._next_sequence: int | None = None
        self._seen: OrderedDict[tuple[object, ...], None] = OrderedDict()

    def poll(self) -> float:
        """Takes what is new, and returns the seconds until the playlist is to be loaded again.

        RFC 8216 section 6.3.4: a target duration after a playlist that changed, else half of it. Raises
        SourceError or ListingError.
        """
        began = time.monotonic()
        offered = self._load()
        new = list(self._new(offered))
        deadline_seconds = max(SHORTEST_DEADLINE_SECONDS, 3 * offered.target_duration)
        for entry in new:
            self._take(entry, deadline_seconds)
        pause = offered.target_duration if new else offered.target_duration / 2
        return max(0.1, pause - (time.monotonic() - began))

    def _load(self) -> MediaPlaylist:
        """The playlist; an origin that was away for a while may have moved it, so it is looked up again."""
        try:
            offered = self._origin.load(self._url)
        except SourceError:
            self._failures += 1
            if self._failures % LOOK_UP_AFTER == 0:
                self._url = self._locate()
            raise
        self._failures = 0
        self._tell_jumps(offered)
        return offered

    def _tell_jumps(self, offered: MediaPlaylist) -> None:
        """Says what left the window before it could be taken, and where the origin counts anew."""
        if not offered.entries:
            return
        first, next_after = offered.entries[0].sequence, offered.entries[-1].sequence + 1
        if self._next_sequence is not None and first > self._next_sequence:
            missed = first - self._next_sequence
            log.warning('%s: %d segments were offered and gone before they were taken', self.label, missed)
        if self._next_sequence is not None and next_after < self._next_sequence:
            log.warning('%s: the origin counts its segments anew', self.label)
        self._next_sequence = next_after

    def _new(self, offered: MediaPlaylist) -> Iterator[Entry]:
        """What is offered and not taken yet."""
        for problem in offered.skipped:
            log.warning('%s: skipped %s', self.label, problem)
        yield from (entry for entry in offered.entries if entry.identity not in self._seen)

    def _take(self, entry: Entry, deadline_seconds: float) -> None:
        """Stores one segment. One that fails is tried again for as long as it is offered."""
        try:
            segment, body = self._named(entry, deadline_seconds)
            self._store.add(segment, [body])
        except SegmentError as error:
            log.warning('%s: %s', self.label, error)
            return
        if segment.type != 'full':
            log.warning('%s: %s was cut off: kept as suspect, and asked for again', self.label, entry.uri)
            return
        self._seen[entry.identity] = None
        if len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)

    def _named(self, entry: Entry, deadline_seconds: float) -> tuple[Segment, bytes]:
        if entry.start is None:
            raise SegmentError(
                'refused', f'{entry.uri} has no EXT-X-PROGRAM-DATE-TIME, so nobody knows when it was'
            )
        body = self._origin.body(entry, deadline_seconds)
        segment = Segment.named(
            self._stream,
            self._variant,
            start=entry.start,
            duration=entry.duration,
            kind='full' if mpegts.has_whole_packets(body) else 'suspect',
            content=digest.sha256([body]),
        )
        return segment, body
