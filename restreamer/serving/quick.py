"""The shortest way for the commonest request: a whole segment, wanted by name.

It answers what `restreamer.serving.files` would, header for header, without the machinery for what such
a request does not have: ranges, conditions, a query but a signature. Everything else, every error and every
refusal is left to the application.
"""

import os
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from common.disk import Disk
from common.errors import SegmentError
from common.offload import offload
from common.segment import Hour, Segment, media_type
from restreamer.cors import ALLOWED
from restreamer.measures import Measures
from restreamer.serving.files import A_YEAR_SECONDS

MOST_BYTES = 1024 * 1024
"""Larger ones are sent block by block by the application."""

MOST_HELD_BYTES = 64 * 1024 * 1024
"""While so much is on its way to slow readers, the application sends the others in smaller pieces."""

_NOT_QUICK = ('HTTP_RANGE', 'HTTP_IF_NONE_MATCH', 'HTTP_IF_MATCH', 'HTTP_IF_RANGE', 'HTTP_IF_MODIFIED_SINCE',
              'HTTP_IF_UNMODIFIED_SINCE')  # fmt: skip
_SIGNED = 'expires='

Environ = dict[str, Any]
StartResponse = Callable[[str, list[tuple[str, str]]], object]
Wsgi = Callable[[Environ, StartResponse], Iterable[bytes]]


class Quick:
    """A WSGI application before another one; if not everybody may read, `may_read` tells who may."""

    def __init__(
        self,
        app: Wsgi,
        disk: Disk,
        measures: Measures,
        answered: Callable[[float], None],
        may_read: Callable[[Environ], bool] | None = None,
    ) -> None:
        self._app = app
        self._disk = disk
        self._measures = measures
        self._answered = answered
        self._may_read = may_read
        self._held_bytes = 0

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        started = time.perf_counter()
        segment = _wanted(environ)
        body = self._body(segment) if segment and self._is_for_us(environ) else None
        if segment is None or body is None:
            return self._app(environ, start_response)
        start_response('200 OK', _headers(segment, len(body), 'private' if self._may_read else 'public'))
        self._answered(time.perf_counter() - started)
        return self._counted(body)

    def _is_for_us(self, environ: Environ) -> bool:
        return self._held_bytes < MOST_HELD_BYTES and (self._may_read is None or self._may_read(environ))

    def _body(self, segment: Segment) -> bytes | None:
        """The whole segment; None if it cannot be had this way."""
        try:
            with self._disk.open(segment) as file:
                size = os.fstat(file.fileno()).st_size
                if size > MOST_BYTES:
                    return None
                body = read_at_once(file.fileno(), size)
                return offload(file.read, size) if body is None else body
        except (SegmentError, OSError):
            return None

    def _counted(self, body: bytes) -> Iterator[bytes]:
        self._held_bytes += len(body)
        try:
            yield body
        finally:
            self._held_bytes -= len(body)
        self._measures.sent('single', 1, len(body))


def read_at_once(handle: int, size: int) -> bytes | None:
    """The first `size` bytes if the system has them in memory; None if it would have to wait for a disk."""
    body = bytearray(size)
    try:
        found = os.preadv(handle, [body], 0, os.RWF_NOWAIT)
    except (OSError, AttributeError):
        return None
    return bytes(body) if found == size else None


def _headers(segment: Segment, size: int, cacheable: str) -> list[tuple[str, str]]:
    """Those of `restreamer.serving.files`."""
    return [
        ('Content-Type', media_type(segment.name)),
        ('Content-Length', str(size)),
        ('Cache-Control', f'max-age={A_YEAR_SECONDS}, {cacheable}, immutable'),
        ('ETag', f'"{segment.hash}"'),
        ('Accept-Ranges', 'bytes'),
        *ALLOWED,
    ]


def _wanted(environ: Environ) -> Segment | None:
    """The segment of a plain GET of one; None for anything else."""
    if environ['REQUEST_METHOD'] != 'GET' or any(map(environ.get, _NOT_QUICK)):
        return None
    query = environ.get('QUERY_STRING')
    if query and not query.startswith(_SIGNED):
        return None
    parts = environ['PATH_INFO'].split('/')
    if len(parts) != 6 or parts[:2] != ['', 'segments']:
        return None
    try:
        segment = Segment.parse(Hour.parse(*parts[2:5]), parts[5])
    except SegmentError:
        return None
    return None if segment.withdrawal else segment
