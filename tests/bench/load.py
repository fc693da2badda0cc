"""A load generator: GET requests over kept-alive connections, as fast as the answers come.

One process on bare sockets, so that it costs little: `python -m tests.bench.load URL PATHS`.
PATHS is a file with a path a line. It prints JSON.
"""

import itertools
import json
import re
import selectors
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import click

BUFFER_BYTES = 1024 * 1024
LENGTH = re.compile(rb'\r\ncontent-length: *([0-9]+)\r\n', re.IGNORECASE)
DEADLINE_SECONDS = 10.0


class Connection:
    """One connection with one request under way at a time; it reads `buffer_bytes` at most at once."""

    def __init__(
        self, opened: socket.socket, requests: Iterator[bytes], buffer_bytes: int = BUFFER_BYTES
    ) -> None:
        self.socket = opened
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self._requests = requests
        self._buffer = bytearray(buffer_bytes)
        self.received_bytes = 0
        self.ask()

    def ask(self) -> None:
        self._left: int | None = None
        self._started = time.perf_counter()
        self.socket.sendall(next(self._requests))

    def read(self) -> float | None:
        """The seconds that the answer took, if it is now whole."""
        try:
            size = self.socket.recv_into(self._buffer)
        except BlockingIOError:
            return None
        if not size:
            raise click.ClickException('the server hung up')
        self.received_bytes += size
        self._left = self._whole(size) if self._left is None else self._left
        self._left -= size
        return None if self._left else time.perf_counter() - self._started

    def _whole(self, size: int) -> int:
        """The size of the answer, head and body, told from its first packet."""
        end = self._buffer.find(b'\r\n\r\n', 0, size)
        head = bytes(self._buffer[: end + 4])
        length = LENGTH.search(head)
        if not head.startswith(b'HTTP/1.1 200 ') or not length:
            raise click.ClickException(f'unexpected answer: {head[:200]!r}')
        return len(head) + int(length[1])


def measure(
    address: tuple[str, int], requests: Iterator[bytes], connections: int, seconds: float
) -> list[float]:
    """The seconds of each answer that came within the time."""
    found: list[float] = []
    with selectors.DefaultSelector() as selector:
        opened = [Connection(socket.create_connection(address), requests) for _ in range(connections)]
        for each in opened:
            selector.register(each.socket, selectors.EVENT_READ, each)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            ready = selector.select(DEADLINE_SECONDS)
            if not ready:
                raise click.ClickException(f'no answer within {DEADLINE_SECONDS:g} s')
            for key, _ in ready:
                took = key.data.read()
                if took is not None:
                    found.append(took)
                    key.data.ask()
        for each in opened:
            each.socket.close()
    return found


def addressed(url: str, paths: Path) -> tuple[tuple[str, int], Iterator[bytes]]:
    """Where the server is, and requests for the paths, over and over."""
    parts = urlsplit(url)
    assert parts.hostname
    assert parts.port
    lines = paths.read_text().split()
    requests = [f'GET {line} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n'.encode() for line in lines]
    return (parts.hostname, parts.port), itertools.cycle(requests)


@click.command()
@click.argument('url')
@click.argument('paths', type=click.Path(path_type=Path))
@click.option('--connections', default=1)
@click.option('--seconds', default=2.0)
def main(url: str, paths: Path, connections: int, seconds: float) -> None:
    """Ask the server at URL for the paths, over and over."""
    address, requests = addressed(url, paths)
    started, used = time.monotonic(), time.process_time()
    found = measure(address, requests, connections, seconds)
    elapsed = time.monotonic() - started
    answer = {
        'requests': len(found),
        'seconds': elapsed,
        'busy': (time.process_time() - used) / elapsed,
        'latencies': sorted(found)[:: max(1, len(found) // 1000)],
    }
    click.echo(json.dumps(answer))


if __name__ == '__main__':
    main()
