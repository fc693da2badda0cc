"""Which nodes record a stream: all, those that are named, or so many of them."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from backfiller import rendezvous
from common import config, kinds
from common.errors import UsageError
from common.segment import shown

MOST_REPLICAS = 100
NAMES = kinds.many(kinds.LABEL)

_ALLOWED = '"all", a list of node names, or {replicas = N}'


@dataclass(frozen=True, slots=True)
class Placement:
    """Every node, unless there are `nodes` (only these), or `replicas` (so many, whichever they are)."""

    nodes: tuple[str, ...] = ()
    replicas: int = 0

    @classmethod
    def read(cls, found: Any, where: str) -> 'Placement':
        """As it stands in a registry; raises UsageError."""
        if found == 'all':
            return EVERYWHERE
        if isinstance(found, list) and found:
            return cls(nodes=config.read(NAMES, found, where))
        if isinstance(found, dict) and set(found) == {'replicas'}:
            return cls(replicas=_replicas(found['replicas'], where))
        raise UsageError(f'{where}: {shown(str(found))} is not allowed: give {_ALLOWED}')

    def names(self, node: str) -> bool:
        """Whether it says of this very node that it records the stream, whatever others do."""
        return not self.replicas and (not self.nodes or node in self.nodes)

    def __str__(self) -> str:
        if self.replicas:
            return f'{self.replicas} of the nodes'
        return ', '.join(self.nodes) or 'all'


EVERYWHERE = Placement()


def is_here(stream: str, placement: Placement, me: str, nodes: Collection[str]) -> bool:
    """Whether this node records the stream, where replicas are dealt out among these nodes for good."""
    if not placement.replicas:
        return placement.names(me)
    return me in rendezvous.order(stream, nodes)[: placement.replicas]


def read_nodes(found: Any, where: str) -> tuple[str, ...]:
    """The names of all nodes; raises UsageError."""
    nodes: tuple[str, ...] = config.read(NAMES, found, where)
    return _without_repeats(nodes, where)


def _without_repeats(nodes: Iterable[str], where: str) -> tuple[str, ...]:
    found = list(nodes)
    for node in found:
        if found.count(node) > 1:
            raise UsageError(f'{where}: {node} stands there twice')
    return tuple(found)


def _replicas(found: Any, where: str) -> int:
    if type(found) is not int or not 1 <= found <= MOST_REPLICAS:
        raise UsageError(
            f'{where}: {shown(str(found))} replicas are not allowed: give a whole number from 1 to '
            f'{MOST_REPLICAS}'
        )
    return found
