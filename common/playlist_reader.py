"""HLS playlists (RFC 8216) as others write them: the writer is `common.playlist`.

This is for live origins: one bad line costs the segment it belongs to, never the whole playlist.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import urljoin

from dateutil.parser import isoparse

from common.errors import ListingError
from common.playlist import VariantStream
from common.segment import shown

MAX_BYTES = 16 * 1024 * 1024
"""The largest playlist that is read: a day of two-second segments takes about 7 MB."""

_ATTRIBUTE = re.compile('(?<![A-Z0-9-])([A-Z0-9-]+)=("[^"]*"|[^",]*)')


@dataclass(frozen=True, slots=True)
class Entry:
    """One media segment of an origin's playlist; `start` is None where the origin states no time."""

    uri: str
    sequence: int
    duration: timedelta
    start: datetime | None
    discontinuity: bool = False

    @property
    def identity(self) -> tuple[str, datetime | int]:
        """What tells it from others: an origin may reuse names and numbers, but not at the same time."""
        return self.uri, self.start or self.sequence


@dataclass(frozen=True, slots=True)
class MediaPlaylist:
    """What an origin offers now; `skipped` are the segments whose lines could not be read, and why."""

    entries: tuple[Entry, ...]
    target_duration: float
    ended: bool
    skipped: tuple[str, ...] = ()
    sequence: int = 0
    discontinuity_sequence: int = 0


def is_master(text: str) -> bool:
    return '#EXT-X-STREAM-INF:' in text


def parse_master(text: str, base_url: str) -> list[VariantStream]:
    """The variants of a master playlist with absolute URIs; raises ListingError."""
    variants: list[VariantStream] = []
    attributes: dict[str, str] | None = None
    for line in _lines(text):
        if line.startswith('#EXT-X-STREAM-INF:'):
            attributes = _attributes(line.partition(':')[2])
        elif attributes is not None and not line.startswith('#'):
            variants.append(_variant(base_url, line, attributes))
            attributes = None
    if not variants:
        raise ListingError('the master playlist names no variant')
    return variants


def parse_media(text: str, base_url: str) -> MediaPlaylist:
    """The segments of a media playlist with absolute URIs; raises ListingError if it is not a playlist."""
    reading = _Reading(base_url)
    for line in _lines(text):
        reading.take(line)
    if not reading.target_duration:
        raise ListingError('the playlist has no EXT-X-TARGETDURATION')
    return MediaPlaylist(
        tuple(reading.entries),
        reading.target_duration,
        reading.ended,
        tuple(reading.skipped),
        reading.first,
        reading.discontinuities,
    )


@dataclass
class _Reading:
    """A media playlist as far as it has been read: what the lines since the last URI said of the next."""

    base_url: str
    entries: list[Entry] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    target_duration: float = 0.0
    ended: bool = False
    first: int = 0
    discontinuities: int = 0
    sequence: int = 0
    duration: timedelta | None = None
    clock: datetime | None = None
    stated: bool = False
    broken: bool = False
    trouble: str = ''

    def take(self, line: str) -> None:
        if not line.startswith('#'):
            self._uri(line)
            return
        tag, _, value = line.partition(':')
        reader = _TAGS.get(tag)
        if reader is None:
            return
        try:
            reader(self, value)
        except (ValueError, OverflowError):
            self.trouble = f'{shown(line)} cannot be read'

    def _uri(self, line: str) -> None:
        try:
            self.entries.append(self._entry(urljoin(self.base_url, line)))
        except ValueError as error:
            self.skipped.append(f'{shown(line)}: {shown(str(error))}')
        self._advance()

    def _entry(self, uri: str) -> Entry:
        if self.trouble or self.duration is None:
            raise ValueError(self.trouble or 'it has no EXTINF')
        return Entry(uri, self.sequence, self.duration, self.clock, self.broken)

    def _advance(self) -> None:
        try:
            self.clock = self.clock + self.duration if self.clock and self.duration else None
        except OverflowError:
            self.clock = None
        self.duration, self.trouble, self.stated, self.broken = None, '', False, False
        self.sequence += 1

    def target(self, value: str) -> None:
        self.target_duration = _positive_seconds(value)

    def first_sequence(self, value: str) -> None:
        self.sequence = self.first = int(value)

    def first_discontinuity(self, value: str) -> None:
        self.discontinuities = int(value)

    def extinf(self, value: str) -> None:
        self.duration = timedelta(seconds=_positive_seconds(value.partition(',')[0]))

    def program_date_time(self, value: str) -> None:
        time = isoparse(value)
        self.clock = time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
        self.stated = True

    def discontinuity(self, _: str) -> None:
        self.broken = True
        if not self.stated:
            self.clock = None  # the times before it say nothing of those after it

    def end(self, _: str) -> None:
        self.ended = True


_TAGS: dict[str, Callable[[_Reading, str], None]] = {
    '#EXT-X-TARGETDURATION': _Reading.target,
    '#EXT-X-MEDIA-SEQUENCE': _Reading.first_sequence,
    '#EXT-X-DISCONTINUITY-SEQUENCE': _Reading.first_discontinuity,
    '#EXTINF': _Reading.extinf,
    '#EXT-X-PROGRAM-DATE-TIME': _Reading.program_date_time,
    '#EXT-X-DISCONTINUITY': _Reading.discontinuity,
    '#EXT-X-ENDLIST': _Reading.end,
}


def _lines(text: str) -> Iterator[str]:
    lines = iter(text.removeprefix('\ufeff').splitlines())
    if next(lines, '').strip() != '#EXTM3U':
        raise ListingError(f'{shown(text, 60)} is not a playlist: it does not start with #EXTM3U')
    yield from filter(None, (line.strip() for line in lines))


def _attributes(text: str) -> dict[str, str]:
    return {name: value.strip('"') for name, value in _ATTRIBUTE.findall(text)}


def _variant(base_url: str, uri: str, attributes: dict[str, str]) -> VariantStream:
    try:
        width, _, height = attributes.get('RESOLUTION', '').partition('x')
        return VariantStream(
            urljoin(base_url, uri),
            int(attributes['BANDWIDTH']),
            resolution=(int(width), int(height)) if width or height else None,
            codecs=tuple(filter(None, attributes.get('CODECS', '').replace(' ', '').split(','))),
        )
    except (KeyError, ValueError):
        raise ListingError(
            f'the variant {shown(uri)} has no BANDWIDTH, or a RESOLUTION that is none'
        ) from None


def _positive_seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds < 86_400:
        raise ValueError
    return seconds
