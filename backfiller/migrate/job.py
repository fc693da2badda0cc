"""One link: all that it leads to is delivered, the playlists after what they name, the link's own last."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from backfiller.migrate.carry import Carried
from backfiller.migrate.deliver import Delivery
from backfiller.migrate.errors import Cause, PieceError
from backfiller.migrate.hosts import AT_ONCE
from backfiller.migrate.links import Link
from backfiller.migrate.plan import Kind, Piece, Plan
from backfiller.migrate.walk import Lack, Walk
from backfiller.together import each_of

DENIALS_ALLOWED = 3
"""Pieces in a row that their servers deny: then a token has expired, and the others are not asked for."""

WAITS, EMPTY = 'it waits for what it names', 'nothing that it names is there'
"""Why a playlist is not put that could be: the reason is with what it names."""

Tell = Callable[..., None]
"""Told of an event: its name, and what there is to say of it."""


@dataclass
class State:
    """How far a link is: the sizes of what is in the bucket by their keys, and what is lacking."""

    link: Link
    root: Piece
    present: dict[str, int] = field(default_factory=dict)
    lacks: dict[str, Lack] = field(default_factory=dict)
    pieces: int = 0
    is_playable: bool = False
    is_live: bool = False
    denied: str = ''
    unasked: int = 0
    ended: bool = False

    @property
    def is_whole(self) -> bool:
        return self.ended and not (self.lacks or self.unasked)

    @property
    def may_come_yet(self) -> bool:
        """Whether another pass could bring more."""
        is_hopeless = all(lack.cause.is_final for lack in self.lacks.values())
        return not self.ended or bool(self.unasked) or not is_hopeless

    def begin(self) -> None:
        self.present, self.lacks, self.pieces, self.unasked = {}, {}, 0, 0
        self.is_playable, self.is_live, self.denied, self.ended = False, False, '', False


class Job:
    """A pass over one link."""

    def __init__(
        self,
        state: State,
        read: Callable[[Piece], Plan],
        delivery: Delivery,
        tell: Tell,
        *,
        at_once: int = AT_ONCE,
        playlists_only: bool = False,
    ) -> None:
        self._state = state
        self._read = read
        self._delivery = delivery
        self._tell = tell
        self._at_once = at_once
        self._playlists_only = playlists_only
        self._denials = 0

    def run(self) -> State:
        """Raises StoreError or SourceError if the bucket is of no use."""
        state = self._state
        state.begin()
        for found in Walk(self._read).of(state.root):
            if isinstance(found, Lack):
                state.pieces += 1
                state.denied = found.why if found.cause is Cause.DENIED else state.denied
                self._note(found)
            else:
                self._deliver(found)
        state.ended = True
        return state

    def _deliver(self, plan: Plan) -> None:
        """The pieces that the playlist names, and then the playlist, if all is there that can be."""
        self._state.is_live |= not (plan.is_master or plan.ended)
        self._state.pieces += 1
        if not self._playlists_only:
            self._deliver_all(plan)
        if obstacle := self._obstacle(plan):
            self._note(obstacle)
        else:
            self._one(plan.piece, lambda: self._delivery.playlist(plan))
        if self._playlists_only and not plan.is_master:
            self._state.is_playable |= plan.piece.key in self._state.present

    def _deliver_all(self, plan: Plan) -> None:
        self._state.pieces += len(plan.pieces) + len(plan.refused)
        self._tell('playlist', link=self._state.link.url, key=plan.piece.key, pieces=len(plan.pieces))
        for piece, why in plan.refused:
            self._note(Lack(piece, Cause.REFUSED, why))
        for _ in each_of(plan.pieces, self._piece, at_most=self._at_once):
            pass

    def _piece(self, piece: Piece) -> None:
        if self._denials >= DENIALS_ALLOWED:
            self._state.unasked += 1
        else:
            self._one(piece, lambda: self._delivery.piece(piece))

    def _one(self, piece: Piece, deliver: Callable[[], Carried]) -> None:
        try:
            carried = deliver()
        except PieceError as error:
            if error.cause is Cause.DENIED:
                self._denials += 1
                self._state.denied = str(error)
            self._note(Lack(piece, error.cause, str(error)))
            return
        self._denials = 0 if self._denials < DENIALS_ALLOWED else self._denials
        self._state.present[piece.key] = carried.size_bytes
        self._state.is_playable |= piece.kind is Kind.SEGMENT
        what = 'sent' if carried.was_sent else 'there'
        self._tell(what, key=piece.key, kind=piece.kind, bytes=carried.size_bytes)

    def _obstacle(self, plan: Plan) -> Lack | None:
        """Why the playlist must not be put: it would look whole, or as if there were anything to play."""
        if self._playlists_only or not self._delivery.holds_back:
            return None
        named = [each.key for each in (*plan.pieces, *plan.playlists)]
        if any(key not in self._state.present and not self._is_lost(key) for key in named):
            return Lack(plan.piece, Cause.FAILING, WAITS)
        played = plan.playlists or [each for each in plan.pieces if each.kind is Kind.SEGMENT]
        if played and not any(each.key in self._state.present for each in played):
            return Lack(plan.piece, Cause.GONE, EMPTY)
        return None

    def _is_lost(self, key: str) -> bool:
        lack = self._state.lacks.get(key)
        return bool(lack and lack.cause.is_final)

    def _note(self, lack: Lack) -> None:
        self._state.lacks[lack.piece.key] = lack
        self._tell('lacking', **told(lack))


def told(lack: Lack) -> dict[str, Any]:
    """A lack as JSON has it."""
    piece = lack.piece
    found: dict[str, Any] = {'kind': piece.kind, 'uri': piece.uri, 'key': piece.key if piece.url else None}
    if piece.kind is not Kind.PLAYLIST:
        found |= {'sequence': piece.sequence, 'seconds': piece.seconds}
    return {**found, 'cause': lack.cause, 'why': lack.why}


def missing_seconds(lacks: Iterator[Lack]) -> float:
    return round(sum(each.piece.seconds for each in lacks), 3)
