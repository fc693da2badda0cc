"""What a variant is that is made of another one: `Derived`, in a file or as NAME:HEIGHT:BITRATE."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from common.errors import UsageError
from common.segment import is_label, shown

LEAST_HEIGHT, MOST_HEIGHT = 16, 4320
LEAST_BITS, MOST_BITS = 10_000, 200_000_000

_KEYS = ('name', 'height', 'video_bitrate')
_BITRATE = re.compile('([0-9]{1,9}(?:[.][0-9]{1,3})?)([kM]?)')
_TEXT = re.compile('([^:]*):([0-9]{1,6}):([^:]*)')
_UNITS = {'': 1, 'k': 1_000, 'M': 1_000_000}


@dataclass(frozen=True, slots=True)
class Derived:
    """A variant of that name and height in pixels; `video_bitrate` is text such as `600k` or `1.5M`.

    Made by hand, it is checked as well: raises UsageError.
    """

    name: str
    height: int
    video_bitrate: str

    def __post_init__(self) -> None:
        if not is_label(self.name):
            raise UsageError(
                f'the name {shown(self.name)} is not allowed: use 1 to 100 of A-Z a-z 0-9 . _ - without a '
                'leading dot'
            )
        if not LEAST_HEIGHT <= self.height <= MOST_HEIGHT or self.height % 2:
            raise UsageError(
                f'{self.name}: the height {self.height} is not allowed: give an even number from '
                f'{LEAST_HEIGHT} to {MOST_HEIGHT}'
            )
        if not LEAST_BITS <= self.bits_per_second <= MOST_BITS:
            raise UsageError(
                f'{self.name}: the video_bitrate {shown(self.video_bitrate)} is not allowed: give bits a '
                'second from 10k to 200M, such as 600k or 1.5M'
            )

    @property
    def bits_per_second(self) -> int:
        """Of the video; 0 if the text cannot be read."""
        found = _BITRATE.fullmatch(self.video_bitrate)
        return round(float(found[1]) * _UNITS[found[2]]) if found else 0

    @classmethod
    def parse(cls, text: str) -> 'Derived':
        """From NAME:HEIGHT:BITRATE, such as `360p:360:600k`; raises UsageError."""
        parts = _TEXT.fullmatch(text)
        if not parts:
            raise UsageError(f'{shown(text)} is not NAME:HEIGHT:BITRATE, such as 360p:360:600k')
        return cls(parts[1], int(parts[2]), parts[3])

    @classmethod
    def read(cls, table: object, where: str) -> 'Derived':
        """From a table with name, height and video_bitrate; raises UsageError that says `where` it stands."""
        if not isinstance(table, Mapping) or set(table) != set(_KEYS):
            raise UsageError(
                f'{where}: give {{name = "360p", height = 360, video_bitrate = "600k"}}, no more and no less'
            )
        name, height, bitrate = (table[key] for key in _KEYS)
        if not isinstance(name, str) or type(height) is not int or not isinstance(bitrate, str):
            raise UsageError(f'{where}: name and video_bitrate are text, height is a whole number')
        try:
            return cls(name, height, bitrate)
        except UsageError as error:
            raise UsageError(f'{where}: {error}') from None


def read_all(tables: object, where: str, *, sources: Iterable[str] = ('source',)) -> tuple[Derived, ...]:
    """The list of tables as it stands in a file; raises UsageError."""
    if not isinstance(tables, list):
        raise UsageError(f'{where}: give a list of tables')
    return distinct(
        [Derived.read(table, f'{where}[{at}]') for at, table in enumerate(tables)], where, sources
    )


def distinct(found: Sequence[Derived], where: str, sources: Iterable[str]) -> tuple[Derived, ...]:
    """The same, if each has a name of its own that is none of the `sources`; raises UsageError."""
    names = [*sources, *(each.name for each in found)]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f'{where}: two variants are called {name}: give each a name of its own')
    return tuple(found)
