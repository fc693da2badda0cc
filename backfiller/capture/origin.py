"""A live HLS origin (RFC 8216), over HTTP or in a local folder: playlists, keys and the bytes of segments."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from backfiller.client import Client, FetchError
from backfiller.engines import Answer
from common.errors import ListingError, SegmentError, SourceError
from common.hls.parts import ByteRange
from common.hls.playlist_reader import MAX_BYTES
from common.hls.text import without_secrets
from common.place import MAX_SEGMENT_BYTES
from common.segment import shown

BLOCK_BYTES = 256 * 1024
_USER = re.compile('//[^/]*@')
KEY_LIMIT_BYTES = 1024
GONE = (404, 410, 416)
EXPIRED = (401, 403)


class LookUpError(SourceError):
    """The playlist is not where it was, or not for us any more: the master has to be asked anew."""


@dataclass(frozen=True, slots=True)
class Text:
    """A playlist as it was read, and the URL that it came from in the end."""

    text: str
    url: str


@dataclass(frozen=True, slots=True)
class Raw:
    """What came of a segment's bytes; `trouble` is empty if all did, `is_sure` if its length was told."""

    content: bytes
    trouble: str = ''
    is_sure: bool = True


class Origin(Protocol):
    """Where playlists and what they name are read."""

    def text(self, url: str, deadline_seconds: float) -> Text:
        """A playlist; raises SourceError, LookUpError or ListingError."""

    def bytes_of(self, url: str, part: ByteRange | None, deadline_seconds: float) -> Raw:
        """A segment or a part of one, as much of it as came; raises SegmentError if nothing did."""


@dataclass(frozen=True)
class HttpOrigin:
    """Servers that nobody vouches for: `client` is one of `backfiller.outside`."""

    client: Client
    limit_bytes: int = MAX_SEGMENT_BYTES

    def text(self, url: str, deadline_seconds: float) -> Text:
        try:
            reply = self.client.get(
                url, limit_bytes=MAX_BYTES, encoding='gzip', deadline_seconds=deadline_seconds
            )
        except FetchError as error:
            raise SourceError(without_secrets(str(error))) from error
        if reply.status in (*GONE, *EXPIRED):
            raise LookUpError(f'{bare(url)} answered {reply.status}')
        if reply.status != 200:
            raise SourceError(f'{bare(url)} answered {reply.status}')
        return Text(decoded(url, reply.body), reply.url)

    def bytes_of(self, url: str, part: ByteRange | None, deadline_seconds: float) -> Raw:
        if not url.startswith(('http://', 'https://')):
            raise SegmentError('refused', f'{bare(url)} is not asked for: it is no HTTP URL')
        headers = {'Range': f'bytes={part.offset}-{part.end - 1}'} if part else {}
        reading = _Reading(url, self.limit_bytes)
        try:
            with self.client.open(url, deadline_seconds=deadline_seconds, headers=headers) as answer:
                _check_status(url, answer)
                reading.take(answer, part)
        except FetchError as error:
            if not reading.content:
                raise SegmentError(error.reason, without_secrets(str(error))) from error
            return Raw(bytes(reading.content), without_secrets(str(error)))
        return reading.result(part)


class _Reading:
    """A body as far as it came."""

    def __init__(self, url: str, limit_bytes: int) -> None:
        self.content = bytearray()
        self._url = url
        self._limit_bytes = limit_bytes
        self._is_sure = True

    def take(self, answer: Answer, part: ByteRange | None) -> None:
        """Reads to the end, or as far as the part goes; raises FetchError or SegmentError."""
        self._is_sure = _tells_its_end(answer)
        skip = _before(self._url, answer, part)
        most = part.length if part else self._limit_bytes + 1
        buffer = memoryview(bytearray(BLOCK_BYTES))
        while len(self.content) < most and (count := answer.read(buffer)):
            block = buffer[skip:count]
            skip = max(0, skip - count)
            self.content += block[: most - len(self.content)]
        if len(self.content) > self._limit_bytes:
            raise SegmentError('size', f'{bare(self._url)} has more than {self._limit_bytes} bytes')

    def result(self, part: ByteRange | None) -> Raw:
        if part and len(self.content) < part.length:
            trouble = f'{bare(self._url)} ended after {len(self.content)} of {part.length} bytes'
            return Raw(bytes(self.content), trouble)
        return Raw(bytes(self.content), is_sure=self._is_sure or part is not None)


@contextmanager
def naming(url: str) -> Iterator[None]:
    """What is wrong with a playlist is said with its URL: raises ListingError."""
    try:
        yield
    except ListingError as error:
        raise ListingError(f'{bare(url)}: {error}') from error


def decoded(url: str, body: bytes) -> str:
    """Raises ListingError."""
    try:
        return body.decode('utf-8')
    except UnicodeDecodeError:
        raise ListingError(f'{bare(url)} is not UTF-8, and so no playlist') from None


def _check_status(url: str, answer: Answer) -> None:
    """Raises SegmentError unless the body is what was asked for."""
    if answer.status in (200, 206):
        return
    reason = 'expired' if answer.status in EXPIRED else '404' if answer.status in GONE else 'unreachable'
    raise SegmentError(reason, f'{bare(url)} answered {answer.status}')


def _before(url: str, answer: Answer, part: ByteRange | None) -> int:
    """How many bytes of the body come before the part; raises SegmentError if it is another part."""
    if answer.status != 206:
        return part.offset if part else 0
    told = str(answer.headers.get('Content-Range') or '')
    expected = f'bytes {part.offset}-{part.end - 1}/' if part else 'bytes 0-'
    if not told.startswith(expected):
        raise SegmentError('refused', f'{bare(url)} sent {shown(told)}, not the range that was asked for')
    return 0


def _tells_its_end(answer: Answer) -> bool:
    is_chunked = 'chunked' in (answer.headers.get('Transfer-Encoding') or '').lower()
    return is_chunked or answer.headers.get('Content-Length') is not None


def bare(url: str) -> str:
    """A URL as it may stand in a log: without passwords and tokens."""
    return shown(_USER.sub('//', url.partition('?')[0]), 300)[1:-1]
