"""Segments that are under way elsewhere, or that another peer has by another name: not fetched twice."""

import pytest

from backfiller.plan import MOST_AT_ONCE, MOST_IN_END_GAME, MOST_LOOKED_AT, PATIENCE_SECONDS
from tests.kit.build import piece, run_of
from tests.kit.plans import MUCH, alike_of, is_empty, offered, segments_of, take_one

LATER = PATIENCE_SECONDS + 1
PIECES = segments_of(run_of(6))
TWINS = alike_of(1)[0] + alike_of(1)[1]


def test_a_slow_peers_segments_are_asked_of_one_other_who_has_them() -> None:
    plan = offered(a=PIECES, b=PIECES, c=PIECES)
    plan.take('a', 0, MUCH)
    assert plan.take_late('b', PATIENCE_SECONDS) == []
    late = plan.take_late('b', LATER)
    assert len(late) == MOST_IN_END_GAME
    assert plan.take_late('a', LATER) == []
    rest = plan.take_late('c', LATER)
    assert set(late) | set(rest) == set(PIECES)
    assert not set(late) & set(rest)
    assert plan.take_late('c', 9 * LATER) == []
    needed, spared, fetchers = plan.held('b', late[0], 1)
    assert (needed, set(spared), fetchers) == (True, {('a', late[0]), ('c', late[0])}, [('a', late[0])])
    assert plan.held('a', late[0], 1) == (False, (), ())


def test_the_last_of_a_share_are_taken_over_first() -> None:
    plan = offered(a=PIECES, b=PIECES)
    share = plan.take('a', 0, MUCH)
    assert plan.take_late('b', LATER) == share[: -MOST_IN_END_GAME - 1 : -1]


def test_a_slow_peer_takes_nothing_over() -> None:
    plan = offered(a=PIECES, b=PIECES[:1], c=PIECES)
    take_one(plan, 'b')
    plan.take('a', 1, MUCH)
    assert plan.take_late('b', LATER + 1) == []
    assert len(plan.take_late('c', LATER + 1)) == MOST_IN_END_GAME


def test_two_slow_peers_do_not_keep_a_segment_from_a_third() -> None:
    plan = offered(a=PIECES[:1], b=PIECES[:1], c=PIECES[:1])
    take_one(plan, 'a')
    assert plan.take_late('b', LATER) == PIECES[:1]
    assert plan.take_late('c', LATER + 1) == []
    assert plan.take_late('c', 3 * LATER) == PIECES[:1]


def test_the_second_of_two_may_fail_and_a_third_is_asked() -> None:
    plan = offered(a=PIECES[:1], b=PIECES[:1], c=PIECES[:1])
    take_one(plan, 'a')
    assert plan.take_late('b', LATER) == PIECES[:1]
    plan.failed('b', PIECES[0])
    assert plan.take_late('c', 2 * LATER) == PIECES[:1]
    plan.held('c', PIECES[0], 1)
    assert is_empty(plan)


def test_twins_are_fetched_neither_side_by_side_nor_after_each_other() -> None:
    plan = offered(a=TWINS, b=TWINS[1:])
    assert plan.take('a', 0, MUCH) in ([TWINS[0]], [TWINS[1]])
    assert plan.take('a', 0, MUCH) == plan.take('b', 0, MUCH) == []
    plan.held('a', TWINS[0], 4)
    assert plan.take('a', 0, MUCH) == plan.take('b', 0, MUCH) == []
    assert is_empty(plan)


def test_a_twin_is_fetched_if_the_other_failed() -> None:
    plan = offered(a=TWINS[:1], b=TWINS[1:])
    assert take_one(plan, 'a') == TWINS[0]
    assert plan.take('b', 0, MUCH) == []
    plan.failed('a', TWINS[0])
    assert take_one(plan, 'b') == TWINS[1]


def test_the_same_bytes_at_another_time_are_fetched_one_after_the_other() -> None:
    alike = [piece(f'2026-11-14T03:{n}0:00', body=b'black').segment for n in range(3)]
    plan = offered(a=alike, b=alike)
    for peer in 'abb':
        segment = take_one(plan, peer)
        assert plan.take('a', 0, MUCH) == plan.take('b', 0, MUCH) == []
        assert plan.held(peer, segment, 5).needed
    assert is_empty(plan)


@pytest.mark.parametrize('count', [1, MOST_AT_ONCE, MOST_LOOKED_AT + 1])
def test_twins_that_came_do_not_hide_what_is_missing_behind_them(count: int) -> None:
    ours, theirs = alike_of(count)
    rest = segments_of(run_of(10, '2026-11-14T03:50:00'))
    plan = offered(a=ours, b=[*theirs, *rest])
    for segment in [segment for _ in range(count) for segment in plan.take('a', 0, MUCH)]:
        plan.held('a', segment, 1)
    assert plan.take('b', 0, MUCH) == rest
