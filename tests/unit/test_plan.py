"""Who fetches what next: each missing segment once, the rare ones first, and a fair share for everybody."""

from collections import Counter
from itertools import permutations

import pytest

from backfiller.plan import FIRST_GUESS_BYTES, MOST_AT_ONCE, Plan
from backfiller.sync import Known
from common.segment import Segment
from tests.kit.build import HOUR, piece, run_of, tombstone_of
from tests.kit.plans import MUCH, is_empty, offer, offered, segments_of, take_one

PIECES = segments_of(run_of(6))
NEXT_HOUR = segments_of(run_of(3, '2026-11-14T04:00:00'))


def test_an_empty_plan_has_nothing_for_anybody() -> None:
    plan = Plan()
    assert (plan.take('a', 0, MUCH), plan.take_late('a', 0), plan.outstanding('a')) == ([], [], 0)
    assert plan.held('a', PIECES[0], 1).needed is False
    assert not plan.failed('a', PIECES[0])
    plan.give_back('a', PIECES)
    plan.leave('a')
    assert is_empty(plan)


def test_what_one_peer_has_comes_in_the_order_offered_hour_by_hour() -> None:
    plan = offered(a=[*NEXT_HOUR, *PIECES])
    assert plan.outstanding('a') == 9
    assert plan.take('a', 0, MUCH) == NEXT_HOUR
    assert plan.take('a', 0, MUCH) == PIECES
    assert plan.take('a', 0, MUCH) == []
    assert plan.outstanding('a') == 9


def test_it_concerns_an_hour_for_as_long_as_a_pass_is_in_it_or_something_of_it_is_to_come() -> None:
    plan = Plan()
    with plan.room(HOUR):
        assert plan.concerns(HOUR)
    assert not plan.concerns(HOUR)
    plan = offered(a=PIECES[:2], b=PIECES[:2])
    plan.take('a', 0, MUCH)
    plan.held('a', PIECES[0], 1)
    assert plan.concerns(HOUR)
    plan.held('a', PIECES[1], 1)
    assert not plan.concerns(HOUR)


def test_what_is_held_is_not_taken() -> None:
    plan = Plan()
    offer(plan, 'a', [*PIECES, tombstone_of(piece())], held=[*PIECES[:5], tombstone_of(piece())])
    assert plan.take('a', 0, MUCH) == [PIECES[5]]


@pytest.mark.parametrize('order', list(permutations('abc')))
def test_nothing_is_under_way_twice_whoever_asks_first(order: tuple[str, ...]) -> None:
    plan = offered(a=PIECES, b=PIECES[2:], c=PIECES[:3])
    shares = [plan.take(peer, 0, 2 * FIRST_GUESS_BYTES) for peer in order * 2]
    taken = [segment for share in shares for segment in share]
    assert sorted(taken, key=lambda each: each.name) == PIECES


def test_what_fewest_peers_have_is_taken_first() -> None:
    plan = offered(a=PIECES[:4], b=PIECES[:3], c=PIECES[:2], d=PIECES[:1])
    assert plan.take('a', 0, MUCH) == PIECES[:4][::-1]


def test_tombstones_come_before_all_else_of_their_hour_and_cost_no_budget() -> None:
    tombstones = [tombstone_of(each) for each in run_of(3, '2026-11-14T03:50:00')]
    plan = offered(a=[*PIECES, *tombstones], b=[*PIECES[1:], *tombstones])
    assert plan.take('a', 0, FIRST_GUESS_BYTES) == [*tombstones, PIECES[0]]


@pytest.mark.parametrize(('budget', 'count'), [(0, 1), (1, 1), (2, 2), (2.9, 2), (5, 5), (1e9, MOST_AT_ONCE)])
def test_a_share_is_as_large_as_the_budget(budget: float, count: int) -> None:
    plan = offered(a=segments_of(run_of(MOST_AT_ONCE + 50)))
    assert len(plan.take('a', 0, budget * FIRST_GUESS_BYTES)) == count


