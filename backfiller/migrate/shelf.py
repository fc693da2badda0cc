"""What the bucket holds below the prefix, and how something is put there.

Every object that we put says in its metadata what its SHA-256 is, which URL it came from (`source`), and what
that server said of it then (`origin-etag`, `origin-modified`). By that whoever comes after us knows it again.
"""

import hashlib
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from backfiller.mirror.bucket import Bucket
from backfiller.mirror.objects import Head, Sums, etag_of
from backfiller.push.shelf import CONTENT_TYPES
from common.errors import SegmentError
from common.hls import playlist

LONG = 'public, max-age=86400'
SHORT = 'public, max-age=60'
MOST_SOURCE_CHARACTERS = 1000
_MOST_CHARACTERS = 250
_UNKNOWN = ('', 'application/octet-stream', 'binary/octet-stream', 'text/plain')
_TYPES = {
    **CONTENT_TYPES,
    '.m4a': 'audio/mp4',
    '.m4v': 'video/mp4',
    '.mp3': 'audio/mpeg',
    '.webvtt': 'text/vtt',
}


@dataclass(frozen=True)
class Origins:
    """Where something came from, and what its server said of it; fit for metadata."""

    source: str
    etag: str = ''
    modified: str = ''

    def metadata(self) -> dict[str, str]:
        said = {'origin-etag': self.etag, 'origin-modified': self.modified}
        return {
            'source': _short(self.source),
            **{name: value for name, value in said.items() if _fits(value)},
        }

    def conditions(self) -> dict[str, str]:
        """By which the server tells whether it is still the same (RFC 9110 section 13)."""
        if self.etag:
            return {'If-None-Match': self.etag}
        return {'If-Modified-Since': self.modified} if self.modified else {}

    def says_the_same(self, etag: str, modified: str) -> bool:
        """Whether what a server says now means that nothing changed."""
        return etag == self.etag if etag or self.etag else bool(modified) and modified == self.modified


@dataclass(frozen=True)
class Held:
    """An object in the bucket; what it does not say of itself is empty."""

    size_bytes: int
    object_etag: str
    sha256: str
    origins: Origins

    @classmethod
    def of(cls, head: Head) -> 'Held':
        said = head.metadata.get
        origins = Origins(said('source', ''), said('origin-etag', ''), said('origin-modified', ''))
        return cls(head.size_bytes, head.etag, said('sha256', '').lower(), origins)

    def is_of(self, source: str) -> bool:
        return self.origins.source == _short(source)

    def has(self, sums: Sums, size_bytes: int) -> bool:
        """Whether it is these bytes, by its hash; an ETag that is an MD5 will do where it has none."""
        told, ours = (self.sha256, sums.sha256) if self.sha256 else (self.object_etag, sums.md5)
        return (self.size_bytes, told) == (size_bytes, ours)


class Shelf:
    """The objects below the bucket's prefix; `sizes` are those of the last look. All calls are to S3."""

    def __init__(self, bucket: Bucket) -> None:
        self.bucket = bucket
        self.sizes: dict[str, int] = {}

    def look(self) -> None:
        """Lists everything once; raises SourceError."""
        self.sizes = self.bucket.calls.sizes('')

    def held(self, key: str) -> Held | None:
        """What is there, if anything was at the last look; raises SegmentError or SourceError."""
        if key not in self.sizes:
            return None
        head = self.bucket.calls.head(key)
        return Held.of(head) if head else None

    def put(self, key: str, body: bytes, sums: Sums, origins: Origins, headers: Mapping[str, str]) -> None:
        """With its SHA-256, so that S3 checks the bytes; raises SegmentError or StoreError."""
        checksum = b64encode(bytes.fromhex(sums.sha256)).decode()
        metadata = {'sha256': sums.sha256, **origins.metadata()}
        answer = self.bucket.calls.put_hashed(
            key, body, sums.sha256, ChecksumSHA256=checksum, Metadata=metadata, **headers
        )
        if answer.get('ChecksumSHA256', checksum) != checksum:
            raise SegmentError('hash', f'{self.bucket.url} stored {key} with another SHA-256')
        if not self.bucket.guarantees.checks_sha256:
            self.bucket.compare(key, body, sums.md5, etag_of(answer))
        self.sizes[key] = len(body)


def headers_of(key: str, said: str, *, is_playlist: bool = False) -> dict[str, str]:
    """With which an object is put: its type by its name, else as its server said."""
    if is_playlist:
        return {'ContentType': playlist.CONTENT_TYPE, 'CacheControl': SHORT}
    by_name = _TYPES.get(PurePosixPath(key).suffix.lower())
    kind = by_name or (said if said not in _UNKNOWN and _fits(said) else 'application/octet-stream')
    return {'ContentType': kind, 'CacheControl': LONG}


def _fits(value: str, most_characters: int = _MOST_CHARACTERS) -> bool:
    """Whether it comes back from S3 as it was given; all metadata together may have 2 KB."""
    plain = value.isascii() and value.isprintable() and value == ' '.join(value.split())
    return plain and 0 < len(value) <= most_characters


def _short(source: str) -> str:
    if len(source) <= MOST_SOURCE_CHARACTERS:
        return source
    return f'sha256:{hashlib.sha256(source.encode()).hexdigest()}'
