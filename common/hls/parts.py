"""What a media segment needs besides its URI: its byte range, its key, its media initialisation section.

These lines hold for the segments after them, so what cannot be read raises ValueError when it is asked for.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from common.hls.text import BaseUrl, quoted
from common.segment import shown

USABLE_METHOD = 'AES-128'
USABLE_FORMAT = 'identity'
"""The KEYFORMAT of keys that lie at their URI as they are; others are of systems for digital rights."""

_RANGE = re.compile(r'\s*([0-9]{1,18})\s*(?:@\s*([0-9]{1,18})\s*)?')
_IV = re.compile('0[xX]([0-9A-Fa-f]{1,32})')


@dataclass(frozen=True, slots=True)
class ByteRange:
    """The part of a resource that is meant, in bytes."""

    length: int
    offset: int

    @property
    def end(self) -> int:
        return self.offset + self.length


@dataclass(frozen=True, slots=True)
class Key:
    """What decrypts; `iv` is None where the initialisation vector is the media sequence number."""

    method: str
    uri: str
    iv: bytes | None


@dataclass(frozen=True, slots=True)
class Init:
    """The media initialisation section that segments need (EXT-X-MAP)."""

    uri: str
    part: ByteRange | None = None
    key: Key | None = None


class Ranges:
    """The byte ranges of a playlist (RFC 8216 section 4.3.2.2): one without offset follows the one before."""

    def __init__(self) -> None:
        self._ends: dict[str, int] = {}

    def take(self, uri: str, text: str, *, is_first: bool) -> ByteRange:
        """The range of the next segment; a first one without offset begins the resource."""
        length, offset = _numbers(text)
        if offset is None:
            offset = 0 if is_first else self._ends.get(uri)
        if offset is None:
            raise ValueError('its byte range has no offset, and nothing of that resource is before it')
        self._ends[uri] = offset + length
        return ByteRange(length, offset)


class Keys:
    """The EXT-X-KEY tags that hold now: one for each KEYFORMAT, of which one is enough to decrypt."""

    def __init__(self, base: BaseUrl) -> None:
        self._base = base
        self._formats: dict[str, Key | str] = {}
        self._unread = ''

    def take(self, attributes: Mapping[str, str]) -> None:
        """The attributes of one EXT-X-KEY: METHOD NONE ends all that hold."""
        self._unread = ''
        if attributes.get('METHOD') == 'NONE':
            self._formats.clear()
            return
        try:
            found: Key | str = self._key(attributes)
        except ValueError as error:
            found = str(error)
        self._formats[attributes.get('KEYFORMAT', USABLE_FORMAT)] = found

    def lose(self, line: str) -> None:
        """Nobody knows what holds after a line that cannot be read, until the next one."""
        self._unread = f'{quoted(line)} cannot be read'

    def current(self) -> Key | None:
        """The key of what comes next; raises ValueError if it is encrypted and we cannot have the key."""
        if self._unread:
            raise ValueError(self._unread)
        if not self._formats:
            return None
        found = self._formats.get(USABLE_FORMAT)
        if found is None:
            raise ValueError(f'it is encrypted for {shown(next(iter(self._formats)), 80)}, not for us')
        if isinstance(found, str):
            raise ValueError(found)
        return found

    def _key(self, attributes: Mapping[str, str]) -> Key:
        method = attributes.get('METHOD', '')
        if method != USABLE_METHOD:
            raise ValueError(f'it is encrypted with {shown(method, 40)}, not {USABLE_METHOD}')
        try:
            return Key(method, self._base.absolute(attributes.get('URI', '')), _vector(attributes.get('IV')))
        except ValueError as error:
            raise ValueError(f'its key cannot be had: {error}') from None


class Inits:
    """The EXT-X-MAP that holds now; the key that holds where it stands is its own, too."""

    def __init__(self, base: BaseUrl, keys: Keys) -> None:
        self._base = base
        self._keys = keys
        self._init: Init | None = None
        self._unread = ''

    def take(self, attributes: Mapping[str, str]) -> None:
        """The attributes of one EXT-X-MAP."""
        try:
            uri, part = self._base.absolute(attributes.get('URI', '')), attributes.get('BYTERANGE')
            self._init = Init(uri, _whole_range(part) if part is not None else None, self._keys.current())
            self._unread = ''
        except ValueError as error:
            self._unread = f'its EXT-X-MAP cannot be used: {error}'

    def lose(self, line: str) -> None:
        """Nobody knows what holds after a line that cannot be read, until the next one."""
        self._unread = f'{quoted(line)} cannot be read'

    def current(self) -> Init | None:
        """What comes next needs this; raises ValueError if it needs one that we cannot have."""
        if self._unread:
            raise ValueError(self._unread)
        return self._init


def _whole_range(text: str) -> ByteRange:
    length, offset = _numbers(text)
    return ByteRange(length, offset or 0)


def _numbers(text: str) -> tuple[int, int | None]:
    found = _RANGE.fullmatch(text)
    if not found or not int(found[1]):
        raise ValueError(f'{shown(text, 40)} is no byte range')
    return int(found[1]), int(found[2]) if found[2] is not None else None


def _vector(text: str | None) -> bytes | None:
    if text is None:
        return None
    found = _IV.fullmatch(text)
    if not found:
        raise ValueError(f'{shown(text, 60)} is no initialisation vector of 128 bits')
    return bytes.fromhex(found[1].rjust(32, '0'))
