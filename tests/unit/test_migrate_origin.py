"""Bodies on their way from servers: how slowly they may come."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from backfiller.engines import Answer
from backfiller.migrate.errors import PieceError
from backfiller.migrate.hosts import Hosts
from backfiller.migrate.origin import GRACE_SECONDS, Origin

URL = 'http://a/x.ts'


class Body:
    """A client whose server gives a thousand bytes for each read, which takes `seconds` by the clock."""

    def __init__(self, pass_time: Callable[[float], None], seconds: float) -> None:
        self._pass_time = pass_time
        self._seconds = seconds

    @contextmanager
    def open(self, _: str, **__: object) -> Iterator[Answer]:
        yield Answer(200, {'Content-Length': '1000000'}, '', self._read)

    def _read(self, buffer: memoryview) -> int:
        self._pass_time(self._seconds)
        return min(1000, len(buffer))


class Clock:
    """In place of the monotonic clock."""

    def __init__(self) -> None:
        self.now = 1000.0

    def pass_time(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(time, 'monotonic', lambda: clock.now)
    return clock


def origin(clock: Clock, seconds: float) -> Origin:
    client: Any = Body(clock.pass_time, seconds)
    return Origin(client, Hosts(1, clock=lambda: clock.now))


def test_a_body_that_drips_is_given_up(clock: Clock) -> None:
    with pytest.raises(PieceError, match='comes too slowly'), origin(clock, 1.0).incoming(URL, {}) as coming:
        coming.whole(1_000_000)


def test_a_body_that_we_let_wait_is_not_blamed_for_that(clock: Clock) -> None:
    asked = origin(clock, 0.1)
    with asked.incoming(URL, {}) as coming:
        clock.pass_time(10 * GRACE_SECONDS)
        assert len(coming.whole(1_000_000) or b'') == 1_000_000
