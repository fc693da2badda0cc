"""Which of several nodes mirrors an hour: rendezvous hashing (Thaler and Ravishankar, 1998).

Each node ranks all live nodes for an hour by a hash of both, so that all come to the same order without a
word. The first begins at once; the next takes over when nothing moved in the bucket for a while, and so on.
Nothing rests on it: two nodes that do begin at once write the same bytes.
"""

import hashlib
from collections.abc import Iterable

from common.segment import Hour

TAKEOVER_SECONDS = 300.0
"""So long nothing moves in the bucket before the next node takes over."""


def order(hour: Hour, nodes: Iterable[str]) -> list[str]:
    """The nodes by whose turn it is to mirror the hour."""
    return sorted(set(nodes), key=lambda node: (_score(hour, node), node), reverse=True)


def is_mine(hour: Hour, me: str, others: Iterable[str], quiet_seconds: float) -> bool:
    """Whether it is our turn, when nothing has moved in the bucket's hour for so long."""
    rank = order(hour, {me, *others}).index(me)
    return quiet_seconds >= rank * TAKEOVER_SECONDS


def _score(hour: Hour, node: str) -> bytes:
    return hashlib.sha256(f'{hour.path}\n{node}'.encode()).digest()