def test_a_share_follows_the_sizes_that_came_of_that_variant() -> None:
    plan = offered(a=segments_of(run_of(100)), b=segments_of(run_of(100, variant='480p')))
    for _ in range(40):
        plan.held('a', take_one(plan, 'a'), 100_000)
    assert len(plan.take('a', 0, 1_000_000)) == 10
    assert len(plan.take('b', 0, 2 * FIRST_GUESS_BYTES)) == 2
    plan.give_back('a', segments_of(run_of(100)))
    for _ in range(40):
        plan.held('a', take_one(plan, 'a'), 400_000)
    assert len(plan.take('a', 0, 1_000_000)) == 2


def test_a_tombstone_tells_nothing_about_sizes() -> None:
    tombstone = tombstone_of(piece())
    plan = offered(a=[tombstone, *PIECES])
    plan.held('a', plan.take('a', 0, 0)[0], 0)
    assert len(plan.take('a', 0, 2 * FIRST_GUESS_BYTES)) == 2


def test_what_arrived_is_told_to_those_who_have_it_and_counts_once() -> None:
    plan = offered(a=PIECES[:1], b=PIECES[:1], c=PIECES[1:])
    take_one(plan, 'a')
    assert plan.held('a', PIECES[0], 1) == (True, [('b', PIECES[0])], [])
    assert plan.held('b', PIECES[0], 1) == (False, (), ())
    assert (plan.outstanding('a'), plan.outstanding('b')) == (0, 0)
    offer(plan, 'b', PIECES[:1], held=PIECES[:1])
    assert plan.take('b', 0, MUCH) == []


def test_what_failed_at_one_peer_is_asked_of_another_and_not_of_that_one_again() -> None:
    plan = offered(a=PIECES[:1], b=PIECES[:1])
    assert take_one(plan, 'a') == PIECES[0]
    assert plan.failed('a', PIECES[0])
    assert plan.take('a', 0, MUCH) == []
    assert plan.outstanding('a') == 0
    assert take_one(plan, 'b') == PIECES[0]
    assert plan.failed('b', PIECES[0])
    assert is_empty(plan)
    assert not plan.failed('a', PIECES[0])


def test_what_was_given_back_is_taken_again_by_anybody() -> None:
    plan = offered(a=PIECES, b=PIECES)
    for peer in 'abba':
        share = plan.take(peer, 0, MUCH)
        assert set(share) == set(PIECES)
        plan.give_back(peer, share)
    assert not plan._in_flight


def test_a_peer_that_leaves_lets_go_of_what_it_fetched_and_of_what_only_it_had() -> None:
    plan = offered(a=PIECES[:4], b=PIECES[2:])
    assert set(plan.take('a', 0, MUCH)) == set(PIECES[:4])
    assert set(plan.take('b', 0, MUCH)) == set(PIECES[4:])
    plan.leave('a')
    assert plan.take('a', 0, MUCH) == []
    assert set(plan.take('b', 0, MUCH)) == set(PIECES[2:4])
    plan.leave('b')
    assert is_empty(plan)


def test_two_peers_that_have_the_same_bring_about_half_each() -> None:
    segments = segments_of(run_of(200))
    plan, brought = offered(a=segments, b=segments), Counter[str]()
    for peer in 'ab' * 200:
        for segment in plan.take(peer, 0, 3 * FIRST_GUESS_BYTES):
            brought[peer] += plan.held(peer, segment, FIRST_GUESS_BYTES).needed
    assert brought.total() == 200
    assert abs(brought['a'] - brought['b']) <= 3
    assert is_empty(plan)


def test_who_has_only_what_others_have_too_has_work_while_there_is_any() -> None:
    segments = segments_of(run_of(60))
    plan = offered(a=segments, b=segments, c=segments[20:40])
    taken: set[Segment] = set()
    while not set(segments[20:40]) <= taken:
        share = plan.take('c', 0, 0)
        assert share
        taken |= {*share, *plan.take('a', 0, 0), *plan.take('b', 0, 0)}
    assert plan.take('c', 0, MUCH) == []


def test_an_hour_is_remembered_while_a_pass_is_in_it_or_something_of_it_is_missing() -> None:
    plan = Plan()
    with plan.room(HOUR) as room, plan.room(HOUR) as same:
        assert room is same
        room.known = Known(HOUR, set())
        plan.offer('a', room, PIECES[:1])
    with plan.room(HOUR) as again:
        assert again is room
    plan.held('a', take_one(plan, 'a'), 1)
    with plan.room(HOUR) as new:
        assert new is not room
        assert new.known is None
    assert is_empty(plan)
