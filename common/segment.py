"""Names of hours and segments: the one door for text from peers, disks, S3 and URLs.

    STREAM/VARIANT/HOUR/MM:SS[.ffffff]-DURATION-TYPE-HASH.ts
    bus/source/2026-11-14T03/07:26.5-2.002-full-47DEQpj8HBSa_-TImW_5JCeuQeRkm5NMpJWZG3hSuFU.ts
    STREAM/VARIANT/HOUR/MM:SS[.ffffff]-DURATION-TYPE-INITHASH-HASH.m4s
    STREAM/VARIANT/HOUR/00:00-0-init-HASH.mp4

The first is of a transport stream, the second a fragment of MP4 (fMP4), the third the init section that such
fragments need: it is spelt exactly so, has no time, and lies once in each hour that has fragments of it. The
tombstone of a segment has its name with another ending.

The grammar is strict and ASCII only, so whatever parses is also safe as a part of a path, a URL and an
S3 key. A name is kept as it was given: two spellings of one time are two names. Each path is built from
the level above it, and the same relative path serves as file path, URL path and S3 key.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from common import digest
from common.errors import SegmentError

ONE_HOUR = timedelta(hours=1)
SEGMENT_SUFFIX = '.ts'
FRAGMENT_SUFFIX = '.m4s'
INIT_SUFFIX = '.mp4'
TOMBSTONE_SUFFIX = '.tombstone'
TYPES = ('full', 'suspect', 'partial')
INIT = 'init'
MEDIA_TYPES = {SEGMENT_SUFFIX: 'video/mp2t', FRAGMENT_SUFFIX: 'video/iso.segment', INIT_SUFFIX: 'video/mp4'}
TWIN_TOLERANCE = timedelta(milliseconds=1)

LABEL = re.compile('[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}')
HOUR = re.compile('[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}')
NAME = re.compile(
    '[0-5][0-9]:[0-5][0-9](?:[.][0-9]{1,6})?'
    '-[0-9]{1,6}(?:[.][0-9]{1,9})?'
    f'-({"|".join(TYPES)})'
    f'-(?:{digest.PATTERN}[.](?:ts|tombstone)|({digest.PATTERN})-{digest.PATTERN}[.](?:m4s|tombstone))'
    f'|00:00-0-{INIT}-{digest.PATTERN}[.]mp4'
)
_WITHDRAWABLE = SEGMENT_SUFFIX, FRAGMENT_SUFFIX
_INIT_IN_NAME = slice(-len(FRAGMENT_SUFFIX) - 87, -len(FRAGMENT_SUFFIX) - 44)


@dataclass(frozen=True, slots=True, order=True)
class Hour:
    """One hour folder of one variant of one stream, e.g. `bus/source/2026-11-14T03`."""

    stream: str
    variant: str
    text: str

    @classmethod
    def parse(cls, stream: str, variant: str, text: str) -> 'Hour':
        """Checks all three parts; raises SegmentError(`name`) for anything outside the grammar."""
        check_label('stream', stream)
        check_label('variant', variant)
        hour_start(text)
        return cls(stream, variant, text)

    @classmethod
    def holding(cls, stream: str, variant: str, time: datetime) -> 'Hour':
        """The hour in which a segment starting at `time` (timezone-aware) lies."""
        return cls.parse(stream, variant, hour_text(time))

    def __hash__(self) -> int:
        return hash(self.text)  # the made one takes all fields, which is felt

    @property
    def start(self) -> datetime:
        return hour_start(self.text)

    @property
    def end(self) -> datetime:
        return self.start + ONE_HOUR

    @property
    def path(self) -> str:
        return f'{self.stream}/{self.variant}/{self.text}'


@dataclass(frozen=True, slots=True)
class Segment:
    """One immutable piece of a recording, or the tombstone that withdraws one (`withdrawal`).

    A fragment names the hash of its init section (`init`), which is a member of its hour, too (`is_init`).
    """

    hour: Hour
    name: str
    start: datetime
    duration: timedelta
    type: str
    hash: str
    withdrawal: bool = False
    init: str = ''

    @classmethod
    def parse(cls, hour: Hour, name: str) -> 'Segment':
        """The segment, init section or tombstone of that name; raises SegmentError(`name`)."""
        match = NAME.fullmatch(name)
        if not match:
            raise SegmentError('name', f'{shown(name)} is not a segment name')
        kind, init = match.groups()
        if kind is None:
            return cls(hour, name, hour.start, timedelta(), INIT, hash_in(name))
        offset, length = microseconds_in(name)
        start, duration = hour.start + timedelta(microseconds=offset), timedelta(microseconds=length)
        withdrawal = name.endswith(TOMBSTONE_SUFFIX)
        return cls(hour, name, start, duration, kind, hash_in(name), withdrawal, init or '')

    @classmethod
    def named(
        cls,
        stream: str,
        variant: str,
        *,
        start: datetime,
        duration: timedelta,
        kind: str,
        content: str,
        init: str = '',
    ) -> 'Segment':
        """The segment of these values in their shortest spelling, the same on every node.

        `start` is timezone-aware, `kind` is one of TYPES, `content` the SHA-256 as `digest.sha256` gives it.
        With `init`, the SHA-256 of its init section, it is a fragment.
        """
        start = start.astimezone(UTC)
        hashes = f'{init}-{content}{FRAGMENT_SUFFIX}' if init else f'{content}{SEGMENT_SUFFIX}'
        name = f'{_offset_text(start)}-{_seconds_text(duration)}-{kind}-{hashes}'
        return cls.parse(Hour.holding(stream, variant, start), name)

    @classmethod
    def init_section(cls, hour: Hour, content: str) -> 'Segment':
        """The init section with this SHA-256, as a member of the hour."""
        return cls.parse(hour, init_name(content))

    def __hash__(self) -> int:
        return hash(self.name)  # the made one takes all fields, which is felt

    @property
    def path(self) -> str:
        return f'{self.hour.path}/{self.name}'

    @property
    def end(self) -> datetime:
        return self.start + self.duration

    @property
    def is_init(self) -> bool:
        """Whether it is an init section, which has no time."""
        return self.type == INIT

    @property
    def needs(self) -> 'Segment | None':
        """The init section without which it cannot be played; None of a transport stream."""
        return Segment.init_section(self.hour, self.init) if self.init else None

    def is_twin_of(self, other: 'Segment') -> bool:
        """Whether two captures took the same content at nearly the same time (at most 1 ms apart)."""
        return (
            self.hash == other.hash
            and self.init == other.init
            and self.duration == other.duration
            and not (self.withdrawal or other.withdrawal)
            and abs(self.start - other.start) <= TWIN_TOLERANCE
        )


def check_label(what: str, text: str) -> str:
    """A stream or variant name as it is; raises SegmentError(`name`) if it is none."""
    if not LABEL.fullmatch(text):
        raise SegmentError(
            'name',
            f'{what} {shown(text)} is not a name: use 1 to 100 of A-Z a-z 0-9 . _ - without a leading dot',
        )
    return text


@lru_cache(maxsize=65_536)
def hour_start(text: str) -> datetime:
    """The start of an hour named `%Y-%m-%dT%H`, in UTC, from 1970 to 9998; raises SegmentError(`name`)."""
    try:
        if not HOUR.fullmatch(text) or not '1970' <= text[:4] < '9999':
            raise ValueError
        return datetime(int(text[:4]), int(text[5:7]), int(text[8:10]), int(text[11:]), tzinfo=UTC)
    except ValueError:
        raise SegmentError('name', f'hour {shown(text)} is not YYYY-MM-DDTHH') from None


def hour_text(time: datetime) -> str:
    """The name of the hour folder that holds `time` (timezone-aware)."""
    time = time.astimezone(UTC)
    return f'{time.year:04}-{time.month:02}-{time.day:02}T{time.hour:02}'


def is_name(name: str) -> bool:
    """Whether `Segment.parse` would take it; ten times cheaper than parsing."""
    return NAME.fullmatch(name) is not None


def is_label(text: str) -> bool:
    """Whether it can name a stream or a variant."""
    return LABEL.fullmatch(text) is not None


def is_hour(text: str) -> bool:
    """Whether it can name an hour."""
    try:
        hour_start(text)
    except SegmentError:
        return False
    return True


def is_tombstone(name: str) -> bool:
    return name.endswith(TOMBSTONE_SUFFIX)


def is_init(name: str) -> bool:
    """Whether a name that is one is that of an init section."""
    return name.endswith(INIT_SUFFIX)


def media_type(name: str) -> str:
    """The media type of what has this name; for tombstones it is that of a transport stream."""
    return MEDIA_TYPES.get(name[-4:], MEDIA_TYPES[SEGMENT_SUFFIX])


def tombstone_name(name: str) -> str:
    """The name of the tombstone that withdraws the segment `name`."""
    return name.rpartition('.')[0] + TOMBSTONE_SUFFIX


def init_name(content: str) -> str:
    """The name of the init section with this SHA-256, in each hour."""
    return f'00:00-0-{INIT}-{content}{INIT_SUFFIX}'


def init_in(name: str) -> str:
    """The hash of the init section that a name which is one needs; '' if it is that of no fragment."""
    return name[_INIT_IN_NAME] if name.endswith(FRAGMENT_SUFFIX) else ''


def hash_in(name: str) -> str:
    """The 43 characters of the hash in a name that is one; a tenth of the cost of parsing it."""
    return name.rpartition('.')[0][-43:]


def microseconds_in(name: str) -> tuple[int, int]:
    """The start within the hour and the duration in a name that is one; a fifth of the cost of parsing it."""
    offset, seconds, _ = name.split('-', 2)
    start = int(offset[:2]) * 60_000_000 + int(offset[3:5]) * 1_000_000
    if len(offset) > 5:
        start += int(offset[6:].ljust(6, '0'))
    return start, _microseconds(seconds)


@lru_cache(maxsize=4096)
def _microseconds(seconds: str) -> int:
    return timedelta(seconds=float(seconds)) // timedelta(microseconds=1)


def without_withdrawn(names: Collection[str]) -> set[str]:
    """The names less the segments whose tombstone is among them; the tombstones stay."""
    stems = [name.removesuffix(TOMBSTONE_SUFFIX) for name in names if is_tombstone(name)]
    return set(names).difference(stem + suffix for stem in stems for suffix in _WITHDRAWABLE)


def shown(text: str, limit: int = 120) -> str:
    """Text from outside, made safe and short enough for a log line or an error message."""
    return ascii(text if len(text) <= limit else text[:limit] + '...')


def _offset_text(start: datetime) -> str:
    fraction = f'.{start.microsecond:06}'.rstrip('0').rstrip('.')
    return f'{start.minute:02}:{start.second:02}{fraction}'


def _seconds_text(duration: timedelta) -> str:
    whole, microseconds = divmod(duration // timedelta(microseconds=1), 1_000_000)
    return f'{whole}.{microseconds:06}'.rstrip('0').rstrip('.')
