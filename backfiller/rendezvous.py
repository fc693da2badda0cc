"""Which of several nodes comes first for a thing: rendezvous hashing (Thaler and Ravishankar, 1998).

Each node ranks all nodes by a hash of both, so that all come to the same order without a word, and a node
that comes or goes leaves the order of the others as it is.
"""

import hashlib
from collections.abc import Iterable


def order(thing: str, nodes: Iterable[str]) -> list[str]:
    """The nodes by whose turn it is for the thing."""
    return sorted(set(nodes), key=lambda node: (_score(thing, node), node), reverse=True)


def _score(thing: str, node: str) -> bytes:
    return hashlib.sha256(f'{thing}\n{node}'.encode()).digest()
