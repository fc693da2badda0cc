"""What carries a request to a server and its answer back: one thing with two makes.

`requests` is for listings, playlists and control traffic: sessions, proxies, credentials in the environment,
content encodings. `http.client` alone is for the bytes of segments, where it costs a quarter of that.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from email.message import Message
from functools import partial
from http.client import BadStatusLine, HTTPConnection, HTTPResponse, IncompleteRead
from importlib.metadata import version
from ssl import SSLContext, create_default_context
from typing import Protocol
from urllib.parse import urlsplit

import requests
from requests.utils import get_environ_proxies, get_netrc_auth
from urllib3.exceptions import DecodeError, ProtocolError, ReadTimeoutError
from urllib3.response import BaseHTTPResponse

from backfiller.fair import FairAdapter
from backfiller.guard import Guard
from common.batch import ReadInto
from common.http.fair import POOLS, FairConnection, FairHTTPSConnection
from common.http.trust import authorities

BLOCK_BYTES = 256 * 1024
USER_AGENT = f'segmesh/{version("segmesh")}'
Body = bytes | Iterable[bytes] | None
Asked = tuple[str, str, Body, Mapping[str, str]]
_REDIRECTS = (301, 302, 303, 307, 308)


@dataclass(frozen=True, slots=True)
class Answer:
    """The head of an answer, and how its body is read. `location` is where it redirects to, or empty."""

    status: int
    headers: Mapping[str, str] | Message
    location: str
    read: ReadInto


class Engine(Protocol):
    """Exchanges one request for one answer, over connections that it keeps."""

    def exchange(
        self, method: str, url: str, headers: Mapping[str, str], body: Body, timeout_seconds: float
    ) -> AbstractContextManager[Answer]:
        """The answer; `timeout_seconds` is the longest wait for anything, not for all of it.

        Of a body in pieces, which needs a Content-Length, that is for each piece.

        Raises what its make raises (requests, http.client, OSError, ValueError), also while it is read.
        """

    def close(self) -> None:
        """Closes the connections."""


class Rich:
    """All that `requests` does; with a guard, only with servers that this admits."""

    def __init__(self, guard: Guard | None = None) -> None:
        self._session = requests.Session()
        for scheme in ('http://', 'https://'):
            self._session.mount(scheme, FairAdapter(guard.pools() if guard else POOLS))

    @contextmanager
    def exchange(
        self, method: str, url: str, headers: Mapping[str, str], body: Body, timeout_seconds: float
    ) -> Iterator[Answer]:
        with self._session.request(
            method,
            url,
            headers={'User-Agent': USER_AGENT, **headers},
            data=body,
            stream=True,
            allow_redirects=False,
            timeout=timeout_seconds,
            auth=_as_it_is if 'Authorization' in headers else None,
        ) as found:
            location = found.headers['Location'] if found.is_redirect else ''
            yield Answer(found.status_code, found.headers, location, partial(_read_raw, found.raw))

    def close(self) -> None:
        self._session.close()


class Lean:
    """Only what it takes to get many bytes, one connection to a server; nothing is decoded."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], HTTPConnection] = {}
        self._trusted: SSLContext | None = None

    @contextmanager
    def exchange(
        self, method: str, url: str, headers: Mapping[str, str], body: Body, timeout_seconds: float
    ) -> Iterator[Answer]:
        parts = urlsplit(url)
        target = f'{parts.path or "/"}?{parts.query}' if parts.query else parts.path or '/'
        asked = method, target, body, {'User-Agent': USER_AGENT, **headers}
        server = parts.scheme, parts.netloc
        connection, found = self._ask(server, asked, timeout_seconds)
        try:
            location = found.getheader('Location', '') if found.status in _REDIRECTS else ''
            yield Answer(found.status, found.headers, location, partial(_read, found))
        finally:
            is_whole = found.isclosed() or found.length == 0
            found.close()
            if is_whole and connection.sock:
                self._kept[server] = connection
            else:
                connection.close()

    def close(self) -> None:
        while self._kept:
            self._kept.popitem()[1].close()

    def _ask(
        self, server: tuple[str, str], asked: Asked, timeout_seconds: float
    ) -> tuple[HTTPConnection, HTTPResponse]:
        """Over the kept connection, or a new one if the server closed that in the meantime."""
        kept = self._kept.pop(server, None)
        if kept and kept.sock:
            kept.sock.settimeout(timeout_seconds)
            with suppress(ConnectionError, BadStatusLine):
                return kept, _answer(kept, asked)
        connection = self._connection(*server, timeout_seconds)
        return connection, _answer(connection, asked)

    def _connection(self, scheme: str, netloc: str, timeout_seconds: float) -> HTTPConnection:
        if scheme != 'https':
            return FairConnection(netloc, timeout=timeout_seconds)
        self._trusted = self._trusted or create_default_context(cafile=authorities())
        return FairHTTPSConnection(netloc, timeout=timeout_seconds, context=self._trusted)


def lean_or_rich(url: str) -> Engine:
    """The lean one, unless the environment has a proxy or credentials for the server; requests knows them."""
    return Rich() if get_environ_proxies(url) or get_netrc_auth(url) else Lean()


def _as_it_is(asked: requests.PreparedRequest) -> requests.PreparedRequest:
    """Keeps our token: without this requests would put what a .netrc file says in its place."""
    return asked


def _answer(connection: HTTPConnection, asked: Asked) -> HTTPResponse:
    try:
        connection.request(*asked)
        return connection.getresponse()
    except BaseException:
        connection.close()
        raise


def _read(found: HTTPResponse, buffer: memoryview) -> int:
    """As much of the body as there is; raises IncompleteRead if it breaks off."""
    if found.length == 0 or found.isclosed():
        return 0
    try:
        count = _read_some(found, buffer)
    except ConnectionError as error:
        raise IncompleteRead(b'', found.length) from error
    if not count and found.length:
        raise IncompleteRead(b'', found.length)
    return count


def _read_some(found: HTTPResponse, buffer: memoryview) -> int:
    """What has come by now, while `HTTPResponse.readinto` waits until the buffer is full."""
    if found.chunked or found.length is None:
        return found.readinto(buffer)
    count = found.fp.readinto1(buffer[: found.length])
    found.length -= count
    return count


def _read_raw(raw: BaseHTTPResponse, buffer: memoryview) -> int:
    """What has come by now: what `iter_content` has of a block is lost when the body breaks off."""
    try:
        piece = raw.read1(len(buffer), decode_content=True)
    except DecodeError as error:
        raise requests.exceptions.ContentDecodingError(error) from error
    except ReadTimeoutError as error:
        raise requests.exceptions.Timeout(error) from error
    except ProtocolError as error:
        raise requests.exceptions.ChunkedEncodingError(error) from error
    buffer[: len(piece)] = piece
    return len(piece)
