"""Several segments of an hour as one stream: a tar archive (POSIX.1-1988, ustar) in its plainest form.

Each member is a regular file named by the bare name of its segment. The names of fragments do not fit the 100
bytes of the header: an extended header before it (POSIX.1-2001, pax) says nothing but the whole name. The
reader takes that form and nothing else: no folders, links, devices, other extended headers or sizes in other
notations, no name that was not asked for, and none twice.
"""

import re
from collections.abc import Callable, Collection, Iterator
from typing import NamedTuple

from common.errors import BatchError
from common.segment import shown

BLOCK_BYTES = 512
END = bytes(2 * BLOCK_BYTES)
CONTENT_TYPE = 'application/x-tar'

MOST_NAMES = 1000
"""So many names one request may ask for."""

MOST_TITLE = 255
"""Characters of a name: what file systems take."""

BUFFER_BYTES = 512 * 1024
MOST_KEPT_BYTES = 4 * 1024 * 1024

ReadInto = Callable[[memoryview], int]
"""Fills a buffer from its start with what there is, and returns how many bytes that was: 0 at the end."""

_NAME = slice(0, 100)
_SIZE = slice(124, 136)
_CHECKSUM = slice(148, 156)
_TYPE = slice(156, 157)
_MAGIC = slice(257, 265)
_DEVICE = slice(329, 345)
_PREFIX = slice(345, 512)
_LINK = slice(157, 257)
_REGULAR = b'0'
_EXTENDED = b'x'
_EXTENDED_NAME = b'././@PaxHeader'
_RECORD = re.compile(rb'[0-9]{1,3} path=([ -~]{1,255})\n\0*')
_USTAR = b'ustar\x0000'

_BLANK = b''.join(
    (
        bytes(100),
        b'0000644\0' + b'0000000\0' * 2,  # mode, owner, group
        bytes(12),
        b'00000000000\0',  # time
        b' ' * 8,
        _REGULAR,
        bytes(100),
        _USTAR,
        bytes(247),
    )
)
"""A header without name, size and checksum; the checksum takes its own field as spaces."""

_BLANK_SUM = sum(_BLANK)


class Member(NamedTuple):
    """A whole member of a stream; its body is good until the next member is asked for."""

    name: str
    body: memoryview


def header(name: str, size_bytes: int) -> bytes:
    """The header of a member, or two for a long name; raises ValueError if name or size do not fit."""
    title, size = name.encode('ascii'), f'{size_bytes:011o}'.encode()
    if len(title) > MOST_TITLE or len(size) > 11:
        raise ValueError(f'{shown(name)} with {size_bytes} bytes does not fit a tar header')
    if len(title) > _NAME.stop:
        return _extended(title) + _header(title[_NAME], size)
    return _header(title, size)


def _header(title: bytes, size: bytes, kind: bytes = _REGULAR) -> bytes:
    checksum = _BLANK_SUM - sum(_REGULAR) + sum(kind) + sum(title) + sum(size)
    before, between, after = _BLANK[len(title) : 124], _BLANK[135:148], _BLANK[157:]
    return b''.join((title, before, size, between, f'{checksum:06o}\0 '.encode(), kind, after))


def _extended(title: bytes) -> bytes:
    """The extended header that gives the next member this name."""
    record = _record(title)
    head = _header(_EXTENDED_NAME, b'%011o' % len(record), _EXTENDED)
    return head + record.ljust(BLOCK_BYTES, b'\0')


def _record(title: bytes) -> bytes:
    """It begins with its own length: of three digits, because shorter names need none."""
    return b'%d path=%b\n' % (len(b'123 path=\n') + len(title), title)


def padding(size_bytes: int) -> bytes:
    """The zeros between a body of this size and the next header."""
    return bytes(-size_bytes % BLOCK_BYTES)


def member_bytes(name: str, size_bytes: int) -> int:
    """What a member of this name with a body of this size takes in the stream."""
    return header_bytes(name) + size_bytes + -size_bytes % BLOCK_BYTES


def header_bytes(name: str) -> int:
    """What its header takes."""
    return 3 * BLOCK_BYTES if len(name) > _NAME.stop else BLOCK_BYTES


