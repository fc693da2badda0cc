"""One connection of a server: what takes too long or is too much ends, and nothing is left open."""

import socket
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from typing import Any

import gevent
import pytest

from common.http import handler
from common.service import HttpServer, bound

HEAD = b'GET / HTTP/1.1\r\nHost: x\r\n'


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ('IDLE_SECONDS', 'HEADER_SECONDS', 'BODY_SECONDS', 'DISCARD_SECONDS'):
        monkeypatch.setattr(handler, name, 0.3)


@pytest.fixture
def port() -> Iterator[int]:
    server = HttpServer(bound(('127.0.0.1', 0)), app)
    server.start()
    yield server.socket.getsockname()[1]
    server.stop_gracefully(1)


def app(environ: dict[str, Any], start_response: Callable[..., object]) -> list[bytes]:
    """Reads what is sent to /read and leaves alone what is sent elsewhere."""
    status, body = '200 OK', b'unread'
    if environ['PATH_INFO'] == '/read':
        try:
            body = b'%d' % len(environ['wsgi.input'].read())
        except TimeoutError:
            status, body = '408 Request Timeout', b'late'
    start_response(status, [('Content-Length', str(len(body)))])
    return [body]


def answer_to(port: int, request: bytes, slowly: bytes = b'') -> bytes:
    """All that comes until the server hangs up, which it does although we go on byte by byte."""
    with closing(socket.create_connection(('127.0.0.1', port), timeout=5)) as client:
        client.sendall(request)
        talking = gevent.spawn(trickle, client, slowly)
        received = b''
        with suppress(ConnectionError):
            while block := client.recv(10_000):
                received += block
        talking.kill()
        return received


def trickle(client: socket.socket, text: bytes) -> None:
    with suppress(OSError):
        for byte in text * 100:
            client.sendall(bytes([byte]))
            gevent.sleep(0.02)


@pytest.mark.parametrize(
    ('request_bytes', 'slowly', 'status'),
    [
        (b'', b'', b''),
        (b'', b'GET /', b''),
        (HEAD, b'X: y\r\n', b'HTTP/1.1 408'),
        (b'POST /read HTTP/1.1\r\nContent-Length: 90000\r\n\r\n', b'x', b'HTTP/1.1 408'),
        (b'POST /read HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n', b'1\r\nx\r\n', b'HTTP/1.1 408'),
        (b'POST / HTTP/1.1\r\nContent-Length: 90000\r\n\r\n', b'x', b'HTTP/1.1 200'),
        (b'POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n', b'1\r\nx\r\n', b'HTTP/1.1 200'),
        (HEAD + b'\r\n', b'', b'HTTP/1.1 200'),
        (HEAD + b'X: ' + b'y' * 70_000 + b'\r\n\r\n', b'', b'HTTP/1.1 431'),
        (HEAD + b'Content-Length: 2000000\r\n\r\n', b'x', b'HTTP/1.1 413'),
    ],
)
def test_what_takes_too_long_or_is_too_much_comes_to_an_end(
    port: int, request_bytes: bytes, slowly: bytes, status: bytes
) -> None:
    assert answer_to(port, request_bytes, slowly)[: len(b'HTTP/1.1 200')] == status


def test_what_nobody_read_is_not_taken_for_the_next_request(port: int) -> None:
    smuggled = b'POST / HTTP/1.1\r\nContent-Length: 90000\r\n\r\n' + HEAD + b'\r\n'
    assert answer_to(port, smuggled).count(b'HTTP/1.1') == 1


def test_a_small_body_that_nobody_read_does_not_end_the_connection(port: int) -> None:
    twice = (b'POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nabcde') * 2
    assert answer_to(port, twice).count(b'HTTP/1.1 200') == 2
