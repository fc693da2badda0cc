"""The HTTP client against servers that do not behave, over raw sockets."""

import gzip
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

import pytest

from backfiller.client import Client, FetchError, any_http, same_origin
from backfiller.engines import Lean, Rich

LIMIT_BYTES = 100_000


@contextmanager
def raw_server(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that does what the function does with each connection; its URL."""
    listener = socket.create_server(('127.0.0.1', 0))
    stopping = threading.Event()

    def serve() -> None:
        while not stopping.is_set():
            connection, _ = listener.accept()
            with connection:
                if not stopping.is_set():
                    _ignoring_hangups(answer, connection)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f'http://127.0.0.1:{listener.getsockname()[1]}/x'
    finally:
        stopping.set()
        socket.create_connection(listener.getsockname()).close()
        thread.join(10)
        listener.close()
        assert not thread.is_alive()


def _ignoring_hangups(answer: Callable[[socket.socket], None], connection: socket.socket) -> None:
    connection.settimeout(5)
    try:
        connection.recv(65536)
        answer(connection)
    except OSError:
        pass


def sends(data: bytes) -> Callable[[socket.socket], None]:
    return lambda connection: connection.sendall(data)


def endlessly(first: bytes, again: bytes, pause: float = 0) -> Callable[[socket.socket], None]:
    def answer(connection: socket.socket) -> None:
        connection.sendall(first)
        wait = threading.Event()
        while True:
            connection.sendall(again)
            wait.wait(pause)

    return answer


def hangs(connection: socket.socket) -> None:
    connection.recv(1)


OK = b'HTTP/1.1 200 OK\r\n'
BOMB = gzip.compress(bytes(50_000_000))

MISBEHAVING = {
    'redirects to no URL': (
        sends(b'HTTP/1.1 302 Found\r\nLocation: http://x:99999/\r\nContent-Length: 0\r\n\r\n'),
        'unreachable',
    ),
    'nobody listens': (None, 'unreachable'),
    'no HTTP': (sends(b'hello\r\n\r\n'), 'unreachable'),
    'cut off': (sends(OK + b'Content-Length: 100\r\n\r\nshort'), 'truncated'),
    'chunks cut off': (sends(OK + b'Transfer-Encoding: chunked\r\n\r\n5\r\nhel'), 'truncated'),
    'too large': (sends(OK + b'Content-Length: 200000\r\n\r\n' + bytes(200_000)), 'size'),
    'endless body': (endlessly(OK + b'\r\n', bytes(65536)), 'size'),
    'a byte a while': (endlessly(OK + b'Content-Length: 9999\r\n\r\n', b'x', 0.05), 'deadline'),
    'endless headers': (endlessly(OK, b'X-More: x\r\n', 0.02), 'deadline'),
    'silence': (hangs, 'deadline'),
    'endless interim answers': (endlessly(b'', b'HTTP/1.1 100 Continue\r\n\r\n' * 1000), 'deadline'),
    'endless trailers': (
        endlessly(OK + b'Transfer-Encoding: chunked\r\n\r\n0\r\n', b'X: y\r\n' * 1000),
        'deadline',
    ),
    'endless empty blocks': (
        endlessly(
            OK + b'Transfer-Encoding: chunked\r\nContent-Encoding: gzip\r\n\r\na\r\n' + BOMB[:10] + b'\r\n',
            b'5\r\n\x00\x00\x00\xff\xff\r\n' * 1000,
        ),
        'deadline',
    ),
    'gzip bomb': (
        sends(OK + b'Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n' % len(BOMB) + BOMB),
        'size',
    ),
    'broken gzip': (sends(OK + b'Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd'), 'refused'),
    'other encoding': (sends(OK + b'Content-Encoding: br\r\nContent-Length: 4\r\n\r\nabcd'), 'refused'),
    'redirects for ever': (
        sends(b'HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n'),
        'refused',
    ),
    'redirects elsewhere': (
        sends(b'HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n'),
        'refused',
    ),
    'redirects to a file': (
        sends(b'HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n'),
        'refused',
    ),
}


LEAN = dict.fromkeys(('endless empty blocks', 'gzip bomb', 'broken gzip'), 'refused')
"""What the lean engine makes of encodings, which it does not ask for."""


@pytest.mark.parametrize('engine', [Rich, Lean])
@pytest.mark.parametrize('case', MISBEHAVING)
def test_each_misbehaviour_has_its_reason_and_an_end(case: str, engine: type[Rich | Lean]) -> None:
    answer, reason = MISBEHAVING[case]
    client = Client(deadline_seconds=0.7, may_redirect=same_origin, engine=engine())
    with raw_server(answer) if answer else nullcontext('http://127.0.0.1:1/x') as url:
        with pytest.raises(FetchError) as caught:
            client.get(url, limit_bytes=LIMIT_BYTES, encoding='gzip' if engine is Rich else 'identity')
        client.close()
    assert caught.value.reason == (reason if engine is Rich else LEAN.get(case, reason)), caught.value


def test_a_good_answer_comes_whole() -> None:
    client = Client(deadline_seconds=5, may_redirect=any_http)
    body = gzip.compress(b'["a"]')
    head = OK + b'Content-Encoding: gzip\r\nContent-Length: %d\r\nConnection: close\r\n\r\n' % len(body)
    with raw_server(sends(head + body)) as url:
        reply = client.get(url, limit_bytes=LIMIT_BYTES, encoding='gzip')
    client.close()
    assert (reply.status, reply.body, reply.url) == (200, b'["a"]', url)
