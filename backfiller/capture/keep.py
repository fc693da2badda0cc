"""What becomes of a segment's bytes: stored as they are, and whether that is the end of it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice
from weakref import WeakKeyDictionary

from backfiller.capture.body import FULL, PARTIAL, SUSPECT, Body
from backfiller.capture.download import Downloader, Patience
from backfiller.capture.piece import Piece
from common import digest
from common.offload import OffloadedDisk, offload
from common.segment import Hour, Segment

REMEMBERED = 8
MOST_BROKEN = 3
"""So many damaged or cut off bodies of a segment are stored: the first, and longer ones after it."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A segment that was stored, or None; `cause` says why another try is needed, empty if none is."""

    segment: Segment | None
    cause: str
    size_bytes: int = 0


@dataclass
class _Broken:
    """What was stored of a segment that did not come whole."""

    hashes: list[str] = field(default_factory=list)
    longest: int = 0


class Keeper:
    """Brings segments of one variant into the store."""

    def __init__(
        self, store: OffloadedDisk, stream: str, variant: str, tell_second: Callable[[], None] = lambda: None
    ) -> None:
        self._store = store
        self._stream = stream
        self._variant = variant
        self._tell_second = tell_second
        self._inits: set[tuple[Hour, str]] = set()
        self._broken: WeakKeyDictionary[Piece, _Broken] = WeakKeyDictionary()

    def keep(self, piece: Piece, downloader: Downloader, patience: Patience) -> Kept:
        """Raises SegmentError or StoreError."""
        body = downloader.fetch(piece.entry, patience, self._tell_second)
        content = offload(digest.sha256, [body.content])
        init = self._init(piece, downloader, patience) if body.is_fragment else ''
        if body.kind == FULL:
            return Kept(self._add(piece, body, content, init), '', len(body.content))
        broken = self._broken.setdefault(piece, _Broken())
        if body.kind == SUSPECT and content in broken.hashes:
            return Kept(None, '')  # the origin has it like that
        cause = 'truncated' if body.kind == PARTIAL else SUSPECT
        if len(broken.hashes) == MOST_BROKEN or len(body.content) <= broken.longest:
            return Kept(None, cause)
        segment = self._add(piece, body, content, init)
        broken.hashes.append(content)
        broken.longest = len(body.content)
        return Kept(segment, cause, len(body.content))

    def _add(self, piece: Piece, body: Body, content: str, init: str) -> Segment:
        segment = Segment.named(
            self._stream,
            self._variant,
            start=piece.start,
            duration=piece.entry.duration,
            kind=body.kind,
            content=content,
            init=init,
        )
        self._store.add(segment, [body.content])
        return segment

    def _init(self, piece: Piece, downloader: Downloader, patience: Patience) -> str:
        """Makes sure that the init section is in the hour of the segment; returns its SHA-256."""
        section = downloader.section(piece.entry, patience)
        content = digest.sha256([section])
        hour = Hour.holding(self._stream, self._variant, piece.start)
        if (hour, content) not in self._inits:
            self._store.add(Segment.init_section(hour, content), [section])
            self._inits = {(hour, content), *islice(self._inits, REMEMBERED)}
        return content
