"""Which hours may go: by age, for room, and what a clock that jumps may not do."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backfiller.retention.rules import NEWEST, STEADY_SECONDS, Held, Sightings, Why, choose, is_past
from common.segment import ONE_HOUR, Hour
from common.settings.mirror import Retention
from tests.kit.build import HOUR, at

NOW = at('2026-11-14T12:00:00')
TWO_DAYS = Retention(keep=timedelta(days=2))
PLENTY = 10**9


def ago(hours: int, variant: str = 'source') -> Hour:
    """The hour that ended so many hours before NOW."""
    return Hour.holding('bus', variant, NOW - (hours + 1) * ONE_HOUR)


def held(hours: int, size_bytes: int = 10, *, seen: float = STEADY_SECONDS, may_go: bool = True) -> Held:
    return Held(ago(hours), size_bytes, seen, may_go)


@pytest.mark.parametrize(('hours', 'past'), [(0, False), (47, False), (48, True), (49, True)])
def test_an_hour_is_past_keep_when_it_ended_so_long_ago(hours: int, past: bool) -> None:
    assert is_past(ago(hours), NOW, TWO_DAYS.keep) is past
    assert not is_past(ago(hours), NOW, None)


def test_hours_go_for_their_age_oldest_first_when_they_were_seen_so_for_an_hour() -> None:
    seen = [held(48), held(60), held(47), held(50, seen=STEADY_SECONDS - 1)]
    choice = choose(seen, TWO_DAYS, now=NOW, free_bytes=0)
    assert list(choice.going.items()) == [(ago(60), Why.KEEP), (ago(48), Why.KEEP)]
    assert (choice.waiting, choice.lacking_bytes) == ((), 0)


def test_what_is_not_mirrored_waits_and_is_told() -> None:
    choice = choose([held(60, may_go=False), held(59)], TWO_DAYS, now=NOW, free_bytes=0)
    assert (list(choice.going), choice.waiting) == ([ago(59)], (ago(60),))


def test_for_room_the_oldest_go_until_it_is_enough() -> None:
    seen = [held(0), *(held(hours) for hours in range(30, 40))]
    choice = choose(seen, Retention(keep_bytes=85), now=NOW, free_bytes=0)
    assert choice.going == {ago(hours): Why.KEEP_BYTES for hours in (39, 38, 37)}
    choice = choose(seen, Retention(min_free=100, keep_bytes=85), now=NOW, free_bytes=65)
    assert choice.going == {ago(hours): Why.MIN_FREE for hours in (39, 38, 37, 36)}


def test_what_goes_for_its_age_counts_for_room() -> None:
    limits = Retention(keep=timedelta(hours=50), keep_bytes=20)
    choice = choose([held(0), held(40), held(60), held(61)], limits, now=NOW, free_bytes=0)
    assert choice.going == dict.fromkeys([ago(61), ago(60)], Why.KEEP)


def test_an_hour_that_was_just_seen_for_the_first_time_counts_but_does_not_go_yet() -> None:
    seen = [held(0), held(40, seen=0), held(39)]
    choice = choose(seen, Retention(keep_bytes=20), now=NOW, free_bytes=0)
    assert (choice.going, choice.lacking_bytes) == ({}, 0)


def test_the_newest_day_of_a_store_that_is_no_longer_recorded_is_not_taken_for_room() -> None:
    seen = [held(hours) for hours in range(1000, 1030)]
    choice = choose(seen, Retention(keep_bytes=1), now=NOW, free_bytes=0)
    assert set(choice.going) == {ago(hours) for hours in range(1024, 1030)}
    assert choice.lacking_bytes == 239


def test_an_empty_store_has_nothing_to_let_go() -> None:
    limits = Retention(timedelta(hours=1), keep_bytes=1, min_free=PLENTY)
    assert choose([], limits, now=NOW, free_bytes=0).going == {}


HELD = st.builds(
    held,
    st.integers(-3, 60),
    st.integers(0, 9),
    seen=st.sampled_from([0.0, 1.0, STEADY_SECONDS]),
    may_go=st.booleans(),
)
KEEP = st.none() | st.integers(1, 50).map(lambda hours: hours * ONE_HOUR)
LIMITS = st.builds(Retention, KEEP, st.integers(0, 200), st.integers(0, 200))


@given(st.lists(HELD, unique_by=lambda each: each.hour), LIMITS, st.integers(0, 250))
def test_whatever_is_held_no_limit_takes_more_than_it_may(
    seen: list[Held], limits: Retention, free_bytes: int
) -> None:
    choice = choose(seen, limits, now=NOW, free_bytes=free_bytes)
    by_hour = {each.hour: each for each in seen}
    newest = max((each.hour.end for each in seen), default=NOW)
    for hour, why in choice.going.items():
        assert by_hour[hour].may_go
        assert hour.end <= NOW - ONE_HOUR
        if why is Why.KEEP:
            assert is_past(hour, NOW, limits.keep)
            assert by_hour[hour].seen_seconds >= STEADY_SECONDS
        else:
            assert hour.end <= min(NOW, newest) - NEWEST
            assert by_hour[hour].seen_seconds > 0
    assert all(is_past(hour, NOW, limits.keep) and not by_hour[hour].may_go for hour in choice.waiting)


@given(st.lists(HELD, unique_by=lambda each: each.hour), st.integers(1, 200))
def test_for_room_nothing_stays_that_is_older_than_what_goes_and_no_more_goes_than_has_to(
    seen: list[Held], keep_bytes: int
) -> None:
    choice = choose(seen, Retention(keep_bytes=keep_bytes), now=NOW, free_bytes=0)
    free = [each for each in seen if each.may_go and each.seen_seconds > 0 and each.size_bytes]
    assert all(each.hour in choice.going for each in free if each.hour < max(choice.going, default=each.hour))
    rest = sum(each.size_bytes for each in seen if each.hour not in choice.going)
    last = [each.size_bytes for each in seen if each.hour == max(choice.going, default=None)]
    assert not last or rest + last[0] > keep_bytes
    soon = sum(each.size_bytes for each in seen if each.may_go and not each.seen_seconds)
    assert rest - soon <= keep_bytes + choice.lacking_bytes


PASS_SECONDS = 300
JUMPS = st.lists(st.integers(-3, 3).map(lambda hours: hours * ONE_HOUR), min_size=1, max_size=20)


def goes(offsets: list[timedelta], sightings: Sightings, started: datetime) -> list[bool]:
    """Whether the hour goes for its age, pass by pass, with a clock that is wrong by these."""
    found = []
    for number, offset in enumerate(offsets):
        now = started + timedelta(seconds=number * PASS_SECONDS) + offset
        past = is_past(HOUR, now, TWO_DAYS.keep)
        seconds = sightings.note({HOUR: ((1, 1), past)}, number * PASS_SECONDS)[HOUR]
        each = Held(HOUR, 10, seconds, may_go=True)
        found.append(HOUR in choose([each], TWO_DAYS, now=now, free_bytes=0).going)
    return found


@given(JUMPS)
def test_24_a_clock_that_jumps_for_less_than_an_hour_deletes_nothing_early(jumps: list[timedelta]) -> None:
    started = HOUR.end + timedelta(days=2) - timedelta(hours=20)
    offsets = [offset for jump in jumps for offset in [jump] * 11 + [timedelta()]]
    assert not any(goes(offsets, Sightings(), started))


def test_24_nothing_goes_for_its_age_in_the_first_hour_after_the_start() -> None:
    never_wrong = [timedelta()] * 20
    found = goes(never_wrong, Sightings(), HOUR.end + timedelta(days=400))
    assert found == [False] * 12 + [True] * 8


def test_an_hour_that_changed_is_seen_anew() -> None:
    sightings = Sightings()
    assert sightings.note({HOUR: ((1, 1), True)}, 0) == {HOUR: 0}
    assert sightings.note({HOUR: ((1, 1), True)}, 50) == {HOUR: 50}
    assert sightings.note({HOUR: ((2, 1), True)}, 60) == {HOUR: 0}
    assert sightings.note({}, 70) == {}
    assert sightings.note({HOUR: ((2, 1), True)}, 80) == {HOUR: 0}
