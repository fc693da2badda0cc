"""What an origin offers, load by load: what is new, what was skipped and why, what is still to be taken.

It knows of no clock and no network: both `now` are handed in. A segment is told from others by its sequence
number and its stated time, or the last part of its path where none is stated; never by a query, for tokens
change with every load.

Each sequence number ends in one of two ways. It is taken, or it is told of once as skipped, with its cause:

- `gone`: it left the window before it was taken, or was never offered to us; `jumped`: the origin left the
  number out, and no time with it; `gap`: the origin says that it lacks it; `unreadable`: its lines in the
  playlist;
- else what the origin gave for it last while it was offered: `404`, `refused`, `encrypted`, `deadline`,
  `unreachable`, `truncated` ...
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain

from backfiller.capture.clock import ARRIVAL, Clock
from backfiller.capture.piece import EACH, Piece, State, missed
from backfiller.capture.same import Held, is_restart, is_same
from common.hls.playlist_reader import Entry, MediaPlaylist
from common.skips import Skip

STALLED_TARGETS = 3
LONGEST_STAY_SECONDS = 300.0
LEAST_SEQUENCE = -(2**64)
"""Some origins have negative numbers."""

_VAGUE = 'unreachable', 'deadline', 'expired'
"""An outage says less of a segment than what the origin answered before."""

_NO_MORE = '404', 'expired'
"""What servers say of segments that left the window: no URL will be any better."""

_ENCRYPTED = 'it is encrypted'


@dataclass(frozen=True, slots=True)
class Load:
    """What a load brought: `changed` if it is not as the last, `restarted` if the origin counts anew.

    `unread` says what is newly found to be unreadable; it may be readable with the next load.
    """

    new: tuple[Piece, ...]
    skips: tuple[Skip, ...]
    changed: bool
    restarted: bool
    unread: tuple[str, ...] = ()


class Window:
    """The segments that one variant of an origin offers; `known_until` is as far as was recorded before."""

    def __init__(self, clock: Clock, known_until: datetime | None = None) -> None:
        self._known_until = known_until
        self.clock = clock
        self.newest: Piece | None = None
        self._pieces: dict[int, Piece] = {}
        self._leaving: list[Piece] = []
        self._unread: dict[int, Skip] = {}
        self._next: int | None = None
        self._floor = LEAST_SEQUENCE
        self._stay_seconds = 0.0
        self._shape: tuple[int, int, bool] | None = None
        self._changed_at: float | None = None
        self._behind_from: tuple[float, int] | None = None
        self._is_switched = False
        self._held = Held()

    def load(self, offered: MediaPlaylist, now: float, wall: datetime) -> Load:
        """Takes note of a playlist, loaded at `now` of the monotonic clock and `wall` of the other."""
        restarted = self._restarts(offered, now)
        if self._is_switched and self.newest is not None and self.newest.by != ARRIVAL:
            self._known_until = self.newest.end
        skips = self._begin_anew(now) if restarted else []
        changed = self._note_change(offered, now) or restarted
        jumped = self._next is not None and offered.entries and offered.sequence > self._next
        before, expected = self.newest, self._next
        new = self._add(offered, wall, restarted)
        if jumped and expected is not None:
            end = before.end if before is not None and before.by != ARRIVAL else None
            skips += missed(end, new[0] if new else None, expected, offered.sequence)
        skips += self._missed_before(new)
        skips += [each.skip('gap') for each in new if each.state is State.GIVEN_UP]
        unread = tuple(self._note_unread(offered))
        skips += self._let_leave(offered, now)
        return Load(tuple(each for each in new if each.is_open), tuple(skips), changed, restarted, unread)

    def due(self) -> list[Piece]:
        """What is to be tried now, the oldest first."""
        every = chain(self._leaving, self._pieces.values())
        return [piece for piece in every if piece.state is State.WAITING]

    def begin(self, piece: Piece) -> None:
        piece.state = State.IN_FLIGHT
        piece.tries += 1

    def take(self, piece: Piece) -> None:
        piece.state = State.TAKEN
        self._held.add(piece.start)
        self._drop_settled()

    def fail(self, piece: Piece, cause: str, now: float, *, final: bool = False) -> list[Skip]:
        """A try that came to nothing; `final` if no other could do better. Returns it if it is given up."""
        has_left = piece.expires is not None
        piece.state = State.WAITING
        if not piece.cause or not (has_left or cause in _VAGUE):
            piece.cause = cause
        if not (final or (has_left and (cause in _NO_MORE or now >= (piece.expires or 0)))):
            return []
        piece.state = State.GIVEN_UP
        self._drop_settled()
        return [piece.skip(piece.cause)]

    def expire(self, now: float) -> list[Skip]:
        """Those that left the window, and cannot be had any more."""
        late = [
            piece
            for piece in self._leaving
            if piece.state is State.WAITING and piece.expires is not None and now >= piece.expires
        ]
        for piece in late:
            piece.state = State.GIVEN_UP
        self._drop_settled()
        return [piece.skip(piece.cause or 'gone') for piece in late]

    def switch(self) -> None:
        """The next playlist is that of another server, which counts for itself."""
        self._is_switched = self._next is not None

    def is_stalled(self, now: float, target_duration: float) -> bool:
        """Whether the playlist has not changed for three target durations."""
        return self._changed_at is not None and now - self._changed_at > STALLED_TARGETS * target_duration

    def open_count(self) -> int:
        """How many are neither taken nor given up."""
        return sum(piece.is_open for piece in chain(self._leaving, self._pieces.values())) + len(self._unread)

    def give_up(self) -> list[Skip]:
        """All that is not taken, when nobody is going to try any more."""
        left = [piece for piece in chain(self._leaving, self._pieces.values()) if piece.is_open]
        for piece in left:
            piece.state = State.GIVEN_UP
        unread = list(self._unread.values())
        self._unread.clear()
        return [piece.skip(piece.cause or 'gone') for piece in left] + unread

    def leave_behind(self) -> list[Skip]:
        """What left the window untaken, when another recorder is to go on with the rest."""
        return [piece.skip(piece.cause or 'gone') for piece in self._leaving if piece.is_open]

    def _missed_before(self, new: Sequence[Piece]) -> Sequence[Skip]:
        """What went by before the first load of a server, by the time that has passed since what is known."""
        if not new:
            return ()
        end, self._known_until, first = self._known_until, None, new[0]
        if end is None or first.by == ARRIVAL or not first.entry.duration:
            return ()
        count = round((first.start - end) / first.entry.duration)
        if not 0 < count <= first.entry.sequence:
            return ()  # nothing did, or the origin began anew meanwhile
        return missed(end, first, first.entry.sequence - count, first.entry.sequence)

    def _restarts(self, offered: MediaPlaylist, now: float) -> bool:
        if self._next is None or not offered.entries:
            return False
        if self._is_switched:
            return True
        newest = offered.entries[-1].sequence
        if newest >= self._next - 1:
            self._behind_from = None
        elif self._behind_from is None:
            self._behind_from = now, newest
        since, first = self._behind_from or (now, newest)
        known = {sequence: piece.entry for sequence, piece in self._pieces.items()}
        return is_restart(known, offered, now - since, goes_on=newest > first)

    def _begin_anew(self, now: float) -> list[Skip]:
        """What was offered and not taken may still be there for a while; returns what could not be read."""
        unread = list(self._unread.values())
        for piece in self._pieces.values():
            self._leave(piece, now)
        self._pieces, self._unread = {}, {}
        self._next, self._floor, self.newest = None, LEAST_SEQUENCE, None
        self._behind_from, self._is_switched = None, False
        self.clock.restart()
        return unread

    def _note_change(self, offered: MediaPlaylist, now: float) -> bool:
        last = offered.entries[-1].sequence if offered.entries else -1
        shape = offered.sequence, last, offered.ended
        if shape == self._shape:
            return False
        self._shape, self._changed_at = shape, now
        return True

    def _add(self, offered: MediaPlaylist, wall: datetime, restarted: bool) -> list[Piece]:
        """Makes pieces of the entries that are new, and brings the URLs of the others up to date."""
        fresh = []
        for entry in offered.entries:
            piece = self._pieces.get(entry.sequence)
            if piece is None and self._is_wanted(entry):
                fresh.append(entry)
            elif piece is not None and is_same(piece.entry, entry):
                piece.entry = entry
        new = [
            Piece(entry, placed.start, placed.by)
            for entry, placed in zip(fresh, self.clock.place(offered, fresh, wall), strict=True)
        ]
        for piece in new:
            piece.state = self._state_of(piece, restarted)
            self._pieces[piece.entry.sequence] = piece
            self._unread.pop(piece.entry.sequence, None)
            if self.newest is None or piece.entry.sequence > self.newest.entry.sequence:
                self.newest = piece
        self._note_end(offered)
        return new

    def _is_wanted(self, entry: Entry) -> bool:
        """Of one that is not known: a cache may offer older ones, of which only stated times can tell."""
        is_next = self.newest is None or entry.sequence > self.newest.entry.sequence
        return entry.sequence >= self._floor and (
            is_next or entry.start is not None or entry.sequence in self._unread
        )

    def _state_of(self, piece: Piece, restarted: bool) -> State:
        """Another server, or the same once more, may offer what we have."""
        if piece.entry.gap:
            return State.GIVEN_UP
        has_it = restarted and piece.by != ARRIVAL and piece.start in self._held
        return State.TAKEN if has_it else State.WAITING

    def _note_unread(self, offered: MediaPlaylist) -> Iterator[str]:
        for each in offered.skipped:
            if each.sequence >= self._floor and each.sequence not in self._pieces:
                if each.sequence not in self._unread:
                    yield each.cause
                cause = 'encrypted' if _ENCRYPTED in each.cause else 'unreadable'
                self._unread[each.sequence] = Skip(
                    each.sequence, cause, self.clock.meant(each.start), each.duration
                )

    def _note_end(self, offered: MediaPlaylist) -> None:
        if offered.entries:
            ends = (offered.entries[-1].sequence, *(each.sequence for each in offered.skipped))
            self._next = max(max(ends) + 1, LEAST_SEQUENCE if self._next is None else self._next)
            span = sum((each.duration for each in offered.entries), timedelta()).total_seconds()
            self._stay_seconds = min(max(self._stay_seconds, span), LONGEST_STAY_SECONDS)

    def _let_leave(self, offered: MediaPlaylist, now: float) -> Iterator[Skip]:
        """What the playlist has no more."""
        if not offered.entries:
            return
        first = offered.sequence
        for sequence in sorted(each for each in self._unread if each < first):
            yield self._unread.pop(sequence)
        history = first - max(EACH, 2 * len(offered.entries))
        for sequence in [each for each in self._pieces if each < first]:
            piece = self._pieces[sequence]
            if piece.is_open:
                self._leave(piece, now)
            if piece.expires is not None or sequence < history:
                del self._pieces[sequence]
                self._floor = max(self._floor, sequence + 1)

    def _leave(self, piece: Piece, now: float) -> None:
        if piece.is_open:
            piece.expires = now + self._stay_seconds
            self._leaving.append(piece)

    def _drop_settled(self) -> None:
        self._leaving = [piece for piece in self._leaving if piece.is_open]
