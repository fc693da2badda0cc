"""Whose turn it is to record: pure decisions over what Redis says."""

from collections import Counter

import pytest

from backfiller.rendezvous import order
from backfiller.streams.turns import Lease, Turn, gives_back, next_turn

NODES = ('a', 'b', 'c', 'd')
STREAMS = [f'stream{n}' for n in range(300)]
FREE = Lease()


def held(holder: str) -> Lease:
    return Lease(holder, 5.0)


@pytest.mark.parametrize('replicas', [1, 2, 3, 4])
def test_so_many_take_a_new_stream_at_once_each_another_slot(replicas: int) -> None:
    for stream in STREAMS:
        turns = [next_turn(stream, [FREE] * replicas, me, NODES) for me in NODES]
        slots = [turn.slot for turn in turns if turn and not turn.waits]
        assert sorted(slots) == list(range(replicas))
        assert sorted(turn.waits for turn in turns if turn and turn.waits) == [*range(1, 5 - replicas)]


def test_new_streams_spread_over_the_nodes() -> None:
    taken: Counter[str] = Counter()
    for stream in STREAMS:
        for me in NODES:
            turn = next_turn(stream, [FREE], me, NODES)
            taken[me] += turn == Turn(0, 0)
    assert all(45 <= taken[me] <= 105 for me in NODES)


def test_who_holds_one_takes_no_other_and_nothing_is_taken_that_is_held() -> None:
    assert next_turn('bus', [held('a'), FREE], 'a', NODES) is None
    assert next_turn('bus', [held('a'), held('b')], 'c', NODES) is None


def test_of_a_dead_node_only_its_slot_moves_to_the_next_of_those_that_live() -> None:
    left = [node for node in NODES if node not in ('a', 'b')]
    first, second = order('bus', left)
    leases = [held('a'), FREE]
    assert next_turn('bus', leases, first, ['a', *left]) == Turn(1, 0)
    assert next_turn('bus', leases, second, ['a', *left]) == Turn(1, 1)


def test_who_is_not_listed_among_the_members_counts_itself() -> None:
    assert next_turn('bus', [FREE], 'new', ()) == Turn(0, 0)


def test_a_stream_goes_back_to_whose_turn_it_rather_is_once_that_has_settled() -> None:
    best, *others = order('bus', NODES)
    leases = [held(others[0])]
    assert not gives_back('bus', leases, others[0], NODES, settled=others)
    assert gives_back('bus', leases, others[0], NODES, settled=NODES)
    assert not gives_back('bus', leases, others[1], NODES, settled=NODES)
    assert not gives_back('bus', [held(best)], best, NODES, settled=NODES)


def test_nothing_goes_back_while_something_is_free_or_when_the_better_one_has_it() -> None:
    best, second, third, _ = order('bus', NODES)
    assert not gives_back('bus', [held(third), FREE], third, NODES, settled=NODES)
    assert gives_back('bus', [held(third), held(best)], third, NODES, settled=NODES)
    assert not gives_back('bus', [held(second), held(best)], second, NODES, settled=NODES)
