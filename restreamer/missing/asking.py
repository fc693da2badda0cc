"""Asking other services over HTTP: a total deadline, a size cap, and no way to another server."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from importlib.metadata import version
from urllib.parse import urljoin, urlsplit

from urllib3 import BaseHTTPResponse, PoolManager
from urllib3.exceptions import HTTPError

from common.errors import ListingError, SourceError
from common.http.deadline import DeadlineError, deadline
from common.http.fair import POOLS
from common.http.trust import authorities
from common.segment import shown

DEADLINE_SECONDS = 3.0
MOST_REDIRECTS = 3
USER_AGENT = f'segmesh/{version("segmesh")}'
BLOCK_BYTES = 64 * 1024
_KEPT_CONNECTIONS = 4
_SERVERS = 60


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer, whatever its status."""

    status: int
    body: bytes


class Asker:
    """Asks any number of servers, over connections that it keeps."""

    def __init__(self) -> None:
        self._pools = PoolManager(_SERVERS, maxsize=_KEPT_CONNECTIONS, ca_certs=authorities())
        self._pools.pool_classes_by_scheme = POOLS

    def ask(
        self,
        url: str,
        *,
        limit_bytes: int,
        method: str = 'GET',
        authorization: str = '',
        seconds: float = DEADLINE_SECONDS,
    ) -> Reply:
        """The answer; raises SourceError if there is none in time, ListingError for one that is too long.

        The sentences of errors leave out the query, which may be long, or somebody else's.
        """
        told = url.partition('?')[0]
        try:
            with deadline(seconds, told):
                return self._followed(method, url, limit_bytes, seconds, _headers(authorization))
        except DeadlineError as error:
            raise SourceError(str(error)) from error
        except (HTTPError, HTTPException, OSError, ValueError) as error:
            raise SourceError(f'{told} cannot be reached: {_cause(error)}') from error

    def _followed(
        self, method: str, url: str, limit_bytes: int, seconds: float, headers: dict[str, str]
    ) -> Reply:
        target, told = url, url.partition('?')[0]
        for _ in range(MOST_REDIRECTS + 1):
            response = self._pools.request(
                method,
                target,
                headers=headers,
                preload_content=False,
                decode_content=False,
                redirect=False,
                retries=False,
                timeout=seconds,
            )
            with _kept_if_whole(response):
                body = _whole(response, told, limit_bytes)
            if not (redirected := response.get_redirect_location()):
                return Reply(response.status, body)
            target = _same_server(target, urljoin(target, redirected))
        raise SourceError(f'{told} redirects more than {MOST_REDIRECTS} times')


def _headers(authorization: str) -> dict[str, str]:
    """What every request carries."""
    given = {'Authorization': authorization} if authorization else {}
    return {'Accept-Encoding': 'identity', 'User-Agent': USER_AGENT, **given}


@contextmanager
def _kept_if_whole(response: BaseHTTPResponse) -> Iterator[None]:
    """The connection is of use to others only if all of the answer was read."""
    is_whole = False
    try:
        yield
        is_whole = True
    finally:
        response.release_conn() if is_whole else response.close()


def _whole(response: BaseHTTPResponse, url: str, limit_bytes: int) -> bytes:
    if response.headers.get('Content-Encoding', 'identity') != 'identity':
        raise ListingError(f'{url} came in an encoding that was not asked for')
    body = bytearray()
    while block := response.read(BLOCK_BYTES):
        body += block
        if len(body) > limit_bytes:
            raise ListingError(f'{url} has more than the {limit_bytes} bytes allowed')
    return bytes(body)


def _same_server(url: str, target: str) -> str:
    """The target of a redirect; raises SourceError if it lies on another server (RFC 6454)."""
    here, there = urlsplit(url), urlsplit(target)
    if (here.scheme, here.netloc) != (there.scheme, there.netloc):
        raise SourceError(f'{url.partition("?")[0]} redirects to {shown(target)}, which is another server')
    return target


def _cause(error: BaseException) -> str:
    """The innermost cause in one short line."""
    while inner := error.__cause__ or error.__context__:
        error = inner
    return shown(getattr(error, 'strerror', None) or str(error) or type(error).__name__, 200)[1:-1]
