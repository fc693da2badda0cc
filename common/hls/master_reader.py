"""HLS master playlists (RFC 8216, draft-pantos-hls-rfc8216bis) as others write them.

One bad line costs the variant or the rendition it belongs to, never the whole playlist.
"""

import re
from collections.abc import Mapping, Sized
from dataclasses import dataclass, field

from common.errors import ListingError
from common.hls.playlist import VariantStream
from common.hls.text import BaseUrl, Variables, decimal, lines, quoted, told

_VARIANT = '#EXT-X-STREAM-INF'
_NAMES_VARIANT = re.compile(f'[\r\n][ \t]*{_VARIANT}:')
MOST_NAMED = 500
"""Of more variants, or more renditions, the others are left out: nobody offers so many to be played."""

MOST_CHARACTERS = 1024 * 1024
_KINDS = ('AUDIO', 'VIDEO', 'SUBTITLES')


@dataclass(frozen=True, slots=True)
class Rendition:
    """One EXT-X-MEDIA; `kind` is AUDIO, VIDEO or SUBTITLES, `uri` is empty if the variants contain it."""

    kind: str
    group: str
    name: str
    language: str
    uri: str
    default: bool


@dataclass(frozen=True, slots=True)
class Master:
    """The variants of a stream, as they stand in its playlist, and their renditions.

    `skipped` is what could not be read, `variables` are what its media playlists may import.
    """

    variants: tuple[VariantStream, ...]
    renditions: tuple[Rendition, ...] = ()
    skipped: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)


def is_master(text: str) -> bool:
    """Whether the playlist names variants, not segments."""
    return _NAMES_VARIANT.search(text) is not None


def parse_master(text: str, base_url: str) -> Master:
    """A master playlist with absolute URIs; raises ListingError for no variant, or no end."""
    if len(text) > MOST_CHARACTERS:
        raise ListingError(
            f'the master playlist has {len(text)} characters: {MOST_CHARACTERS} are read at most'
        )
    reading = _Reading(base_url)
    for line in lines(text):
        reading.take(line)
    if not reading.variants:
        why = f': {reading.skipped[0]}' if reading.skipped else ''
        raise ListingError(f'the master playlist names no variant{why}')
    return Master(
        tuple(reading.variants),
        tuple(reading.renditions),
        tuple(reading.skipped),
        reading.variables.values,
    )


class _Reading:
    """A master playlist as far as it has been read."""

    def __init__(self, base_url: str) -> None:
        self.base = BaseUrl(base_url)
        self.variables = Variables(base_url, {})
        self.variants: list[VariantStream] = []
        self.renditions: list[Rendition] = []
        self.skipped: list[str] = []
        self._said: dict[str, str] | None = None

    def take(self, line: str) -> None:
        try:
            if line.startswith('#'):
                self._tag(*line.partition(':')[::2])
            elif self._said is not None:
                self._variant(line)
        except ValueError as error:
            if len(self.skipped) < MOST_NAMED:
                self.skipped.append(f'{quoted(line)}: {told(error)}')

    def _tag(self, tag: str, value: str) -> None:
        if tag == _VARIANT:
            self._said = None
            self._said = self.variables.attributes(value)
        elif tag == '#EXT-X-MEDIA':
            self._rendition(self.variables.attributes(value))
        elif tag == '#EXT-X-DEFINE':
            self.variables.define(self.variables.attributes(value))

    def _variant(self, uri: str) -> None:
        said, self._said = self._said or {}, None
        _check_room(self.variants)
        self.variants.append(
            VariantStream(
                self.base.absolute(self.variables.put_in(uri)),
                _rate(said.get('BANDWIDTH')) or _rate(said.get('AVERAGE-BANDWIDTH')) or 0,
                _rate(said.get('AVERAGE-BANDWIDTH')),
                resolution=_resolution(said.get('RESOLUTION', '')),
                codecs=tuple(filter(None, said.get('CODECS', '').replace(' ', '').split(','))),
                audio=said.get('AUDIO', ''),
                name=said.get('NAME', ''),
                frame_rate=_frame_rate(said.get('FRAME-RATE', '')),
            )
        )

    def _rendition(self, said: Mapping[str, str]) -> None:
        if said.get('TYPE') not in _KINDS:
            return
        _check_room(self.renditions)
        self.renditions.append(
            Rendition(
                said['TYPE'],
                said.get('GROUP-ID', ''),
                said.get('NAME', ''),
                said.get('LANGUAGE', ''),
                self.base.absolute(said['URI']) if 'URI' in said else '',
                said.get('DEFAULT') == 'YES',
            )
        )


def _check_room(named: Sized) -> None:
    if len(named) == MOST_NAMED:
        raise ValueError(f'there are more than {MOST_NAMED} of its kind')


def _rate(text: str | None) -> int | None:
    """Bits a second; None for what is no such rate, so that sloppy origins are recorded, too."""
    try:
        return int(decimal(text or ''))
    except ValueError:
        return None


def _resolution(text: str) -> tuple[int, int] | None:
    width, _, height = text.lower().partition('x')
    found = _rate(width), _rate(height)
    return (found[0], found[1]) if found[0] and found[1] else None


def _frame_rate(text: str) -> float | None:
    try:
        return decimal(text) if 0 < decimal(text) < 1000 else None
    except ValueError:
        return None
