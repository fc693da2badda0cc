"""What is asked of the servers from which we migrate: playlists whole, pieces as they come.

Foreign answers become PieceError here. What may pass is tried again, with longer and longer rests between.
"""

import math
import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import TypeVar

from backfiller.client import Client, FetchError, Reply
from backfiller.engines import Answer
from backfiller.migrate.errors import Cause, PieceError
from backfiller.migrate.hosts import Hosts
from common.batch import ReadInto
from common.hls.playlist_reader import MAX_BYTES
from common.http.deadline import DeadlineError, deadline
from common.segment import shown

R = TypeVar('R')

TRIES = 4
FIRST_SECONDS = 0.5
MOST_SECONDS = 15.0
HEAD_SECONDS = 30.0
STALL_SECONDS = 30.0
WHOLE_SECONDS = 86_400.0
"""A body has no deadline of its own: it has to move on, and not to drip."""

GRACE_SECONDS = 60.0
SLOWEST_BYTES_A_SECOND = 4_000

_BUSY = (429, 503)
_CAUSES = {
    401: Cause.DENIED,
    403: Cause.DENIED,
    404: Cause.GONE,
    410: Cause.GONE,
    408: Cause.FAILING,
    425: Cause.FAILING,
}


@dataclass(frozen=True)
class Incoming:
    """A body on its way, and what its server says of it; `size_bytes` is None if it does not say that."""

    status: int
    size_bytes: int | None
    etag: str
    modified: str
    content_type: str
    content_range: str
    has_ranges: bool
    read: ReadInto

    def whole(self, limit_bytes: int) -> bytes | None:
        """The body; None if there is more, which is not read. Raises PieceError if there is less."""
        if self.size_bytes is not None and self.size_bytes > limit_bytes:
            return None
        buffer = memoryview(bytearray(limit_bytes + 1 if self.size_bytes is None else self.size_bytes))
        count = fill(self.read, buffer)
        if count > limit_bytes:
            return None
        if self.size_bytes not in (None, count):
            raise PieceError(Cause.FAILING, f'{count} of {self.size_bytes} bytes came')
        return bytes(buffer[:count])


class Origin:
    """All servers, through one client."""

    def __init__(
        self,
        client: Client,
        hosts: Hosts,
        *,
        tries: int = TRIES,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._hosts = hosts
        self._tries = tries
        self._sleep = sleep

    def playlist(self, url: str) -> Reply:
        """A whole playlist; raises PieceError."""
        return self.trying(url, lambda: self._playlist(url))

    def trying(self, url: str, act: Callable[[], R]) -> R:
        """What the act, which asks for the URL, returns; what may pass is tried again. Raises PieceError."""
        for attempt in range(1, self._tries):
            try:
                return act()
            except PieceError as error:
                if error.cause is not Cause.FAILING or self._hosts.is_dead(url):
                    raise
            self._sleep(min(FIRST_SECONDS * 2.0 ** (attempt - 1), MOST_SECONDS) * random.uniform(0.5, 1))
        return act()

    def turn(self, url: str) -> AbstractContextManager[None]:
        """What `incoming` needs; wait for it with nothing in hand that others wait for.

        Raises PieceError if the server is dead.
        """
        return self._hosts.turn(url)

    @contextmanager
    def incoming(self, url: str, headers: Mapping[str, str]) -> Iterator[Incoming]:
        """A piece, asked for once: 200, or what a condition or a range among the headers leads to.

        It is for who has a turn. Raises PieceError, also while it is read.
        """
        self._hosts.ready(url)
        with self._translated(url), ExitStack() as exchange:
            with deadline(HEAD_SECONDS, url):
                answer = exchange.enter_context(
                    self._client.open(url, deadline_seconds=WHOLE_SECONDS, headers=headers)
                )
            self._check(url, answer.status, answer.headers.get('Retry-After', ''))
            yield _incoming(url, answer)

    def _playlist(self, url: str) -> Reply:
        with self._hosts.turn(url), self._translated(url):
            reply = self._client.get(url, limit_bytes=MAX_BYTES, encoding='gzip')
            self._check(url, reply.status, reply.headers.get('Retry-After', ''))
            return reply

    @contextmanager
    def _translated(self, url: str) -> Iterator[None]:
        """FetchError and DeadlineError become PieceError."""
        try:
            yield
        except DeadlineError as error:
            self._hosts.was_not_reached(url, str(error))
            raise PieceError(Cause.FAILING, str(error)) from error
        except FetchError as error:
            if error.reason in ('refused', 'size'):
                raise PieceError(Cause.REFUSED, str(error)) from error
            if error.reason != 'truncated':
                self._hosts.was_not_reached(url, str(error))
            raise PieceError(Cause.FAILING, str(error)) from error

    def _check(self, url: str, status: int, retry_after: str) -> None:
        if status in _BUSY:
            self._hosts.is_too_much(url, retry_after)
        else:
            self._hosts.answered(url)
        if status not in (200, 206, 304):
            otherwise = Cause.FAILING if status >= 500 or status in _BUSY else Cause.REFUSED
            raise PieceError(_CAUSES.get(status, otherwise), f'{url} answered {status}')


def _incoming(url: str, answer: Answer) -> Incoming:
    """Raises PieceError for a web page: that is how some servers say no."""
    headers = answer.headers
    kind = headers.get('Content-Type', '').partition(';')[0].strip().lower()
    if answer.status == 200 and kind == 'text/html':
        raise PieceError(Cause.REFUSED, f'{url} answered with a web page')
    stated = headers.get('Content-Length', '')
    size = int(stated) if stated.isdecimal() and len(stated) < 16 else None
    return Incoming(
        answer.status,
        size,
        headers.get('ETag', ''),
        headers.get('Last-Modified', ''),
        kind,
        headers.get('Content-Range', ''),
        headers.get('Accept-Ranges', '').strip().lower() == 'bytes',
        _moving(url, answer.read),
    )


def _moving(url: str, read: ReadInto) -> ReadInto:
    """Reads, as long as it moves on from the first read on; raises DeadlineError.

    What we let it wait before that, for room among other bodies, is no fault of its server.
    """
    started, size = math.inf, 0

    def moving(buffer: memoryview) -> int:
        nonlocal started, size
        started = min(started, time.monotonic())
        with deadline(STALL_SECONDS, shown(url)):
            count = read(buffer)
        size += count
        if time.monotonic() - started > GRACE_SECONDS + size / SLOWEST_BYTES_A_SECOND:
            raise DeadlineError(f'{shown(url)} comes too slowly')
        return count

    return moving


def fill(read: ReadInto, buffer: memoryview) -> int:
    """Reads until the buffer is full or nothing more comes; returns how much that was."""
    size = 0
    while size < len(buffer) and (count := read(buffer[size:])):
        size += count
    return size
