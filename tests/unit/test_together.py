"""Several jobs at once: the first error ends all."""

import gc

import gevent
import pytest
from gevent.pool import IMapUnordered

from backfiller.together import each_of, together
from common.errors import SourceError


def test_the_first_error_ends_all_and_goes_on(our_errors_are_told: None) -> None:
    ended: list[str] = []

    def fails() -> None:
        raise SourceError('gone')

    def waits() -> None:
        try:
            gevent.sleep(60)
        finally:
            ended.append('killed')

    with pytest.raises(SourceError):
        together([waits, fails])
    assert ended == ['killed']


def test_after_an_error_no_further_job_is_begun(our_errors_are_told: None) -> None:
    begun: list[int] = []

    def fails(number: int) -> None:
        begun.append(number)
        gevent.sleep(0)
        raise SourceError('gone')

    with pytest.raises(SourceError):
        together([lambda number=number: fails(number) for number in range(100)], at_most=2)  # type: ignore[misc]
    assert len(begun) < 6


def test_each_is_acted_on_so_many_at_a_time_and_results_come_as_they_are_ready() -> None:
    under_way, most = 0, 0

    def act(number: int) -> int:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        gevent.sleep(0.001 * (10 - number))
        under_way -= 1
        return number

    assert sorted(each_of(range(10), act, at_most=3)) == list(range(10))
    assert most == 3


@pytest.mark.parametrize('how', ['fails', 'is killed', 'is left'])
def test_when_it_ends_early_nothing_is_begun_any_more_and_nothing_is_left(
    our_errors_are_told: None, how: str
) -> None:
    begun: list[int] = []

    def act(number: int) -> int:
        begun.append(number)
        gevent.sleep(0.005)
        if how == 'fails' and number == 3:
            raise SourceError('gone')
        return number

    def go() -> None:
        for number in each_of(range(100), act, at_most=2):
            if how == 'is left' and number == 3:
                break

    running = gevent.spawn(go)
    gevent.sleep(0.02)
    if how == 'is killed':
        running.kill()
    running.join()
    count = len(begun)
    gevent.sleep(0.05)
    assert len(begun) == count < 20
    gc.collect()
    left = [each for each in gc.get_objects() if isinstance(each, IMapUnordered) and not each.ready()]
    assert not left
