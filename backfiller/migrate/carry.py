"""One piece from its server to the bucket, unless it is there: through memory, never through a file.

It is there if the bucket has it from the same URL, and the server says by ETag or Last-Modified, and by its
size, that it is still the same. Where the server says neither, the bytes are read and their SHA-256 compared.
What is there and cannot be had any more stays, and counts.
"""

from contextlib import ExitStack
from dataclasses import dataclass

from gevent.lock import BoundedSemaphore

from backfiller.migrate.errors import Cause, PieceError
from backfiller.migrate.large import PART_BYTES, Large, Source
from backfiller.migrate.origin import Incoming, Origin
from backfiller.migrate.plan import Piece
from backfiller.migrate.room import Room
from backfiller.migrate.shelf import Held, Origins, Shelf, headers_of
from backfiller.mirror.objects import Sums
from common.errors import SegmentError
from common.offload import offload

WHOLE_BYTES = 16 * 1024 * 1024
"""What is larger goes in parts, and so does what is larger than a part and does not say how large."""

_QUICK_BYTES = 64 * 1024
AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class Carried:
    """A piece that is in the bucket now."""

    size_bytes: int
    was_sent: bool


@dataclass(frozen=True)
class _Body:
    content: bytes
    origins: Origins
    content_type: str


class Carrier:
    """Carries pieces, so many bodies at once."""

    def __init__(self, origin: Origin, shelf: Shelf, large: Large, *, at_once: int = AT_ONCE) -> None:
        self._origin = origin
        self._shelf = shelf
        self._large = large
        self._bodies = BoundedSemaphore(at_once)
        self._room = Room()

    def carry(self, piece: Piece, source: str) -> Carried:
        """Raises PieceError, or StoreError or SourceError if the bucket is of no use."""
        try:
            held = self.held(piece.key, source)
            return self._carried(piece, source, held)
        except SegmentError as error:
            raise PieceError(Cause.STORE, str(error)) from error

    def held(self, key: str, source: str) -> Held | None:
        """What the bucket has for it; raises PieceError if that is of another URL."""
        held = self._shelf.held(key)
        if held and held.origins.source and not held.is_of(source):
            where = f'{key} in the bucket is of {held.origins.source}'
            raise PieceError(Cause.REFUSED, f'{where}: give another prefix, or --by-host always')
        return held

    def _carried(self, piece: Piece, source: str, held: Held | None) -> Carried:
        try:
            return self._origin.trying(piece.url, lambda: self._carry(piece, source, held))
        except PieceError:
            if not held or not held.is_of(source):
                raise
            return Carried(held.size_bytes, was_sent=False)

    def _carry(self, piece: Piece, source: str, held: Held | None) -> Carried:
        with ExitStack() as kept:
            with self._origin.turn(piece.url):
                found = self._fetched(piece, source, held, kept)
            return found if isinstance(found, Carried) else self._put(piece, found, held)

    def _fetched(self, piece: Piece, source: str, held: Held | None, kept: ExitStack) -> _Body | Carried:
        """The body, which takes its room among the `kept`, or what became of the piece."""
        known = held if held and held.is_of(source) else None
        conditions = known.origins.conditions() if known else {}
        with self._origin.incoming(piece.url, conditions) as coming:
            if known and _is_unchanged(known, coming):
                return Carried(known.size_bytes, was_sent=False)
            if coming.status != 200:
                raise PieceError(
                    Cause.FAILING, f'{piece.url} answered {coming.status}, which was not asked for'
                )
            origins = Origins(source, coming.etag, coming.modified)
            kept.enter_context(self._bodies)
            size = coming.size_bytes
            kept.enter_context(self._room.of(_room_for(size)))
            body = coming.whole(PART_BYTES if size is None else WHOLE_BYTES)
            if body is not None:
                return _Body(body, origins, coming.content_type)
        if held and not known:
            raise _not_ours(piece)
        found = Source(piece.url, size, coming.has_ranges, origins)
        sent = self._large.send(piece.key, found, headers_of(piece.key, coming.content_type))
        return Carried(sent, was_sent=True)

    def _put(self, piece: Piece, body: _Body, held: Held | None) -> Carried:
        """Unless just that is there."""
        size = len(body.content)
        sums = Sums.of(body.content) if size < _QUICK_BYTES else offload(Sums.of, body.content)
        if held and held.has(sums, size):
            return Carried(size, was_sent=False)
        if held and not held.is_of(body.origins.source):
            raise _not_ours(piece)
        headers = headers_of(piece.key, body.content_type)
        self._shelf.put(piece.key, body.content, sums, body.origins, headers)
        return Carried(size, was_sent=True)


def _room_for(size_bytes: int | None) -> int:
    """In parts it takes twice a part: one is sent while it still lies where it was read."""
    return size_bytes if size_bytes is not None and size_bytes <= WHOLE_BYTES else 2 * PART_BYTES


def _not_ours(piece: Piece) -> PieceError:
    return PieceError(Cause.REFUSED, f'{piece.key} in the bucket is something else, and not ours')


def _is_unchanged(known: Held, coming: Incoming) -> bool:
    """Whether the server says that the bucket holds what it has."""
    if coming.status == 304:
        return True
    same_size = coming.status == 200 and coming.size_bytes == known.size_bytes
    return same_size and known.origins.says_the_same(coming.etag, coming.modified)
