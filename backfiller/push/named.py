"""What an encoder's playlist names: files beside it or below, as paths relative to the folder that is pushed.

Any HLS playlist is read (RFC 8216), also with tags that a recorder does not know: it is passed on as it is.
"""

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from common.errors import ListingError
from common.hls import master_reader, uris
from common.segment import shown

_PLAYLIST_TAGS = ('#EXT-X-MEDIA', '#EXT-X-I-FRAME-STREAM-INF')
_FILE_TAGS = ('#EXT-X-MAP', '#EXT-X-KEY', '#EXT-X-PART', '#EXT-X-SESSION-KEY', '#EXT-X-SESSION-DATA')
_EXTINF = re.compile(r'#EXTINF:([0-9]{1,6}(?:\.[0-9]{1,9})?)')
_TARGET = re.compile('#EXT-X-TARGETDURATION:([0-9]{1,6})')
_CONTROL = re.compile('[\x00-\x1f\x7f\\\\]')


@dataclass(frozen=True)
class Named:
    """What one playlist names; `refused` are the URIs that lead out of the folder, made safe to be shown."""

    is_master: bool
    ended: bool
    files: tuple[str, ...]
    playlists: tuple[str, ...]
    refused: tuple[str, ...]
    seconds: float
    """How long a segment stays of use after it rolled off: the playlist's length and a target duration."""


def read(path: str, text: str) -> Named:
    """What the playlist at `path` names; raises ListingError if it is none, or only half of one.

    URIs of other servers are theirs: a player fetches them there.
    """
    if text.partition('\n')[0].strip() != '#EXTM3U':
        raise ListingError(f'{shown(path)} does not start with #EXTM3U')
    if not text.endswith('\n') and not text.endswith('#EXT-X-ENDLIST'):
        raise ListingError(f'{shown(path)} does not end with a whole line')
    is_master = master_reader.is_master(text)
    found: dict[str, str] = {}
    refused = []
    for uri, names_playlist in _uris(text, is_master):
        try:
            target = path_of(path, uri)
        except ValueError:
            refused.append(shown(uri))
            continue
        if target:
            found[target] = 'playlist' if names_playlist else 'file'
    return Named(
        is_master,
        '\n#EXT-X-ENDLIST' in text,
        tuple(each for each, kind in found.items() if kind == 'file'),
        tuple(each for each, kind in found.items() if kind == 'playlist'),
        tuple(refused),
        sum(map(float, _EXTINF.findall(text))) + max(map(float, _TARGET.findall(text)), default=0.0),
    )


def path_of(playlist_path: str, uri: str) -> str:
    """The path that a URI in the playlist means; empty if another server has it, ValueError if none may."""
    parts = urlsplit(uri)
    if parts.scheme in ('http', 'https', 'data') or parts.netloc:
        return ''
    path = unquote(parts.path, errors='strict')
    if parts.scheme or not path or path.startswith('/') or _CONTROL.search(path):
        raise ValueError(uri)
    path = posixpath.normpath(posixpath.join(posixpath.dirname(playlist_path), path))
    if path in ('.', '..') or path.startswith('../'):
        raise ValueError(uri)
    return path


def _uris(text: str, is_master: bool) -> Iterator[tuple[str, bool]]:
    """Each URI, with whether it names a playlist."""
    for line in uris.lines(text):
        if not line.tag:
            yield line.uri, is_master
        elif line.tag in _PLAYLIST_TAGS and line.names:
            yield line.uri, True
        elif line.tag in _FILE_TAGS and line.names:
            yield line.uri, False
