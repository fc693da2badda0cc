"""Which nodes record a stream."""

from collections import Counter

import pytest

from backfiller.streams.placing import EVERYWHERE, Placement, is_here, read_nodes
from common.errors import UsageError

NODES = ('a', 'b', 'c', 'd')
STREAMS = [f'stream{n}' for n in range(400)]


def holders(stream: str, placement: Placement, nodes: tuple[str, ...] = NODES) -> set[str]:
    return {node for node in nodes if is_here(stream, placement, node, nodes)}


@pytest.mark.parametrize(
    ('placement', 'expected'),
    [
        (EVERYWHERE, set(NODES)),
        (Placement(nodes=('a', 'c', 'x')), {'a', 'c'}),
        (Placement(nodes=('x',)), set()),
    ],
)
def test_all_or_those_that_are_named(placement: Placement, expected: set[str]) -> None:
    assert holders('bus', placement) == expected


@pytest.mark.parametrize(('replicas', 'nodes'), [(1, 1), (2, 2), (4, 4), (9, 4)])
def test_so_many_of_them_hold_each_stream(replicas: int, nodes: int) -> None:
    assert {len(holders(stream, Placement(replicas=replicas))) for stream in STREAMS} == {nodes}


def test_the_streams_are_spread_over_the_nodes() -> None:
    held = Counter(node for stream in STREAMS for node in holders(stream, Placement(replicas=2)))
    assert all(150 <= held[node] <= 250 for node in NODES)


def test_a_node_that_goes_moves_its_own_streams_alone() -> None:
    for stream in STREAMS:
        before = holders(stream, Placement(replicas=2))
        assert before - {'d'} <= holders(stream, Placement(replicas=2), NODES[:3])


def test_the_nodes_have_names_and_each_stands_once() -> None:
    assert read_nodes(['a', 'b'], 'x') == ('a', 'b')
    for bad in ('a', ['a b'], ['a', 'a'], {'a': 1}):
        with pytest.raises(UsageError, match='x: '):
            read_nodes(bad, 'x')
