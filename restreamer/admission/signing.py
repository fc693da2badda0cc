"""URLs that carry their own leave to read, `?expires=SECONDS&signature=...`, for players without headers.

A signature is the HMAC-SHA256 (RFC 2104) of a scope, a stream or one variant of it, and of a time at which it
ends, under a key derived from the read token. It does not cover the rest of the URL, so that one works for a
master playlist, its media playlists and their segments.
"""

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import parse_qsl

SIGNABLE = ('playlist', 'segments', 'cut')
"""The first parts of the paths that a signature opens: what a player needs."""

LONGEST_SECONDS = 366 * 86_400

_PURPOSE = b'segmesh signed URLs 1'
_MOST_FIELDS = 20
_MOST_DIGITS = 11


class Scope(NamedTuple):
    """What a path belongs to; no variant stands for the whole stream."""

    stream: str
    variant: str = ''


class Signed(NamedTuple):
    """The two parameters of a query, as they came."""

    expires: str
    signature: str

    @property
    def query(self) -> str:
        return f'expires={self.expires}&signature={self.signature}'


def signed(secret: str, scope: Scope, expires: int) -> Signed:
    """What opens the scope until that time, in seconds since 1970."""
    return Signed(str(expires), _signature(secret, scope, str(expires)))


def fits(found: Signed, secret: str, scope: Scope) -> bool:
    """Whether it was made with the secret for the scope, or for its whole stream."""
    scopes = {scope, Scope(scope.stream)}
    made = [_signature(secret, each, found.expires) for each in scopes]
    return any(hmac.compare_digest(each, found.signature) for each in made)


def in_query(query: str) -> Signed | None:
    """The signature that a query carries, good or not."""
    if 'signature=' not in query:
        return None
    try:
        fields = dict(reversed(parse_qsl(query, max_num_fields=_MOST_FIELDS)))
    except ValueError:
        return None
    expires, signature = fields.get('expires', ''), fields.get('signature', '')
    if not (
        expires.isascii() and expires.isdecimal() and len(expires) <= _MOST_DIGITS and signature.isascii()
    ):
        return Signed('0', '')
    return Signed(expires, signature)


def scope_of(path: str) -> Scope | None:
    """What a signature for the path has to cover; None if none opens it."""
    parts = path.split('/')
    reader = _PATHS.get(parts[1]) if len(parts) > 2 and not parts[0] else None
    return reader(parts[2:]) if reader else None


def _of_segment(parts: list[str]) -> Scope | None:
    return Scope(parts[0], parts[1]) if len(parts) == 4 and all(parts) else None


def _of_playlist(parts: list[str]) -> Scope | None:
    name, dot, kind = parts[-1].rpartition('.')
    if len(parts) > 2 or not name or (dot, kind) != ('.', 'm3u8'):
        return None
    return Scope(parts[0], name) if len(parts) == 2 else Scope(name)


def _of_cut(parts: list[str]) -> Scope | None:
    name, _, kind = parts[-1].rpartition('.')
    return (
        Scope(parts[0], name) if len(parts) == 2 and all((*parts, name)) and kind in ('ts', 'mp4') else None
    )


_PATHS: dict[str, Callable[[list[str]], Scope | None]] = dict(
    zip(SIGNABLE, (_of_playlist, _of_segment, _of_cut), strict=True)
)


def _signature(secret: str, scope: Scope, expires: str) -> str:
    key = hmac.digest(secret.encode(), _PURPOSE, 'sha256')
    message = '\n'.join((scope.stream, scope.variant, expires)).encode()
    return urlsafe_b64encode(hmac.digest(key, message, 'sha256')).decode().rstrip('=')