class Buffer:
    """Where a stream is read into, and taken from in pieces, so that nearly nothing is copied.

    It serves one stream after the other: a new one for each would cost the system as much as reading does.
    """

    def __init__(self) -> None:
        self._buffer = memoryview(b'')
        self._start = self._end = 0

    def clear(self) -> None:
        """Forgets what is left of a stream, and gives back the room for an uncommonly large piece."""
        self._start = self._end = 0
        if len(self._buffer) > MOST_KEPT_BYTES:
            self._buffer = memoryview(b'')

    def exactly(self, size: int, read: ReadInto) -> memoryview:
        """The next `size` bytes, good until more are asked for; raises BatchError if there are less."""
        if self._start + size > len(self._buffer):
            self._make_room(size)
        while self._end - self._start < size:
            count = read(self._buffer[self._end :])
            if not count:
                raise BatchError('the stream broke off')
            self._end += count
        self._start += size
        return self._buffer[self._start - size : self._start]

    def _make_room(self, size: int) -> None:
        """Puts what was read and not taken at the start, of a larger buffer if need be."""
        rest = bytes(self._buffer[self._start : self._end])
        if size > len(self._buffer):
            self._buffer = memoryview(bytearray(size + BUFFER_BYTES))
        self._start, self._end = 0, len(rest)
        self._buffer[: self._end] = rest


def members(
    read: ReadInto, asked: Collection[str], limit_bytes: int, buffer: Buffer | None = None
) -> Iterator[Member]:
    """The members of a stream, none larger than `limit_bytes`; nobody else may use the buffer meanwhile.

    Raises BatchError as soon as the stream is not as agreed, or ends early; what came before counts.
    """
    buffer, awaited = buffer or Buffer(), set(asked)
    buffer.clear()
    while (head := bytes(buffer.exactly(BLOCK_BYTES, read))) != END[:BLOCK_BYTES]:
        name, size = _told(head, lambda: bytes(buffer.exactly(BLOCK_BYTES, read)))
        if name not in awaited:
            raise BatchError(f'{shown(name)} comes unasked, or a second time')
        if size > limit_bytes:
            raise BatchError(f'{name} has {size} bytes: more than the {limit_bytes} allowed')
        awaited.remove(name)
        yield Member(name, buffer.exactly(size, read))
        buffer.exactly(-size % BLOCK_BYTES, read)
    if buffer.exactly(BLOCK_BYTES, read) != END[:BLOCK_BYTES]:
        raise BatchError('the stream does not end as a tar archive does')


def _told(head: bytes, next_block: Callable[[], bytes]) -> tuple[str, int]:
    """Name and size of a member, which may have an extended header; raises BatchError."""
    if head[_TYPE] != _EXTENDED:
        return _decoded(head)
    name = _long_name(head, next_block())
    short, size = _decoded(next_block())
    if short != name[_NAME]:
        raise BatchError(f'{shown(name)} is the name of another member')
    return name, size


def _long_name(head: bytes, block: bytes) -> str:
    """The name that an extended header gives; raises BatchError for one that says anything else."""
    _, size = _decoded(head, _EXTENDED)
    found = _RECORD.fullmatch(block)
    if not found or _record(found[1]).ljust(BLOCK_BYTES, b'\0') != block or size != len(_record(found[1])):
        raise BatchError(f'{shown(repr(block[:40]))} is no record of a name')
    return found[1].decode('ascii')


def _decoded(head: bytes, kind: bytes = _REGULAR) -> tuple[str, int]:
    """Name and size of a member of that type; raises BatchError for anything but a plain file of ours."""
    try:
        stated = int(head[_CHECKSUM].rstrip(b'\0 '), 8)
        plain = (head[_TYPE], head[_MAGIC]) == (kind, _USTAR) and not head[_LINK].strip(b'\0')
        name, size = head[_NAME].rstrip(b'\0').decode('ascii'), _octal(head[_SIZE])
    except ValueError:
        raise BatchError(f'{shown(repr(head[:40]))} is no header of a tar archive') from None
    if stated != _checksum(head):
        raise BatchError(f'the header of {shown(name)} is damaged')
    if not plain or head[_DEVICE].strip(b'\x000') or head[_PREFIX].strip(b'\0'):
        raise BatchError(f'{shown(name)} is no plain file')
    return name, size


def _octal(field: bytes) -> int:
    """A size; raises ValueError for signs, spaces inside and the base-256 notation of GNU tar."""
    digits = field.rstrip(b'\0 ')
    if not digits.isdigit():
        raise ValueError
    return int(digits, 8)


def _checksum(block: bytes | bytearray) -> int:
    """The sum of all bytes with the checksum's own field taken as spaces."""
    return sum(block) - sum(block[_CHECKSUM]) + 8 * ord(' ')
