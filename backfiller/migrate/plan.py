"""What becomes of a playlist in the bucket: which pieces it names, where they go, and its text as it is put.

A URI is rewritten only if it would not lead to its piece there: it was absolute, left the tree, has a query,
or another server answered. A playlist in which all lead there is the same to the last byte.
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from enum import StrEnum
from urllib.parse import urlsplit

from backfiller.migrate.keys import Keys, leads_to, relative
from common.errors import ListingError
from common.hls import master_reader, uris
from common.hls.text import BaseUrl, Variables, decoded
from common.hls.uris import Line, attributes
from common.segment import shown

MOST_SECONDS = 86_400.0
MOST_TOLD = 300
MOST_PIECES = 200_000
"""A week of three-second segments."""


class Kind(StrEnum):
    """What a URI names."""

    PLAYLIST = 'playlist'
    SEGMENT = 'segment'
    INIT = 'init section'
    KEY = 'key'
    DATA = 'data'


_KINDS = {
    '#EXT-X-MEDIA': Kind.PLAYLIST,
    '#EXT-X-I-FRAME-STREAM-INF': Kind.PLAYLIST,
    '#EXT-X-IMAGE-STREAM-INF': Kind.PLAYLIST,
    '#EXT-X-MAP': Kind.INIT,
    '#EXT-X-KEY': Kind.KEY,
    '#EXT-X-SESSION-KEY': Kind.KEY,
    '#EXT-X-PART': Kind.SEGMENT,
    '#EXT-X-SESSION-DATA': Kind.DATA,
}
_REWRITTEN_ONLY = {'#EXT-X-RENDITION-REPORT': Kind.PLAYLIST, '#EXT-X-PRELOAD-HINT': Kind.SEGMENT}
"""They name what is found elsewhere, or is not there yet."""

_IN_FORCE = (Kind.INIT, Kind.KEY)
_NUMBER = re.compile('[0-9]{1,19}')


@dataclass(frozen=True, slots=True)
class Piece:
    """Something to be copied. `seconds` is how much cannot be played without it, from `sequence` on."""

    kind: Kind
    url: str
    key: str
    uri: str
    sequence: int | None = None
    seconds: float = 0.0


@dataclass(frozen=True)
class Plan:
    """A playlist as it is to be put, and what it names; `refused` are pieces that cannot be had, and why."""

    piece: Piece
    body: bytes
    is_master: bool
    ended: bool
    pieces: tuple[Piece, ...]
    playlists: tuple[Piece, ...]
    refused: tuple[tuple[Piece, str], ...]


def plan(body: bytes, url: str, piece: Piece, keys: Keys) -> Plan:
    """The plan for a playlist that came from the URL in the end; raises ListingError."""
    text = decoded(body)
    if text.removeprefix('\ufeff').split('\n', 1)[0].strip() != '#EXTM3U':
        raise ListingError(f'it is no playlist: it starts with {shown(text, 40)}')
    making = _Making(BaseUrl(url), Variables(url, {}), piece, keys, master_reader.is_master(text))
    for line in uris.lines(text):
        making.take(line)
    return making.made(text)


@dataclass
class _Found:
    """A piece while the playlist is being read."""

    kind: Kind
    url: str
    key: str
    uri: str
    sequence: int | None
    seconds: float = 0.0
    refused: str = ''

    def piece(self) -> Piece:
        return Piece(self.kind, self.url, self.key, self.uri, self.sequence, round(self.seconds, 6))


@dataclass
class _Making:
    """A playlist as far as it has been read: what is in force for the next segment."""

    base: BaseUrl
    variables: Variables
    piece: Piece
    keys: Keys
    is_master: bool
    ended: bool = False
    gap: bool = False
    sequence: int = 0
    duration: float = 0.0
    found: dict[str, _Found] = field(default_factory=dict)
    in_force: dict[Kind, _Found] = field(default_factory=dict)
    changes: list[tuple[int, int, str]] = field(default_factory=list)

    def take(self, line: Line) -> None:
        """Raises ListingError if it names too much."""
        if not line.tag:
            self._uri(line)
        elif line.tag in _TAGS:
            _TAGS[line.tag](self, line.value)
        elif line.tag in _KINDS:
            self._tag(line, _KINDS[line.tag])
        elif line.tag in _REWRITTEN_ONLY and line.names:
            self._named(line, _REWRITTEN_ONLY[line.tag])

    def extinf(self, value: str) -> None:
        self.duration = _seconds(value)

    def first_sequence(self, value: str) -> None:
        self.sequence = int(value) if _NUMBER.fullmatch(value) else 0

    def is_gap(self, _: str) -> None:
        self.gap = True

    def end(self, _: str) -> None:
        self.ended = True

    def define(self, value: str) -> None:
        with suppress(ValueError):  # then a URI that needs it says so
            self.variables.define(self.variables.attributes(value))

    def _uri(self, line: Line) -> None:
        found = self._named(line, Kind.PLAYLIST if self.is_master else Kind.SEGMENT)
        if self.is_master:
            self._keep(found)
            return
        if not self.gap:
            for each in (self._keep(found), *self.in_force.values()):
                each.seconds += self.duration
        self.duration, self.gap = 0.0, False
        self.sequence += 1

    def _tag(self, line: Line, kind: Kind) -> None:
        """What a tag names; a key or an init section is in force from here on."""
        self.in_force.pop(kind, None)
        if not line.names or (kind is Kind.KEY and not _is_file(line)):
            return
        found = self._keep(self._named(line, kind))
        if kind in _IN_FORCE and not self.is_master:
            self.in_force[kind] = found

    def _named(self, line: Line, kind: Kind) -> _Found:
        """What the URI means, and its rewriting if it needs one."""
        sequence = None if self.is_master or kind is Kind.DATA else self.sequence
        try:
            if line.uri.startswith('data:'):  # the playlist brings it along
                return _Found(kind, '', f'{self.piece.key} in {line.start}', line.uri[:MOST_TOLD], sequence)
            url = self.base.absolute(self.variables.put_in(line.uri))
            key = self.keys.key_of(url)
        except ValueError as error:
            why = shown(str(error), 200)[1:-1]
            return _Found(
                kind, '', f'{self.piece.key} at {line.start}', line.uri[:MOST_TOLD], sequence, refused=why
            )
        if leads_to(self.piece.key, line.uri) != key:
            self.changes.append((line.start, line.end, relative(self.piece.key, key)))
        return _Found(kind, url, key, line.uri[:MOST_TOLD], sequence)

    def _keep(self, found: _Found) -> _Found:
        """The first mention of the piece, in whichever tag; another piece with the same key is refused."""
        if len(self.found) >= MOST_PIECES:
            raise ListingError(f'it names more than {MOST_PIECES} pieces')
        first = self.found.setdefault(found.key, found)
        if first.url == found.url or self.keys.source_of(first.url) == self.keys.source_of(found.url):
            return first
        why = f'{found.key} is taken by {self.keys.source_of(first.url)}: give --by-host always'
        key = f'{found.key} of {self.keys.source_of(found.url)}'
        return self.found.setdefault(key, replace(found, key=key, refused=why))

    def made(self, text: str) -> Plan:
        every = [each for each in self.found.values() if each.url or each.refused]
        good = [each.piece() for each in every if not each.refused]
        return Plan(
            self.piece,
            ''.join(_rewritten(text, self.changes)).encode('utf-8', 'surrogateescape'),
            self.is_master,
            self.ended,
            tuple(each for each in good if each.kind is not Kind.PLAYLIST),
            tuple(each for each in good if each.kind is Kind.PLAYLIST),
            tuple((each.piece(), each.refused) for each in every if each.refused),
        )


def _rewritten(text: str, changes: list[tuple[int, int, str]]) -> Iterator[str]:
    done = 0
    for start, end, uri in changes:
        yield text[done:start]
        yield uri
        done = end
    yield text[done:]


def _is_file(line: Line) -> bool:
    """Whether a key is one that anybody can fetch, and not something that only a licence server has."""
    said = attributes(line.value)
    scheme = urlsplit(line.uri).scheme if '[' not in line.uri else ''
    identity = said.get('KEYFORMAT', 'identity') == 'identity'
    return said.get('METHOD') != 'NONE' and identity and scheme in ('', 'http', 'https')


def _seconds(value: str) -> float:
    try:
        found = float(value.partition(',')[0])
    except ValueError:
        return 0.0
    return found if math.isfinite(found) and 0 <= found <= MOST_SECONDS else 0.0


_TAGS: Mapping[str, Callable[[_Making, str], None]] = {
    '#EXTINF': _Making.extinf,
    '#EXT-X-MEDIA-SEQUENCE': _Making.first_sequence,
    '#EXT-X-GAP': _Making.is_gap,
    '#EXT-X-ENDLIST': _Making.end,
    '#EXT-X-DEFINE': _Making.define,
}
