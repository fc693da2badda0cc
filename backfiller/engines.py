"""What carries a request to a server and its answer back: one thing with two makes.

`requests` is for listings, playlists and control traffic: sessions, proxies, credentials in the environment,
content encodings. `urllib3` alone is for the bytes of segments, where it costs a third of that.
"""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from typing import Protocol

import requests
import urllib3
from certifi import where as trusted
from urllib3.exceptions import ProtocolError

from backfiller.fair import FairAdapter, fair_pools

BLOCK_BYTES = 256 * 1024
USER_AGENT = f'segmesh/{version("segmesh")}'
_REDIRECTS = (301, 302, 303, 307, 308)


@dataclass(frozen=True, slots=True)
class Answer:
    """The head of an answer, and its body in blocks. `location` is where it redirects to, or empty."""

    status: int
    headers: Mapping[str, str]
    location: str
    blocks: Iterator[bytes]


class Engine(Protocol):
    """Exchanges one request for one answer, over connections that it keeps."""

    def exchange(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, timeout_seconds: float
    ) -> AbstractContextManager[Answer]:
        """The answer; raises errors of requests or urllib3, also while the blocks are read."""

    def close(self) -> None:
        """Closes the connections."""


class Rich:
    """All that `requests` does."""

    def __init__(self) -> None:
        self._session = requests.Session()
        for scheme in ('http://', 'https://'):
            self._session.mount(scheme, FairAdapter())

    @contextmanager
    def exchange(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, timeout_seconds: float
    ) -> Iterator[Answer]:
        with self._session.request(
            method,
            url,
            headers={'User-Agent': USER_AGENT, **headers},
            data=body,
            stream=True,
            allow_redirects=False,
            timeout=timeout_seconds,
        ) as found:
            location = found.headers['Location'] if found.is_redirect else ''
            yield Answer(found.status_code, found.headers, location, found.iter_content(BLOCK_BYTES))

    def close(self) -> None:
        self._session.close()


class Lean:
    """Only what it takes to get many bytes; nothing is decoded."""

    def __init__(self) -> None:
        self._pools = urllib3.PoolManager(maxsize=1, retries=False, ca_certs=trusted())
        self._pools.pool_classes_by_scheme = fair_pools()

    @contextmanager
    def exchange(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, timeout_seconds: float
    ) -> Iterator[Answer]:
        found = self._ask(method, url, {'User-Agent': USER_AGENT, **headers}, body, timeout_seconds)
        try:
            location = found.headers.get('Location', '') if found.status in _REDIRECTS else ''
            yield Answer(
                found.status, found.headers, location, found.stream(BLOCK_BYTES, decode_content=False)
            )
        finally:
            found.close()  # the connection too, unless the answer was read to its end

    def close(self) -> None:
        self._pools.clear()

    def _ask(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, timeout_seconds: float
    ) -> urllib3.BaseHTTPResponse:
        try:
            return self._pools.urlopen(
                method,
                url,
                headers=headers,
                body=body,
                preload_content=False,
                decode_content=False,
                redirect=False,
                timeout=timeout_seconds,
            )
        except ProtocolError as error:
            raise ConnectionError(str(error)) from error  # as opposed to one in the middle of a body
