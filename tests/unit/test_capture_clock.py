"""When each segment was: as stated, counted on, or by its arrival."""

from dataclasses import replace
from datetime import timedelta

import pytest

from backfiller.capture.clock import ARRIVAL, COUNTED, STATED, Clock
from tests.kit.build import at
from tests.kit.offers import START, entry, moved, numbers, playlist

TWO = timedelta(seconds=2)


def seconds(placed: list) -> list[float]:
    return [(each.start - START).total_seconds() for each in placed]


def test_stated_times_are_taken_as_they_are_also_where_they_jump() -> None:
    offered = playlist(entry(0), replace(entry(1), start=START + timedelta(seconds=7.5)), entry(2))
    placed = Clock().place(offered, offered.entries, START)
    assert seconds(placed) == [0, 7.5, 4]
    assert {each.by for each in placed} == {STATED}


def test_two_nodes_that_see_it_at_different_times_agree() -> None:
    offered = numbers(3, 6)
    one = Clock().place(offered, offered.entries, START)
    clock = Clock()
    first = clock.place(offered, offered.entries[:1], START + timedelta(seconds=50))
    rest = clock.place(offered, offered.entries[1:], START + timedelta(seconds=60))
    assert one == first + rest


def test_what_no_playlist_dates_any_more_is_counted_on() -> None:
    clock = Clock()
    clock.place(numbers(0, 2), numbers(0, 2).entries, START)
    offered = numbers(3, 4, start=None)
    placed = clock.place(offered, offered.entries, START + timedelta(seconds=99))
    assert seconds(placed) == [6, 8]
    assert {each.by for each in placed} == {COUNTED}


def test_nothing_is_counted_on_over_a_missing_number_or_a_discontinuity() -> None:
    for strange in (entry(5, start=None), entry(3, start=None, discontinuity=True)):
        clock = Clock()
        clock.place(numbers(0, 2), numbers(0, 2).entries, START)
        (placed,) = clock.place(playlist(strange), [strange], START + timedelta(seconds=50))
        assert (seconds([placed]), placed.by) == ([48], ARRIVAL)


def test_arrivals_are_chained_while_that_is_near_enough() -> None:
    clock = Clock()
    offered = numbers(0, 2, start=None)
    assert seconds(clock.place(offered, offered.entries, START + timedelta(seconds=6))) == [0, 2, 4]
    for number, arrived in ((3, 8.7), (4, 9.9), (5, 12.1)):
        new = entry(number, start=None)
        placed = clock.place(playlist(new), [new], START + timedelta(seconds=arrived))
        assert seconds(placed) == [number * 2]
        assert placed[0].by == ARRIVAL
    late = entry(6, start=None)
    assert seconds(clock.place(playlist(late), [late], START + timedelta(seconds=30))) == [28]


def test_arrivals_are_not_chained_over_a_missing_number() -> None:
    clock = Clock()
    first, later = entry(0, start=None), entry(2, start=None)
    clock.place(playlist(first), [first], START + TWO)
    assert seconds(clock.place(playlist(later), [later], START + timedelta(seconds=6))) == [4]


@pytest.mark.parametrize('year', [1970, 2076])
def test_a_clock_that_was_never_set_is_not_believed(year: int) -> None:
    clock = Clock()
    offered = moved(numbers(0, 1), (at(f'{year}-01-02T00:00:00') - START).total_seconds())
    placed = clock.place(offered, offered.entries, START + timedelta(seconds=4))
    assert seconds(placed) == [0, 2]
    assert clock.is_wrong
    offered = numbers(2, 3)
    assert seconds(clock.place(offered, offered.entries, START + timedelta(seconds=8))) == [4, 6]
    assert not clock.is_wrong


def test_an_ended_recording_may_be_old() -> None:
    clock = Clock()
    offered = replace(moved(numbers(0, 1), -20 * 365 * 86_400), ended=True)
    assert clock.place(offered, offered.entries, START)[0].start.year == 2006
    assert not clock.is_wrong


@pytest.mark.parametrize('year', [1, 1970, 9999])
def test_a_time_that_no_name_can_hold_is_none(year: int) -> None:
    odd = replace(entry(0), start=START.replace(year=year))
    offered = replace(playlist(odd), ended=True)
    assert seconds(Clock().place(offered, [odd], START + TWO)) == [0]
