"""How servers are treated, by a clock that the test holds."""

from datetime import UTC, datetime

import gevent
import pytest

from backfiller.migrate.errors import Cause, PieceError
from backfiller.migrate.hosts import (
    DEAD_SECONDS,
    LONGEST_REST_SECONDS,
    UNREACHED_ALLOWED,
    Hosts,
    retry_seconds,
)
from backfiller.migrate.room import Room

NOW = datetime(2026, 11, 14, 3, tzinfo=UTC)
URL = 'http://a/x.ts'


class Clock:
    """Time goes on only by sleeping."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def hosts(clock: Clock) -> Hosts:
    return Hosts(2, clock=clock, sleep=clock.sleep)


@pytest.mark.parametrize(
    ('text', 'seconds'),
    [
        ('7', 7), ('0', 0), ('Sat, 14 Nov 2026 03:00:09 GMT', 9), ('Sat, 14 Nov 2026 02:00:00 GMT', 0),
        ('', 1), ('-5', 1), ('soon', 1), ('\u0667', 1), ('Sat, 14 Nov 2026', 1), ('9' * 40, 999_999_999),
    ],
)  # fmt: skip
def test_what_retry_after_means(text: str, seconds: float) -> None:
    assert retry_seconds(text, NOW) == seconds


def test_a_server_that_wants_a_rest_gets_it_and_others_do_not_wait(hosts: Hosts, clock: Clock) -> None:
    hosts.is_too_much(URL, '30')
    with hosts.turn('http://b/x.ts'):
        assert clock.now == 0
    with hosts.turn('http://a/y.ts'):
        assert clock.now == 30
    hosts.is_too_much(URL, '99999')
    with hosts.turn(URL):
        assert clock.now == 30 + LONGEST_REST_SECONDS


def test_a_server_that_is_never_reached_is_dead_for_a_while(hosts: Hosts, clock: Clock) -> None:
    for _ in range(UNREACHED_ALLOWED):
        assert not hosts.is_dead(URL)
        hosts.was_not_reached(URL, f'{URL} cannot be reached: Connection refused')
    assert hosts.is_dead(URL)
    assert not hosts.is_dead('http://b/x.ts')
    with pytest.raises(PieceError) as caught, hosts.turn(URL):
        raise AssertionError
    assert caught.value.cause is Cause.FAILING
    assert str(caught.value) == f'{URL} cannot be reached: Connection refused, and so several times in a row'
    clock.sleep(DEAD_SECONDS)
    with hosts.turn(URL):
        hosts.answered(URL)
    hosts.was_not_reached(URL, f'{URL} cannot be reached: Connection refused')
    assert not hosts.is_dead(URL)


def test_no_more_at_once_than_allowed_and_half_as_many_when_it_is_too_much() -> None:
    hosts, busy, most = Hosts(4), 0, 0

    def ask() -> None:
        nonlocal busy, most
        with hosts.turn(URL):
            busy += 1
            most = max(most, busy)
            gevent.sleep(0)
            busy -= 1

    gevent.joinall([gevent.spawn(ask) for _ in range(20)], raise_error=True)
    assert most == 4
    hosts.is_too_much(URL, '0')
    most = 0
    gevent.joinall([gevent.spawn(ask) for _ in range(20)], raise_error=True)
    assert most == 2


def test_no_more_bytes_at_once_than_there_is_room() -> None:
    room, held, most = Room(10), 0, 0

    def take(size: int) -> None:
        nonlocal held, most
        with room.of(size):
            held += size
            most = max(most, held)
            gevent.sleep(0)
            held -= size

    gevent.joinall([gevent.spawn(take, size) for size in (6, 6, 4, 10, 1, 3, 10)], raise_error=True)
    assert (held, most <= 10) == (0, True)
