"""A segment on its way from an origin, and the numbers that went by without one."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto

from backfiller.capture.clock import ARRIVAL
from common.hls.playlist_reader import Entry
from common.skips import Skip

EACH = 100
"""A longer run of skipped numbers is told of in one."""

_HALF = 0.5


class State(Enum):
    WAITING = auto()
    IN_FLIGHT = auto()
    TAKEN = auto()
    GIVEN_UP = auto()


@dataclass(eq=False)
class Piece:
    """A segment on its way: `entry` as it was offered last, `cause` why the last try came to nothing.

    One that left the window untaken is worth trying until `expires`: servers keep it for the length of the
    longest playlist that had it (RFC 8216 section 6.2.2).
    """

    entry: Entry
    start: datetime
    by: str
    state: State = State.WAITING
    tries: int = 0
    cause: str = ''
    expires: float | None = None

    @property
    def end(self) -> datetime:
        return self.start + self.entry.duration

    @property
    def is_open(self) -> bool:
        return self.state in (State.WAITING, State.IN_FLIGHT)

    def skip(self, cause: str) -> Skip:
        return Skip(self.entry.sequence, cause, self.start, self.entry.duration)


def missed(before: datetime | None, after: Piece | None, first: int, end: int) -> Sequence[Skip]:
    """The numbers from `first` up to `end`, which were never seen.

    Their time is that from `before`, where what came before them ended, to `after`, if both are told.
    """
    count, start, span, cause = end - first, None, None, 'gone'
    if before is not None and after is not None and after.by != ARRIVAL:
        start, span = before, after.start - before
        if span < _HALF * after.entry.duration:
            cause, start, span = 'jumped', None, None
    if count > EACH:
        return [Skip(first, cause, start, span, count)]
    share = span / count if span is not None else None
    return list(_shares(range(first, end), cause, start, share))


def _shares(
    numbers: Iterable[int], cause: str, start: datetime | None, share: timedelta | None
) -> Iterator[Skip]:
    for sequence in numbers:
        yield Skip(sequence, cause, start, share)
        if start is not None and share is not None:
            start += share
