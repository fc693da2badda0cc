"""A TCP proxy on loopback that counts requests and bytes, and lets through no more than it is told to.

It is a program of its own: `python -m tests.kit.proxy PORT`. At SIGUSR1 it prints what it has counted. A test
that has cycles to spare runs it beside itself: `counting`.
"""

import signal
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import click
import gevent
from gevent import socket
from gevent.event import Event
from gevent.pool import Pool
from gevent.server import StreamServer

BLOCK_BYTES = 64 * 1024
CATCH_UP_SECONDS = 0.02
REQUEST_LINE_END = b' HTTP/1.1\r\n'


class Meter:
    """What went through, and when the next byte may."""

    def __init__(self, rate_bytes_per_second: float) -> None:
        self.requests = 0
        self.up_bytes = 0
        self.down_bytes = 0
        self._reports = 0
        self._rate = rate_bytes_per_second
        self._free_at = 0.0

    def down(self, block: bytes) -> None:
        """Counts what a server answers, and waits for its turn."""
        self.down_bytes += len(block)
        if not self._rate:
            return
        now = time.monotonic()
        self._free_at = max(self._free_at, now - CATCH_UP_SECONDS) + len(block) / self._rate
        if self._free_at > now:
            gevent.sleep(self._free_at - now)

    def counting_up(self) -> Callable[[bytes], None]:
        """Counts what one client sends; a request is known by the end of its first line."""
        tail = b''

        def up(block: bytes) -> None:
            nonlocal tail
            self.up_bytes += len(block)
            self.requests += (tail + block).count(REQUEST_LINE_END)
            tail = (tail + block)[-len(REQUEST_LINE_END) + 1 :]

        return up

    def report(self) -> None:
        self._reports += 1
        click.echo(f'report {self._reports}: {self.requests} {self.up_bytes} {self.down_bytes}')


def pump(source: socket.socket, target: socket.socket, note: Callable[[bytes], None]) -> None:
    """Passes on until one side closes, and tells the other."""
    try:
        while block := source.recv(BLOCK_BYTES):
            note(block)
            target.sendall(block)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        source.close()
        target.close()


def serve(client: socket.socket, port: int, meter: Meter) -> None:
    """One connection, from beginning to end."""
    try:
        server = socket.create_connection(('127.0.0.1', port))
    except OSError:
        return
    with server:
        for each in (client, server):
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        upwards = gevent.spawn(pump, client, server, meter.counting_up())
        pump(server, client, meter.down)
        upwards.kill()


@contextmanager
def counting(url: str, rate_bytes_per_second: float = 0.0) -> Iterator[tuple[str, Meter]]:
    """A proxy before the server in this process; its URL, and what it counts."""
    meter, port = Meter(rate_bytes_per_second), _port_of(url)
    with _listening(lambda client, _: serve(client, port, meter)) as own_port:
        yield f'http://127.0.0.1:{own_port}', meter


class Switch:
    """Where new connections go; those there are end when it is turned."""

    def __init__(self, url: str) -> None:
        self._port = _port_of(url)
        self._open: set[socket.socket] = set()

    def turn_to(self, url: str) -> None:
        """From now on to the server behind the URL, as if the one before were gone."""
        self._port = _port_of(url)
        for each in self._open:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def serve(self, client: socket.socket) -> None:
        self._open.add(client)
        try:
            serve(client, self._port, Meter(0.0))
        finally:
            self._open.discard(client)


@contextmanager
def switching(url: str) -> Iterator[tuple[str, Switch]]:
    """A proxy before the server in this process that can be turned to another one; its URL."""
    switch = Switch(url)
    with _listening(lambda client, _: switch.serve(client)) as own_port:
        yield f'http://127.0.0.1:{own_port}', switch


@contextmanager
def encrypting(url: str, context: ssl.SSLContext) -> Iterator[str]:
    """A proxy before the server in this process that speaks TLS with the clients; its URL."""
    meter, port = Meter(0.0), _port_of(url)

    def serve_encrypted(client: socket.socket, _: object) -> None:
        with suppress(OSError), context.wrap_socket(client, server_side=True) as decrypted:
            serve(decrypted, port, meter)

    with _listening(serve_encrypted) as own_port:
        yield f'https://127.0.0.1:{own_port}'


@contextmanager
def _listening(handle: Callable[[socket.socket, object], None]) -> Iterator[int]:
    connections = Pool()
    server = StreamServer(('127.0.0.1', 0), handle, spawn=connections)
    server.start()
    try:
        yield server.server_port
    finally:
        server.close()
        connections.kill()


def _port_of(url: str) -> int:
    return int(url.rpartition(':')[2])


@click.command()
@click.argument('port', type=int)
@click.option('--rate', default=0.0, help='Bytes a second that all answers together may take; 0: any.')
@click.option('--addresses', default=1, help='How many loopback addresses to listen on.')
def main(port: int, rate: float, addresses: int) -> None:
    """Pass connections on to PORT on 127.0.0.1, until told to stop."""
    meter, stop = Meter(rate), Event()
    gevent.signal_handler(signal.SIGUSR1, meter.report)
    for ending in (signal.SIGTERM, signal.SIGINT):
        gevent.signal_handler(ending, stop.set)
    for number in range(addresses):
        host = f'127.0.0.{number + 1}'
        server = StreamServer((host, 0), lambda client, _: serve(client, port, meter))
        server.start()
        click.echo(f'address {number + 1} is http://{host}:{server.server_port}')
    stop.wait()


if __name__ == '__main__':
    main()
