"""Which of several nodes mirrors an hour, by rendezvous hashing.

The first begins at once; the next takes over when nothing moved in the bucket for a while, and so on.
Nothing rests on it: two nodes that do begin at once write the same bytes.
"""

from collections.abc import Iterable

from backfiller import rendezvous
from common.segment import Hour

TAKEOVER_SECONDS = 300.0
"""So long nothing moves in the bucket before the next node takes over."""


def order(hour: Hour, nodes: Iterable[str]) -> list[str]:
    """The nodes by whose turn it is to mirror the hour."""
    return rendezvous.order(hour.path, nodes)


def is_mine(hour: Hour, me: str, others: Iterable[str], quiet_seconds: float) -> bool:
    """Whether it is our turn, when nothing has moved in the bucket's hour for so long."""
    rank = order(hour, {me, *others}).index(me)
    return quiet_seconds >= rank * TAKEOVER_SECONDS
