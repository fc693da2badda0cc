"""One connection of an HTTP server of ours, and how much of everything it may take."""

import errno
import logging
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any, cast

import gevent
from gevent.pywsgi import Input, WSGIHandler

from common.http.sentfile import SentFile

MOST_HEADER_BYTES = 64 * 1024
MOST_BODY_BYTES = 1024 * 1024
IDLE_SECONDS = 75.0
"""How long a connection may wait for its next request, a little longer than most proxies keep one."""

HEADER_SECONDS = 20.0
BODY_SECONDS = 30.0
STALL_SECONDS = 30.0
DISCARD_SECONDS = 2.0
UNSENT_BYTES = 128 * 1024

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Limits:
    """What one client, and all of them, may take of a server."""

    connections: int = 2000
    connections_per_address: int = 1000
    stall_seconds: float = STALL_SECONDS
    """A reader that takes nothing for so long is dropped; a slow one that goes on is not."""

    unlimited: Callable[[str], bool] = lambda _: False
    """The addresses of which any number of connections may come: proxies."""


class HeadersTooLargeError(ValueError):
    """The headers of a request have more bytes than are read."""


class Handler(WSGIHandler):
    """Sends small writes at once, ends what takes too long, and tells the server what it is doing."""

    server: Any  # an HttpServer

    def handle(self) -> None:
        # Header and body leave in two writes: without this, each answer waits 40 ms for a delayed ACK.
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        _bound_what_the_system_holds(self.socket, self.server.limits.stall_seconds)
        try:
            super().handle()
        except OSError:
            log.debug('%s went away', self.client_address)

    def log_request(self) -> None:
        """Nothing: requests are counted, not logged, and composing the line is felt."""

    def read_requestline(self) -> str:
        self.socket.settimeout(None)
        try:
            with within(IDLE_SECONDS):
                line: str = super().read_requestline()
                return line
        finally:
            self.socket.settimeout(self.server.limits.stall_seconds)

    def read_request(self, raw_requestline: str) -> Any:
        with within(HEADER_SECONDS):
            return super().read_request(raw_requestline)

    def MessageClass(self, *args: Any) -> Any:  # noqa: N802 (gevent calls it so)
        return super().MessageClass(cast(Any, _Headers(args[0])), *args[1:])

    def handle_one_response(self) -> None:
        self.close_connection |= self.server.closed
        if (self.content_length or 0) > MOST_BODY_BYTES:
            self.close_connection = True
            self.socket.sendall(
                _plain('413 Content Too Large', f'no body has more than {MOST_BODY_BYTES} bytes')
            )
            return
        with self.server.answering():
            super().handle_one_response()

    def get_environ(self) -> dict[str, Any]:
        environ: dict[str, Any] = super().get_environ()
        read = self.wsgi_input
        if read and (read.content_length or read.chunked_input):
            self.wsgi_input = environ['wsgi.input'] = _Body(read, self._give_up)
        return environ

    def _give_up(self) -> None:
        self.close_connection = True

    def process_result(self) -> None:
        if not isinstance(self.result, SentFile) or isinstance(self.socket, ssl.SSLSocket):
            super().process_result()
            return
        self.write(b'')  # the head
        try:
            self.response_length += self.result.send(self.socket, self.server.limits.stall_seconds)
        except OSError as error:
            raise _gone(error) from None

    def _sendall(self, data: Any) -> None:
        """All of it, for as long as some of it goes out every now and then."""
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[self.socket.send(rest) :]
        except OSError as error:
            raise _gone(error) from None
        self.response_length += len(data)

    def _handle_client_error(self, ex: BaseException) -> tuple[str, bytes]:
        """What to answer to a request that cannot be read; it is the client's trouble, not the log's."""
        is_theirs = isinstance(ex, (OSError, ValueError, HTTPException))
        log.log(logging.DEBUG if is_theirs else logging.ERROR, '%s sent %r', self.client_address, ex)
        self.close_connection = True
        if isinstance(ex, TimeoutError):
            return '408', _plain('408 Request Timeout', 'the request did not come in time')
        if isinstance(ex, HeadersTooLargeError):
            return '431', _plain('431 Request Header Fields Too Large', str(ex))
        return '400', _plain('400 Bad Request', 'this is no request of HTTP/1.1')


def _gone(error: OSError) -> BrokenPipeError:
    return BrokenPipeError(errno.EPIPE, f'the reader stalled or went away: {error}')


def _bound_what_the_system_holds(connection: socket.socket, stall_seconds: float) -> None:
    """What was sent to a reader that stalls lies in the system: not much of it, and not for ever (tcp(7))."""
    if hasattr(socket, 'TCP_USER_TIMEOUT'):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(stall_seconds * 1000))
    if hasattr(socket, 'TCP_NOTSENT_LOWAT'):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)


class _Body(Input):
    """A body that is read in bounded time, and of which not everything is read that nobody wanted."""

    __slots__ = ('_give_up',)

    def __init__(self, read: Input, give_up: Callable[[], None]) -> None:
        super().__init__(read.rfile, read.content_length, read.socket, read.chunked_input)
        self._give_up = give_up

    def read(self, length: int | None = None) -> bytes:
        try:
            with within(BODY_SECONDS):
                found: bytes = super().read(length)
                return found
        except (OSError, ValueError):
            self._give_up()
            raise

    def _discard(self) -> None:
        """The rest, if it is here in a moment; else what follows is no request, and the connection ends."""
        if self.chunked_input or self.position < (self.content_length or 0):
            try:
                with within(DISCARD_SECONDS):
                    super()._discard()  # type: ignore[misc]
            except (OSError, ValueError):
                self._give_up()


class _Headers:
    """The lines of a request's head, of which there are not too many."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self._left = MOST_HEADER_BYTES

    def readline(self, limit: int) -> bytes:
        line: bytes = self._file.readline(min(limit, self._left + 1))
        self._left -= len(line)
        if self._left < 0:
            raise HeadersTooLargeError(f'the headers have more than {MOST_HEADER_BYTES} bytes')
        return line


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Raises TimeoutError in the block if it takes longer."""
    timeout = gevent.Timeout.start_new(seconds, ref=False)
    try:
        yield
    except gevent.Timeout as error:
        if error is not timeout:
            raise
        raise TimeoutError('it took too long') from None
    finally:
        timeout.close()


def _plain(status: str, sentence: str) -> bytes:
    """A whole answer, after which the connection ends."""
    body = f'{{"error": "{sentence}"}}\n'
    head = f'HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}'
    return f'{head}\r\nConnection: close\r\n\r\n{body}'.encode()


OVERLOADED = _plain('503 Service Unavailable', 'there are too many connections: try again later')
