"""HTTP with a total deadline, a size cap and a rule for redirects.

The engines by themselves limit only the wait between two packets, not the whole: a server that sends a byte
a second, or headers that never end, would hold them for ever.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from email.message import Message
from http.client import HTTPException, IncompleteRead
from urllib.parse import urljoin, urlsplit

import requests
from urllib3.exceptions import HTTPError

from backfiller.engines import BLOCK_BYTES, Answer, Engine, Rich
from backfiller.guard import ForbiddenError
from backfiller.pace import Wait, no_cap
from common.batch import ReadInto
from common.http.deadline import DeadlineError, deadline
from common.http.tokens import Token
from common.segment import shown

MAX_REDIRECTS = 5

REFUSALS = (401, 403)

RedirectRule = Callable[[str, str], bool]
Credentials = Callable[[str], Mapping[str, str]]
"""URL -> the headers that admit us there; each redirect is asked about anew."""


class FetchError(Exception):
    """A GET that brought no whole answer.

    `reason` is `unreachable`, `deadline`, `truncated`, `size` or `refused`.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer; `url` is where it came from in the end."""

    url: str
    status: int
    headers: Mapping[str, str] | Message
    body: bytes


def same_origin(url: str, target: str) -> bool:
    """The rule that a redirect must stay on the server that was configured (RFC 6454)."""
    return _origin(url) == _origin(target)


def any_http(_: str, target: str) -> bool:
    """The rule that a redirect may lead to any HTTP server."""
    return urlsplit(target).scheme in ('http', 'https')


def no_credentials(_: str) -> Mapping[str, str]:
    return {}


def credentials_for(url: str, token: Token | None) -> Credentials:
    """Shows the token to the server of that URL, and to no other."""
    return lambda target: token.header() if token and same_origin(url, target) else {}


def told(url: str, status: int) -> str:
    """An answer that is of no use, in words."""
    if status in REFUSALS:
        return f'{url} answered {status}, it refuses us: give peer_token_file, with the token that it wants'
    return f'{url} answered {status}'


class Client:
    """Asks one kind of server; `deadline_seconds` bounds each exchange in all, unless it is given its own.

    `pace` is called with the length of each piece that came, and may wait; the deadline waits with it.
    """

    def __init__(
        self,
        *,
        deadline_seconds: float,
        may_redirect: RedirectRule,
        engine: Engine | None = None,
        pace: Wait = no_cap,
        credentials: Credentials = no_credentials,
    ) -> None:
        self._deadline_seconds = deadline_seconds
        self._may_redirect = may_redirect
        self._engine = engine or Rich()
        self._pace = pace
        self._credentials = credentials

    def get(
        self,
        url: str,
        *,
        limit_bytes: int,
        encoding: str = 'identity',
        deadline_seconds: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """The whole answer, whatever its status; raises FetchError.

        `encoding` is what Accept-Encoding offers; `limit_bytes` counts what comes out of it.
        """
        headers = {'Accept-Encoding': encoding, **(headers or {})}
        with self._followed(url, headers, deadline_seconds) as (target, answer):
            return Reply(target, answer.status, answer.headers, _whole(url, answer, limit_bytes))

    @contextmanager
    def open(
        self, url: str, *, deadline_seconds: float | None = None, headers: Mapping[str, str] | None = None
    ) -> Iterator[Answer]:
        """The answer as it comes, for bodies that are not to be held whole; raises FetchError to the end."""
        headers = {'Accept-Encoding': 'identity', **(headers or {})}
        with self._followed(url, headers, deadline_seconds) as (_, answer):
            yield answer

    def post(self, url: str, body: bytes, content_type: str) -> AbstractContextManager[Answer]:
        """The answer as it comes, whatever its status; raises FetchError, also while it is read."""
        headers = {'Accept-Encoding': 'identity', 'Content-Type': content_type}
        return self._exchange('POST', url, headers, body, time.monotonic() + self._deadline_seconds)

    def close(self) -> None:
        self._engine.close()

    @contextmanager
    def _followed(
        self, url: str, headers: Mapping[str, str], deadline_seconds: float | None
    ) -> Iterator[tuple[str, Answer]]:
        """Where the redirects end, and the answer there."""
        until = time.monotonic() + (deadline_seconds or self._deadline_seconds)
        target = url
        for _ in range(MAX_REDIRECTS + 1):
            with self._exchange('GET', target, headers, None, until) as answer:
                if not answer.location:
                    yield target, answer
                    return
                target = self._redirected(url, target, answer.location)
        raise FetchError('refused', f'{url} redirects more than {MAX_REDIRECTS} times')

    def _redirected(self, url: str, target: str, location: str) -> str:
        with _translated(url):  # it may be no URL at all
            redirected = urljoin(target, location)
            if self._may_redirect(target, redirected):
                return redirected
        raise FetchError('refused', f'{url} redirects to {shown(redirected)}, which is another server')

    @contextmanager
    def _exchange(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, until: float
    ) -> Iterator[Answer]:
        """The answer, whose reading keeps to the deadline and the pace."""
        with ExitStack() as exchange:
            with _timely(url, until):
                left = max(until - time.monotonic(), 0.001)
                asked = self._engine.exchange(method, url, {**headers, **self._credentials(url)}, body, left)
                answer = exchange.enter_context(asked)
                _check_encoding(url, answer, headers['Accept-Encoding'])
            yield replace(answer, read=self._paced(url, answer.read, until))

    def _paced(self, url: str, read: ReadInto, until: float) -> ReadInto:
        """Reads in time; raises FetchError.

        The deadline is set for each time anew, so that it never goes off in the code that uses the bytes.
        """

        def paced(buffer: memoryview) -> int:
            nonlocal until
            with _timely(url, until):
                count = read(buffer)
            until += self._pace(count)
            return count

        return paced


def _check_encoding(url: str, answer: Answer, encoding: str) -> None:
    if answer.headers.get('Content-Encoding', 'identity') not in ('identity', encoding):
        raise FetchError('refused', f'{url} came in an encoding that was not asked for')


def _whole(url: str, answer: Answer, limit_bytes: int) -> bytes:
    """The body; raises FetchError."""
    body, size = memoryview(bytearray(_expected(answer, limit_bytes))), 0
    while count := answer.read(body[size:]):
        size += count
        if size > limit_bytes:
            raise FetchError('size', f'{url} has more than the {limit_bytes} bytes allowed')
        if size == len(body):
            body = memoryview(bytearray(body) + bytes(size))
    return bytes(body[:size])


def _expected(answer: Answer, limit_bytes: int) -> int:
    """How much room the body will take, with a byte more to see that it ends."""
    try:
        stated = int(answer.headers.get('Content-Length') or BLOCK_BYTES)
    except ValueError:
        stated = BLOCK_BYTES
    return min(max(stated, 0), limit_bytes) + 1


@contextmanager
def _timely(url: str, until: float) -> Iterator[None]:
    """Ends the block at that time of the monotonic clock; raises FetchError for all that goes wrong."""
    with _translated(url), deadline(max(until - time.monotonic(), 0.001), url):
        yield


@contextmanager
def _translated(url: str) -> Iterator[None]:
    try:
        yield
    except DeadlineError as error:
        raise FetchError('deadline', str(error)) from error
    except ForbiddenError as error:
        raise FetchError('refused', f'{url} is not asked for: {error}') from error
    except (requests.exceptions.ChunkedEncodingError, IncompleteRead) as error:
        raise FetchError('truncated', f'{url} broke off: {_cause(error)}') from error
    except requests.exceptions.ContentDecodingError as error:
        raise FetchError('refused', f'{url} is not in the encoding it says: {_cause(error)}') from error
    except (requests.exceptions.Timeout, TimeoutError) as error:
        raise FetchError('deadline', f'{url} did not answer in time') from error
    except (requests.exceptions.RequestException, HTTPError, HTTPException, OSError, ValueError) as error:
        raise FetchError('unreachable', f'{url} cannot be reached: {_cause(error)}') from error


def _cause(error: BaseException) -> str:
    """The innermost cause of a requests error in one short line."""
    while inner := error.__cause__ or error.__context__:
        error = inner
    words = getattr(error, 'strerror', None) or str(error) or type(error).__name__
    return shown(words, 200)[1:-1]


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {'http': 80, 'https': 443}.get(parts.scheme)
