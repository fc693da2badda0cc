"""Fault 13: readers that read nothing, requests that never end, and nonsense; whoever is honest is served."""

import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

import pytest

from common import wire
from tests.faults.hostile import NONSENSE
from tests.kit.build import HOUR, Piece, fill, piece, run_of
from tests.kit.invariants import level
from tests.kit.process import Process, eventually, get, running
from tests.restreamer.client import ask, connect

MB = 1024 * 1024
SLOW = 500
LARGE = [piece(f'2026-11-14T03:20:{number:02}', body=os.urandom(MB)) for number in range(3)]
LARGER = piece('2026-11-14T03:30:00', body=os.urandom(8 * MB))
SMALL = run_of(3)
ONE = f'GET /segments/{LARGE[0].path} HTTP/1.1\r\nHost: x\r\n\r\n'.encode()


@contextmanager
def serving(tmp_path: Path, *args: str) -> Iterator[tuple[Process, str]]:
    store = fill(tmp_path / 'store', [*SMALL, *LARGE, LARGER])
    with running('restreamer', '--store', store, '--listen', '127.0.0.1:0', *args) as process:
        url = process.wait_for(r' on (http://\S+)')[1]
        assert get(f'{url}/files').ok
        yield process, url


def asking(url: str, request: bytes, source: str = '127.0.0.1') -> socket.socket:
    """A connection that has asked, and reads nothing."""
    target, client = connect(url), socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
    client.settimeout(10)
    client.bind((source, 0))
    client.connect((target.host, target.port))
    client.sendall(request)
    return client


def a_batch(pieces: list[Piece]) -> bytes:
    body = json.dumps([each.name for each in pieces]).encode()
    return (
        f'POST {wire.batch_path(HOUR)} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n'.encode()
        + body
    )


@pytest.mark.parametrize('request_bytes', [ONE, a_batch(LARGE)], ids=['segments', 'batches'])
def test_500_readers_that_read_nothing_cost_a_healthy_one_nothing(
    tmp_path: Path, request_bytes: bytes
) -> None:
    with serving(tmp_path, '--stall-timeout', '3') as (process, url), ExitStack() as stack:
        start = level(process.pid)
        for _ in range(SLOW):
            stack.enter_context(closing(asking(url, request_bytes)))
        began = time.monotonic()
        for each in SMALL:
            assert ask(url, '/files/bus/source/2026-11-14T03').status == 200
            assert ask(url, f'/segments/{each.path}').body == each.body
        assert time.monotonic() - began < 5
        now = level(process.pid)
        assert now.memory_bytes - start.memory_bytes < 200 * MB, now
        assert now.threads - start.threads <= 10
        eventually(lambda: level(process.pid).files <= start.files + 20, 20)
        assert 'Traceback' not in process.output, process.output


def test_readers_of_a_long_playlist_that_read_nothing_share_it(tmp_path: Path) -> None:
    """80 of them, who would take 1.6 MB each."""
    for hour in range(5):
        fill(tmp_path / 'store', run_of(1800, f'2026-11-14T{hour:02}:00:00'))
        os.utime(tmp_path / f'store/bus/source/2026-11-14T{hour:02}', (0, 0))  # it is remembered
    path = '/playlist/bus/source.m3u8?start=2026-11-14T00:00:00&end=2026-11-14T05:00:00'
    with serving(tmp_path) as (process, url), ExitStack() as stack:
        assert len(ask(url, path).body) > 1_500_000
        before = level(process.pid).memory_bytes
        request = f'GET {path} HTTP/1.1\r\nHost: x\r\n\r\n'.encode()
        for _ in range(80):
            assert stack.enter_context(closing(asking(url, request))).recv(1)
        assert level(process.pid).memory_bytes - before < 70 * MB


def test_a_reader_that_stalls_is_dropped_and_a_slow_one_is_not(tmp_path: Path) -> None:
    request = f'GET /segments/{LARGER.path} HTTP/1.1\r\nConnection: close\r\n\r\n'.encode()
    with (
        serving(tmp_path, '--stall-timeout', '0.5') as (_, url),
        closing(asking(url, request)) as stalled,
        closing(asking(url, request)) as slow,
    ):
        received, began = len(slow.recv(4096)), time.monotonic()
        while block := slow.recv(MB):
            received += len(block)
            if time.monotonic() - began < 1.5:
                assert ask(url, '/healthz').status == 200  # takes its time, while nothing is read
        assert received > len(LARGER.body)
        assert _rest(stalled) < len(LARGER.body)


def _rest(client: socket.socket) -> int:
    """How much more comes until the other side hangs up."""
    received = 0
    with suppress(ConnectionError):
        while block := client.recv(MB):
            received += len(block)
    return received


@pytest.mark.parametrize('nonsense', NONSENSE, ids=lambda each: ascii(each[:30]))
def test_nonsense_is_never_our_fault(tmp_path: Path, nonsense: bytes) -> None:
    with serving(tmp_path) as (process, url):
        with closing(asking(url, b'')) as client:
            answer = b''
            with suppress(OSError):  # the server may hang up before it has read everything
                client.sendall(nonsense)
                client.shutdown(socket.SHUT_WR)
                while block := client.recv(MB):
                    answer += block
        assert not answer or answer.startswith((b'HTTP/1.1 2', b'HTTP/1.1 4')), answer[:200]
        assert ask(url, '/healthz').status == 200
        assert 'Traceback' not in process.output, process.output


def test_connections_are_bounded_in_all_and_for_each_address(tmp_path: Path) -> None:
    limits = ('--most-connections', '8', '--most-connections-per-address', '5')
    with serving(tmp_path, *limits) as (_, url), ExitStack() as stack:

        def opened(source: str) -> bytes:
            client = stack.enter_context(closing(asking(url, b'', source)))
            client.settimeout(10)
            with suppress(ConnectionError):
                client.sendall(b'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n')
                return client.recv(12)
            return b''

        first = [opened('127.0.0.1') for _ in range(7)]
        second = [opened('127.0.0.2') for _ in range(5)]
    assert first.count(b'HTTP/1.1 200') == 5
    assert second.count(b'HTTP/1.1 200') == 3
    assert {*first, *second} <= {b'HTTP/1.1 200', b'HTTP/1.1 503', b''}
