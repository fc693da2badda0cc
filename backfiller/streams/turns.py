"""Whose turn it is to record a stream of which there are to be so many replicas, by what Redis says.

Each replica is a slot, and whoever holds its lease records. A lease stays where it is for as long as its
holder renews it, so that nothing moves without need. For a free one all nodes that hold none of the stream
rank themselves by rendezvous hashing: the first take it at once, the others one after the other only when
it stays free.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from backfiller import rendezvous


@dataclass(frozen=True, slots=True)
class Lease:
    """Who holds a slot, empty if nobody does, and how long that lasts unless it is renewed."""

    holder: str = ''
    left_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Turn:
    """The slot that is to be taken when it has been free for so many waits, none: at once."""

    slot: int
    waits: int


def next_turn(stream: str, leases: Sequence[Lease], me: str, members: Collection[str]) -> Turn | None:
    """Ours; None if nothing is free, or we hold a slot already."""
    holders = {lease.holder for lease in leases}
    free = [slot for slot, lease in enumerate(leases) if not lease.holder]
    if me in holders or not free:
        return None
    rank = rendezvous.order(stream, {me, *members} - holders).index(me)
    return Turn(free[min(rank, len(free) - 1)], max(0, rank - len(free) + 1))


def gives_back(
    stream: str, leases: Sequence[Lease], me: str, members: Collection[str], settled: Collection[str]
) -> bool:
    """Whether we hold what is rather the turn of a member that has been there for long enough.

    So a node that was away gets its streams again, once, when it proves to stay.
    """
    holders = {lease.holder for lease in leases}
    if me not in holders or '' in holders:
        return False
    first = rendezvous.order(stream, {me, *members})[: len(leases)]
    return me not in first and any(each in settled and each not in holders for each in first)
