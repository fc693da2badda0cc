"""Where in the bucket what a URL names goes: the path of the URL, and how a playlist there leads to it.

URLs of other content have other keys. Where the path does not tell them apart, because a query selects the
content or the path cannot be a key as it is, the name has a mark, `~` and 16 hex digits of the URL's SHA-256.
"""

import hashlib
import posixpath
import re
from collections.abc import Collection, Iterable
from urllib.parse import SplitResult, quote, unquote, urlsplit

MOST_KEY_BYTES = 700
MOST_NAME_BYTES = 200
"""S3 allows 1,024 bytes with the prefix, and servers that keep files 255 for a name."""

BY_HOST = ('auto', 'always', 'never')

TOKENS = frozenset({
    'access_token', 'auth', 'auth_key', 'auth_token', 'authtoken', 'exp', 'expire', 'expires', 'expiry',
    'hdnea', 'hdntl', 'hdnts', 'hmac', 'jwt', 'key-pair-id', 'keyname', 'policy', 'session', 'session_id',
    'sessionid', 'sig', 'sign', 'signature', 'token', 'urlprefix', 'wmsauthsign', '_',
})  # fmt: skip
"""Parameters that admit, and select nothing: of the CDNs, and those that people choose. In lower case."""

_SIGNED = ('x-amz-', 'x-goog-')
_PORTS = {'http': 80, 'https': 443}
_RESERVED = ('.migrate', '.probe')
_ODD = re.compile('[\x00-\x1f\x7f-\x9f/\\\\\u2028-\u202e\u2066-\u2069\ufffd-\uffff]')
"""What would end a line, turn it round, or break the XML of a listing."""

_MARK = re.compile('~[0-9a-f]{16}')
_SAFE = "/~!$&'()*,;=@"


class Keys:
    """The keys of one migration; `home` is the host whose paths need no host before them, empty: all do.

    With `hosts` False none has. Of queries the parameters `tokens` are left out, as those in TOKENS are.
    """

    def __init__(self, *, home: str = '', hosts: bool = True, tokens: Collection[str] = ()) -> None:
        self._home = home
        self._hosts = hosts
        self._tokens = TOKENS | {each.lower() for each in tokens}

    @classmethod
    def of(cls, urls: Iterable[str], by_host: str, tokens: Collection[str] = ()) -> 'Keys':
        """Those of these links: with `auto`, only if they are on one host, its paths have no host."""
        hosts = {host_of(urlsplit(each)) for each in urls}
        home = hosts.pop() if by_host == 'auto' and len(hosts) == 1 else ''
        return cls(home=home, hosts=by_host != 'never', tokens=tokens)

    def key_of(self, url: str) -> str:
        """Raises ValueError for what is no URL."""
        parts = urlsplit(url)
        host = host_of(parts)
        folders, name, is_whole = _path(parts.path)
        mark = f'~{hashlib.sha256(self.source_of(url).encode()).hexdigest()[:16]}'
        stem, extension = posixpath.splitext(name)
        if self._kept(parts.query) or not is_whole:
            name = f'{stem}{mark}{extension}'
        segments = [host, *folders, name] if self._hosts and host != self._home else [*folders, name]
        key = '/'.join(segments)
        if len(key.encode()) > MOST_KEY_BYTES or any(len(e.encode()) > MOST_NAME_BYTES for e in segments):
            return f'{segments[0][:40]}/{mark}{extension[:10]}'
        return key

    def source_of(self, url: str) -> str:
        """What the URL names, in ASCII, without what admits to it: equal for equal content."""
        parts = urlsplit(url)
        folders, name, is_whole = _path(parts.path)
        path = quote('/'.join(['', *folders, name])) if is_whole else quote(parts.path, safe='/%')
        query = self._kept(parts.query)
        return f'{host_of(parts)}{path}' + (f'?{quote(query, safe="/%&=+")}' if query else '')

    def _kept(self, query: str) -> str:
        """What of the query may select the content."""
        return '&'.join(each for each in query.split('&') if each and not self._admits(each))

    def _admits(self, parameter: str) -> bool:
        name = unquote(parameter.partition('=')[0]).lower()
        return name in self._tokens or name.startswith(_SIGNED)


def host_of(parts: SplitResult) -> str:
    """In lower case, with the port if it is not the usual one; raises ValueError."""
    host = (parts.hostname or '').replace(':', '_').replace('/', '_')
    if not host or parts.scheme not in _PORTS:
        raise ValueError('it is no URL of an HTTP server')
    port = parts.port or _PORTS[parts.scheme]
    return host if port == _PORTS[parts.scheme] else f'{host}_{port}'


def leads_to(playlist_key: str, uri: str) -> str:
    """The key that a player finds by that URI in the playlist; empty if none, or not on every server.

    A plus is one to RFC 3986, and a space to Amazon S3.
    """
    try:
        parts = urlsplit(uri)
        raw = parts.path.split('/')
        names = [unquote(each, errors='strict') for each in raw]
    except ValueError:
        return ''
    if parts.scheme or parts.netloc or '?' in uri or '#' in uri or '+' in parts.path or not all(names):
        return ''
    found = playlist_key.split('/')[:-1]
    for name in names:
        if _ODD.search(name) or (name == '..' and not found):
            return ''
        if name == '..':
            found.pop()
        elif name != '.':
            found.append(name)
    return '/'.join(found) if names[-1] not in ('.', '..') else ''


def relative(playlist_key: str, key: str) -> str:
    """The URI by which the playlist names the key."""
    folder, name = posixpath.split(f'/{key}')
    there = posixpath.relpath(folder, posixpath.dirname(f'/{playlist_key}'))
    return quote(posixpath.normpath(f'{there}/{name}'), safe=_SAFE)


def _path(path: str) -> tuple[list[str], str, bool]:
    """Folders, name, and whether these say all that the path says."""
    segments: list[str] = []
    is_whole, is_folder = True, True
    for raw in path.removeprefix('/').split('/'):
        text = unquote(raw, errors='replace')
        is_folder = text in ('', '.', '..')
        if text == '..':
            segments[-1:] = []
        elif text not in ('', '.'):
            plain = '_' if text in _RESERVED else _ODD.sub('_', text)
            segments.append(plain)
            is_whole = is_whole and plain == text and not _MARK.search(text)
        is_whole = is_whole and text != ''
    return (segments, 'index', False) if is_folder else (segments[:-1], segments[-1], is_whole)
