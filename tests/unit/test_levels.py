"""One character a minute: never whole when something is missing, never nothing when something is there."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.timeline import TOLERANCE, Interval
from restreamer.missing.levels import levels, whole_minutes
from restreamer.missing.spans import Spans, cut, joined, seconds, shared, without
from tests.kit.build import at

START = at('2026-11-14T03:00:00')
TEN = Interval(START, START + timedelta(minutes=10))


def span(start: float, end: float) -> Interval:
    """So many seconds after the start."""
    return Interval(START + timedelta(seconds=start), START + timedelta(seconds=end))


def minutes(missing: Spans, *, window: Interval | None = TEN, unknown: Spans = ()) -> str:
    return levels(TEN, window, missing, unknown)


@pytest.mark.parametrize(
    ('missing', 'expected'),
    [
        ([], '9999999999'),
        ([(0, 600)], '0000000000'),
        ([(60, 180)], '9009999999'),
        ([(90, 150)], '9449999999'),
        ([(60, 60.02)], '9899999999'),
        ([(60.5, 119.9)], '9199999999'),
        ([(60, 119.995)], '9099999999'),
        ([(10, 20), (30, 60)], '3999999999'),
        ([(30, 90), (100, 110), (540, 570)], '4399999994'),
        ([(30, 570)], '4000000004'),
    ],
)
def test_a_minute_is_as_good_as_what_is_there_of_it(
    missing: list[tuple[float, float]], expected: str
) -> None:
    assert minutes(tuple(span(*each) for each in missing)) == expected


def test_outside_of_what_was_recorded_there_is_nothing_to_miss() -> None:
    assert minutes((), window=None) == '..........'
    assert minutes((span(150, 165),), window=span(150, 480)) == '..499999..'
    assert minutes((span(150, 180),), window=span(150, 480)) == '..099999..'
    assert minutes((), window=span(-600, 1200)) == '9999999999'


def test_what_is_not_known_is_said_in_each_minute_that_it_touches() -> None:
    assert minutes((span(0, 60),), unknown=(span(119, 121), span(300, 2000))) == '0--99-----'


spans = st.lists(st.tuples(st.integers(-100, 700), st.integers(1, 200)), max_size=8).map(
    lambda many: joined(span(start, start + length) for start, length in many)
)


@settings(deadline=None)
@given(spans)
def test_whole_and_nothing_are_meant_as_they_stand(missing: Spans) -> None:
    for number, level in enumerate(minutes(missing)):
        lost = seconds(cut(missing, span(60 * number, 60 * number + 60)))
        assert (level == '9') is (lost == 0)
        assert (level == '0') is (lost == 60)


@settings(deadline=None)
@given(spans, spans)
def test_what_is_shared_and_what_is_left_make_up_the_whole(one: Spans, other: Spans) -> None:
    both, left = shared(one, other), without(one, other)
    assert joined(both, left) == one
    assert seconds(both) + seconds(left) == pytest.approx(seconds(one))
    assert not shared(left, other)
    assert joined(one, other) == joined(other, one, both)


def test_what_is_apart_by_the_tolerance_is_one_and_what_is_shorter_is_nothing() -> None:
    gap = TOLERANCE.total_seconds()
    assert joined([span(0, 1), span(1 + gap, 2)]) == (span(0, 2),)
    assert without((span(0, 2),), (span(0, 1), span(1 + gap, 2))) == ()
    assert cut((span(0, 1),), span(1 - gap, 5)) == ()


@pytest.mark.parametrize(
    ('start', 'end', 'minutes'),
    [('03:00:00', '03:01:00', 1), ('03:00:00.5', '03:01:00.5', 2), ('03:00:59', '03:01:01', 2)],
)
def test_whole_minutes_are_those_that_are_touched(start: str, end: str, minutes: int) -> None:
    def time(text: str) -> datetime:
        return at(f'2026-11-14T{text}')

    found = whole_minutes(Interval(time(start), time(end)))
    assert (found.start, found.length) == (START, timedelta(minutes=minutes))
