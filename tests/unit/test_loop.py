"""Time and repetition, with a clock that a test moves."""

import gevent
import pytest
from gevent.event import Event
from prometheus_client import CollectorRegistry

from backfiller.loop import Backoff, Loop, Timer
from backfiller.metrics import HOURS_KEPT, Metrics
from backfiller.setbacks import MOST, Setbacks
from common.errors import SourceError
from tests.kit.build import piece, run_of


class Clock:
    """A monotonic clock in the hands of a test."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_delays_double_up_to_the_cap_and_start_over_after_a_success() -> None:
    backoff = Backoff(1, 60)
    delays = [backoff.after_failure() for _ in range(10)]
    for number, delay in enumerate(delays):
        most = min(2**number, 60)
        assert most / 2 <= delay <= most
    backoff.after_success()
    assert backoff.after_failure() <= 1


def test_delays_do_not_overflow_after_a_million_failures() -> None:
    assert Backoff(1, 60, failures=1_000_000).after_failure() <= 60


def test_a_timer_is_due_at_first_and_then_at_its_interval() -> None:
    clock = Clock()
    timer = Timer(100, clock)
    assert timer.is_due()
    timer.restart()
    assert not timer.is_due()
    assert 90 <= timer.remaining_seconds() <= 110
    clock.now += 111
    assert timer.is_due()
    assert timer.remaining_seconds() == 0


def loop_over(outcomes: list[object], caplog: pytest.LogCaptureFixture) -> tuple[Loop, list[Exception]]:
    caplog.set_level('INFO')
    failures: list[Exception] = []

    def act() -> float:
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return 7.0

    return Loop('it', act, backoff=Backoff(1, 60), on_failure=failures.append), failures


def test_a_failure_is_told_once_and_the_recovery_too(caplog: pytest.LogCaptureFixture) -> None:
    gone = SourceError('gone')
    loop, failures = loop_over([gone, gone, gone, None], caplog)
    for _ in range(3):
        assert 0 < loop.turn() <= 60
    assert loop.turn() == 7.0
    assert failures == [gone] * 3
    assert caplog.text.count('it: gone; next try') == 1
    assert 'it: recovered after 3 failures' in caplog.text


def test_what_nobody_foresaw_is_told_with_its_traceback_each_time(caplog: pytest.LogCaptureFixture) -> None:
    loop, failures = loop_over([ZeroDivisionError('oops'), ZeroDivisionError('oops')], caplog)
    loop.turn()
    loop.turn()
    assert len(failures) == 2
    assert caplog.text.count('Traceback') == 2


def test_waking_ends_the_wait() -> None:
    turns: list[int] = []
    wake = Event()

    def act() -> float:
        turns.append(1)
        return 3600.0

    loop = Loop('it', act, backoff=Backoff(1, 60), wake=wake)
    greenlet = gevent.spawn(loop.run)
    for expected in (1, 2, 3):
        gevent.sleep(0.01)
        assert len(turns) == expected
        wake.set()
    greenlet.kill()


def test_a_segment_that_failed_stands_back_at_that_peer_only() -> None:
    clock = Clock()
    setbacks, (bad, good) = Setbacks(clock), run_of(2)
    setbacks.note('A', bad.segment)
    assert setbacks.stands_back('A', bad.segment)
    assert not setbacks.stands_back('B', bad.segment)
    assert not setbacks.stands_back('A', good.segment)
    clock.now += 6
    assert not setbacks.stands_back('A', bad.segment)
    setbacks.note('A', bad.segment)
    setbacks.note('A', bad.segment)
    clock.now += 6
    assert setbacks.stands_back('A', bad.segment)
    setbacks.forget('A', bad.segment)
    assert not setbacks.stands_back('A', bad.segment)


def test_setbacks_are_bounded() -> None:
    setbacks, each = Setbacks(Clock()), piece()
    for number in range(MOST + 1):
        setbacks.note(f'peer {number}', each.segment)
    assert not setbacks.stands_back('peer 0', each.segment)
    assert setbacks.stands_back(f'peer {MOST}', each.segment)


def test_series_of_hours_older_than_the_newest_are_removed() -> None:
    metrics = Metrics(CollectorRegistry())
    hours = [piece(f'2026-11-{day:02}T{hour:02}:00:00') for day in (10, 11, 12, 13) for hour in range(24)]
    for each in hours:
        metrics.backfilled('http://peer', each.hour, 1, 10)
    (family,) = (each for each in metrics.registry.collect() if each.name == 'segments_backfilled')
    found = {sample.labels['hour'] for sample in family.samples if sample.name.endswith('_total')}
    assert found == {each.hour.text for each in hours[-HOURS_KEPT:]}
