"""Several jobs at once: the first error ends all."""

import gevent
import pytest

from backfiller.together import together
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
