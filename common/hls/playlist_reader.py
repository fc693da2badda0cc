"""HLS media playlists (RFC 8216, draft-pantos-hls-rfc8216bis) as others write them.

`common.hls.playlist` is the writer, `common.hls.master_reader` reads master playlists.
This is for live origins: one bad line costs the segment it belongs to, never the whole playlist.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from common.errors import ListingError
from common.hls.parts import ByteRange, Init, Inits, Key, Keys, Ranges
from common.hls.text import BaseUrl, Variables, lines, quoted, seconds, told, whole

MAX_BYTES = 16 * 1024 * 1024
"""The largest playlist that is read: a day of two-second segments takes about 7 MB."""

MOST_SEGMENTS = 250_000
MOST_UNREAD = 100
_NOTHING: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Entry:
    """One media segment of an origin's playlist; `start` is None where the origin states no time.

    It is `stated` if the time stands at this very segment; else it was counted on from another one.
    A `gap` is known to be missing at the origin.
    """

    uri: str
    sequence: int
    duration: timedelta
    start: datetime | None
    discontinuity: bool = False
    part: ByteRange | None = None
    key: Key | None = None
    init: Init | None = None
    gap: bool = False
    stated: bool = False

    @property
    def identity(self) -> tuple[str, datetime | int]:
        """What tells it from others: an origin may reuse names and numbers, but not at the same time."""
        return self.uri, self.start or self.sequence


@dataclass(frozen=True, slots=True)
class Skipped:
    """A segment that cannot be had for what its lines say, and why; with its time as far as it is known."""

    sequence: int
    cause: str
    duration: timedelta | None = None
    start: datetime | None = None

    def __str__(self) -> str:
        return self.cause


@dataclass(frozen=True, slots=True)
class MediaPlaylist:
    """What an origin offers now; `kind` is EVENT, VOD or empty, `unread` what cost no segment."""

    entries: tuple[Entry, ...]
    target_duration: float
    ended: bool
    skipped: tuple[Skipped, ...] = ()
    sequence: int = 0
    discontinuity_sequence: int = 0
    kind: str = ''
    unread: tuple[str, ...] = ()


def parse_media(text: str, base_url: str, variables: Mapping[str, str] = _NOTHING) -> MediaPlaylist:
    """The segments of a media playlist with absolute URIs; raises ListingError if it is not a playlist.

    `variables` are those of its master.
    """
    reading = _Reading(base_url, variables)
    for line in lines(text):
        reading.take(line)
    return reading.playlist()


class _Reading:
    """A media playlist as far as it has been read: what the lines since the last URI said of the next."""

    def __init__(self, base_url: str, imported: Mapping[str, str]) -> None:
        self.variables = Variables(base_url, imported)
        self.base = BaseUrl(base_url)
        self.keys = Keys(self.base)
        self.inits = Inits(self.base, self.keys)
        self.ranges = Ranges()
        self.found: list[tuple[int, Entry | Skipped]] = []
        self.unread: list[str] = []
        self.target_duration = 0.0
        self.ended = False
        self.kind = ''
        self.first = self.sequence = self.discontinuities = self.run = 0
        self.late = 0
        self.clock: datetime | None = None
        self.broken = False
        self._forget()

    def _forget(self) -> None:
        """What was said of one segment says nothing of the next."""
        self.duration: timedelta | None = None
        self.time: datetime | None = None
        self.range: str | None = None
        self.gap = False
        self.trouble = ''

    def take(self, line: str) -> None:
        if not line.startswith('#'):
            self._segment(line)
            return
        tag, _, value = line.partition(':')
        if tag not in _TAGS:
            return
        reader, on_trouble = _TAGS[tag]
        try:
            reader(self, value)
        except (ValueError, OverflowError):
            on_trouble(self, line)

    def _segment(self, line: str) -> None:
        if len(self.found) == MOST_SEGMENTS:
            raise ListingError(f'the playlist has more than {MOST_SEGMENTS} segments')
        start = self.time or self.clock
        try:
            entry = self._entry(line, start)
        except ValueError as error:
            cause = f'{quoted(line)}: {told(error)}'
            self.found.append((self.run, Skipped(self.sequence, cause, self.duration, start)))
        else:
            self.found.append((self.run, entry))
            self.broken = False
        self.clock = _moved(start, self.duration) if self.duration else None
        self.sequence += 1
        self._forget()

    def _entry(self, line: str, start: datetime | None) -> Entry:
        uri = self.base.absolute(self.variables.put_in(line))
        is_first = not self.found and not self.sequence
        part = None if self.range is None else self.ranges.take(uri, self.range, is_first=is_first)
        if self.trouble or self.duration is None:
            raise ValueError(self.trouble or 'it has no EXTINF')
        return Entry(
            uri,
            self.sequence,
            self.duration,
            start,
            discontinuity=self.broken,
            part=part,
            key=self.keys.current(),
            init=self.inits.current(),
            gap=self.gap,
            stated=self.time is not None,
        )

    def playlist(self) -> MediaPlaylist:
        """Raises ListingError if nothing in it is of a media playlist."""
        self._count_back()
        if self.late:
            self.found = [
                (run, replace(each, sequence=each.sequence + self.late)) for run, each in self.found
            ]
        if not self.target_duration:
            self._guess_target()
        return MediaPlaylist(
            tuple(each for _, each in self.found if isinstance(each, Entry)),
            self.target_duration,
            self.ended,
            tuple(each for _, each in self.found if isinstance(each, Skipped)),
            self.first,
            self.discontinuities,
            self.kind,
            tuple(self.unread),
        )

    def _guess_target(self) -> None:
        durations = [each.duration for _, each in self.found if each.duration]
        if not durations:
            raise ListingError('the playlist has no EXT-X-TARGETDURATION, and no segment')
        self.target_duration = max(durations).total_seconds()
        self.unread.append('there is no EXT-X-TARGETDURATION')

    def _count_back(self) -> None:
        """Gives the times before the first stated one of a run (RFC 8216 section 4.3.2.6)."""
        for index in range(len(self.found) - 1, 0, -1):
            (run, later), (before, each) = self.found[index], self.found[index - 1]
            if later.start and not each.start and each.duration and run == before:
                self.found[index - 1] = before, replace(each, start=_moved(later.start, -each.duration))

    def target(self, value: str) -> None:
        self.target_duration = seconds(value)

    def first_sequence(self, value: str) -> None:
        change = whole(value) - self.first
        self.first += change
        if self.found:
            self.late += change
        else:
            self.sequence += change

    def first_discontinuity(self, value: str) -> None:
        self.discontinuities = whole(value)

    def extinf(self, value: str) -> None:
        words = value.partition(',')[0].split(maxsplit=1)
        self.duration = timedelta(seconds=seconds(words[0] if words else ''))

    def byte_range(self, value: str) -> None:
        self.range = value

    def program_date_time(self, value: str) -> None:
        time = datetime.fromisoformat(value.strip())
        self.time = time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)

    def discontinuity(self, _: str) -> None:
        self.broken = True
        self.run += 1
        self.clock = None  # the times before it say nothing of those after it

    def key(self, value: str) -> None:
        self.keys.take(self.variables.attributes(value))

    def map(self, value: str) -> None:
        self.inits.take(self.variables.attributes(value))

    def missing(self, _: str) -> None:
        self.gap = True

    def skip(self, value: str) -> None:
        self.sequence += max(0, whole(self.variables.attributes(value).get('SKIPPED-SEGMENTS', '')))
        self.run += 1
        self.clock = None

    def define(self, value: str) -> None:
        self.variables.define(self.variables.attributes(value))

    def type(self, value: str) -> None:
        self.kind = value.strip() if value.strip() in ('EVENT', 'VOD') else ''

    def end(self, _: str) -> None:
        self.ended = True

    def costs_segment(self, line: str) -> None:
        self.trouble = f'{quoted(line)} cannot be read'

    def costs_nothing(self, line: str) -> None:
        if len(self.unread) < MOST_UNREAD:
            self.unread.append(quoted(line))

    def costs_until_next_key(self, line: str) -> None:
        self.keys.lose(line)

    def costs_until_next_map(self, line: str) -> None:
        self.inits.lose(line)


_TAGS: dict[str, tuple[Callable[[_Reading, str], None], Callable[[_Reading, str], None]]] = {
    '#EXTINF': (_Reading.extinf, _Reading.costs_segment),
    '#EXT-X-BYTERANGE': (_Reading.byte_range, _Reading.costs_segment),
    '#EXT-X-PROGRAM-DATE-TIME': (_Reading.program_date_time, _Reading.costs_nothing),
    '#EXT-X-DISCONTINUITY': (_Reading.discontinuity, _Reading.costs_nothing),
    '#EXT-X-GAP': (_Reading.missing, _Reading.costs_nothing),
    '#EXT-X-KEY': (_Reading.key, _Reading.costs_until_next_key),
    '#EXT-X-MAP': (_Reading.map, _Reading.costs_until_next_map),
    '#EXT-X-SKIP': (_Reading.skip, _Reading.costs_nothing),
    '#EXT-X-DEFINE': (_Reading.define, _Reading.costs_nothing),
    '#EXT-X-TARGETDURATION': (_Reading.target, _Reading.costs_nothing),
    '#EXT-X-MEDIA-SEQUENCE': (_Reading.first_sequence, _Reading.costs_nothing),
    '#EXT-X-DISCONTINUITY-SEQUENCE': (_Reading.first_discontinuity, _Reading.costs_nothing),
    '#EXT-X-PLAYLIST-TYPE': (_Reading.type, _Reading.costs_nothing),
    '#EXT-X-ENDLIST': (_Reading.end, _Reading.costs_nothing),
}


def _moved(time: datetime | None, duration: timedelta) -> datetime | None:
    try:
        return time + duration if time else None
    except OverflowError:
        return None
