"""What peers do wrong on the wire: each deed has the connection to itself, and ends it."""

import gzip
import time
from collections.abc import Callable

from tests.kit.scripted import Deed, Exchange

BOMB_BYTES = 200_000_000
BOMB = gzip.compress(bytes(BOMB_BYTES), 9)
BLOCK = b'x' * 65_536
CUT_AT_BYTES = 1000
"""Here a body ends that is cut short, or in its middle: no segment of a batch is whole then."""


def truncated(exchange: Exchange) -> None:
    """Less than half of the bytes that the head promises."""
    exchange.say(exchange.head(), _some(exchange))


def cut_in_a_chunk(exchange: Exchange) -> None:
    """A chunked body (RFC 9112 section 7.1) that ends in the middle of a chunk."""
    some = _some(exchange)
    chunk = b'%x\r\n%s\r\n' % (len(some), some)
    exchange.say(exchange.head(content_length=None, transfer_encoding='chunked'), chunk, b'fff\r\nhalf a chu')


def closed_early(exchange: Exchange) -> None:
    """A body without a length that looks complete, and is not."""
    exchange.say(exchange.head(content_length=None, connection='close'), _some(exchange))


def gzip_bomb(exchange: Exchange) -> None:
    """A little that would swell to a lot."""
    exchange.say(exchange.head(content_length=str(len(BOMB)), content_encoding='gzip'), BOMB)


def endless_body(exchange: Exchange) -> None:
    exchange.say(exchange.head(content_length=None, connection='close'))
    while True:
        exchange.say(BLOCK)


def endless_headers(exchange: Exchange) -> None:
    exchange.say(b'HTTP/1.1 200 OK\r\n')
    while True:
        exchange.say(b'X-More: more\r\n')
        time.sleep(0.05)


def hang(exchange: Exchange) -> None:
    """Accepts, and says nothing."""
    exchange.connection.recv(1)


def redirect_a_hundred_times(exchange: Exchange) -> None:
    """To the same path with one more letter in its query, for as long as that is followed."""
    again = exchange.request.query + 'r'
    assert len(again) < 100
    exchange.say(
        b'HTTP/1.1 302 Found\r\nContent-Length: 0\r\nConnection: close\r\n',
        f'Location: {exchange.request.path}?{again}\r\n\r\n'.encode(),
    )


def at_rate(bytes_per_second: float, *, after: float = 0.0) -> Deed:
    """The honest answer at that rate, from that part of its body on."""

    def slowly(exchange: Exchange) -> None:
        exchange.say(exchange.head())
        quick = int(len(exchange.body) * after)
        exchange.say(exchange.body[:quick])
        _trickle(exchange.say, exchange.body[quick:], bytes_per_second)

    return slowly


def _trickle(say: Callable[[bytes], None], body: bytes, bytes_per_second: float) -> None:
    step = max(1, int(bytes_per_second / 20))
    for start in range(0, len(body), step):
        say(body[start : start + step])
        time.sleep(step / bytes_per_second)


def _some(exchange: Exchange) -> bytes:
    return exchange.body[: min(len(exchange.body) // 2, CUT_AT_BYTES)]
