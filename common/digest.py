"""The two digests everything rests on: of a segment's bytes, and of an hour's names.

A segment's digest is SHA-256 (FIPS 180-4) in URL-safe base64 without padding (RFC 4648 section 5):
43 characters, of which the last carries only four bits and so has 16 canonical values.
"""

import hashlib
from base64 import b64encode, urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable

PATTERN = '[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]'


def sha256(chunks: Iterable[bytes]) -> str:
    """The digest of the chunks joined, as it stands in a segment's name."""
    running = hashlib.sha256()
    for chunk in chunks:
        running.update(chunk)
    return from_bytes(running.digest())


def from_bytes(raw: bytes) -> str:
    """32 raw bytes as the 43 characters of a name."""
    return urlsafe_b64encode(raw).rstrip(b'=').decode('ascii')


def to_bytes(digest: str) -> bytes:
    """The 43 characters of a name as 32 raw bytes."""
    return urlsafe_b64decode(digest + '=')


def to_hex(digest: str) -> str:
    """As 64 hex digits, the form of manifests and of S3 metadata."""
    return to_bytes(digest).hex()


def to_base64(digest: str) -> str:
    """As padded standard base64, the form of S3's `x-amz-checksum-sha256`."""
    return b64encode(to_bytes(digest)).decode('ascii')


def fingerprint(names: Iterable[str]) -> str:
    """SHA-256, in hex, over the names of an hour sorted as bytes, each followed by a newline.

    Two places whose fingerprints of an hour are equal hold the same set of names in it.
    """
    lines = sorted(name.encode('utf-8', 'surrogateescape') for name in names)
    return hashlib.sha256(b''.join(line + b'\n' for line in lines)).hexdigest()
