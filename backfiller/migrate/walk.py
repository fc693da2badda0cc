"""From a link to all that it leads to: its playlist, the playlists that this names, what those name."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from backfiller.migrate.errors import Cause, PieceError
from backfiller.migrate.plan import Piece, Plan

DEEPEST = 3
MOST_PLAYLISTS = 1000


@dataclass(frozen=True, slots=True)
class Lack:
    """A piece that is not in the bucket, and why."""

    piece: Piece
    cause: Cause
    why: str


class Walk:
    """Reads each playlist once; those that another one names come before it. Knows of no network."""

    def __init__(self, read: Callable[[Piece], Plan]) -> None:
        self._read = read
        self._seen: set[str] = set()

    def of(self, piece: Piece, above: tuple[str, ...] = ()) -> Iterator[Plan | Lack]:
        """The plan of the playlist, after those that it names, or why there is none."""
        if piece.key in above:
            yield Lack(piece, Cause.REFUSED, 'it names a playlist that names it')
        elif piece.key not in self._seen:
            self._seen.add(piece.key)
            yield from self._unseen(piece, above)

    def _unseen(self, piece: Piece, above: tuple[str, ...]) -> Iterator[Plan | Lack]:
        if len(above) >= DEEPEST or len(self._seen) > MOST_PLAYLISTS:
            what = f'playlists in playlists, more than {DEEPEST} deep or {MOST_PLAYLISTS} in all'
            yield Lack(piece, Cause.REFUSED, what)
            return
        try:
            plan = self._read(piece)
        except PieceError as error:
            yield Lack(piece, error.cause, str(error))
            return
        for each in plan.playlists:
            yield from self.of(each, (*above, piece.key))
        yield plan
