"""The beginning of an MPEG transport stream: when it begins, and what a decoder has to know of it.

Pure functions of bytes. They raise on no bytes whatever, look at each packet at most once for each table or
stream that they seek, and stop at what they sought. Only plain packets of 188 bytes are read: 192 (with a
time code) and 204 (with parity) are no transport stream here.

Sections and figures are those of ISO/IEC 13818-1:2019: 2.4.3 packets and PES, 2.4.4 tables, Annex A the CRC.
"""

from binascii import crc32
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from common.video import codecs
from common.video.codecs import Kind
from common.video.packets import is_transport_stream, length_at, pid_at, sections, units

TICKS_PER_SECOND = 90_000

_PAT_PID = 0
_PAT_TABLE, _PMT_TABLE = 0, 2
_CRC_BYTES = 4
_PES_HEAD_BYTES = 9
_WRAP = 1 << 33

_MIRRORED = bytes(int(f'{each:08b}'[::-1], 2) for each in range(256))
"""Each byte with its bits in reverse: the CRC of these tables is that of zip, read the other way round."""


@dataclass(frozen=True, slots=True)
class Opening:
    """How a segment begins.

    `pts` is the presentation time, in ticks of 90 kHz modulo 2**33, of the first video in order of decoding
    (of the audio if the program has no video); None if none stands in the bytes given.
    `parameters` differ if and only if the program map or the first parameter sets do; empty if they cannot
    be told from the bytes given, which then cannot be compared. Equal ones are mostly the same object.
    """

    pts: int | None
    parameters: bytes

    @property
    def is_complete(self) -> bool:
        return self.pts is not None and bool(self.parameters)


@dataclass(frozen=True, slots=True)
class Media:
    """What a master playlist says of a variant (RFC 8216 4.3.4.2).

    `codecs` are in the order of the program map, each once, streams that are neither video nor audio left
    out. They are empty while one is not known: half a list would promise players less than there is. Of each
    kind of stream the first speaks for all.
    `resolution` is width and height as shown.
    """

    codecs: tuple[str, ...]
    resolution: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class _Stream:
    pid: int
    kind: Kind


@dataclass(frozen=True, slots=True)
class _Program:
    """A program map; `lead` is the stream whose times count."""

    text: bytes
    streams: tuple[_Stream, ...]
    lead: _Stream | None


def opening(data: bytes) -> Opening | None:
    """How a segment begins, told from its first bytes; None if they are no transport stream, or too few."""
    if not is_transport_stream(data):
        return None
    program = _program(data)
    if program is None or program.lead is None:
        return Opening(None, program.text if program else b'')
    pts, found = _lead(data, program.lead)
    return Opening(pts, b'' if found is None else _joined(program.text, *found))


def ticks_between(earlier: int, later: int) -> int:
    """From one time to another the shortest way round, for times wrap at 2**33; negative if it goes back."""
    return (later - earlier + _WRAP // 2) % _WRAP - _WRAP // 2


def media(data: bytes) -> Media | None:
    """What is in a segment, told from its first bytes; None if they are no transport stream, or too few."""
    if not is_transport_stream(data):
        return None
    program = _program(data)
    if program is None:
        return Media((), None)
    first_of_kind: dict[Kind, _Stream] = {}
    for stream in program.streams:
        first_of_kind.setdefault(stream.kind, stream)
    told = [_described(data, stream) for stream in first_of_kind.values()]
    names = tuple(name for name, _ in told)
    return Media(names if all(names) else (), next((size for _, size in told if size), None))


def has_video(data: bytes) -> bool:
    """Whether the program map in a segment's first bytes names video of a kind that is known here."""
    program = _program(data)
    return program is not None and program.lead is not None and program.lead.kind in codecs.VIDEO


def _lead(data: bytes, stream: _Stream) -> tuple[int | None, tuple[bytes, ...] | None]:
    """The first time of a stream and what it says of itself, or None for what is not there."""
    pts: int | None = None
    found: tuple[bytes, ...] | None = None if stream.kind in codecs.SPEAKING else ()
    for unit, whole in units(data, stream.pid):
        if pts is None:
            pts = _pts(unit)
        if found is None:
            found = codecs.parameters(stream.kind, _content(unit), whole) or None
        if pts is not None and found is not None:
            break
    return pts, found


def _described(data: bytes, stream: _Stream) -> tuple[str, tuple[int, int] | None]:
    """The name of a stream's codec, empty if it is not known, and its width and height if it is video."""
    if stream.kind not in codecs.SPEAKING:
        return codecs.described(stream.kind, ())
    for unit, whole in units(data, stream.pid):
        if found := codecs.parameters(stream.kind, _content(unit), whole):
            return codecs.described(stream.kind, found)
    return '', None


@lru_cache(maxsize=256)
def _joined(text: bytes, *found: bytes) -> bytes:
    """Kept, so that a day of equal segments holds its parameters once."""
    return b'\0\0\1'.join((text, *found))


def _pts(unit: bytes) -> int | None:
    """The presentation time in a PES header (2.4.3.7), if it has one."""
    if len(unit) < _PES_HEAD_BYTES + 5 or not unit[7] & 0x80 or unit[6] & 0xC0 != 0x80:
        return None
    if unit[8] < 5 or not unit.startswith(b'\0\0\1'):
        return None
    field = int.from_bytes(unit[9:14], 'big')  # 4 bits of flags, 3 of time, 1 marker, 15, 1, 15, 1
    return field >> 3 & 0x1C0000000 | field >> 2 & 0x3FFF8000 | field >> 1 & 0x7FFF


def _content(unit: bytes) -> bytes:
    """What follows the PES header; nothing if it is no PES."""
    if len(unit) < _PES_HEAD_BYTES or not unit.startswith(b'\0\0\1'):
        return b''
    return unit[_PES_HEAD_BYTES + unit[8] :]


def _program(data: bytes) -> _Program | None:
    """The first program of the first table that is whole."""
    for pat in sections(data, _PAT_PID):
        if where := _first_program(pat):
            number, pid = where
            maps = (_program_map(section, number) for section in sections(data, pid))
            return next(filter(None, maps), None)
    return None


@lru_cache(maxsize=64)
def _first_program(section: bytes) -> tuple[int, int] | None:
    """The number and the PID of the map of the first program of a PAT (2.4.4.3)."""
    if not _is_valid(section, _PAT_TABLE):
        return None
    for at in range(8, len(section) - _CRC_BYTES - 3, 4):
        if number := section[at] << 8 | section[at + 1]:
            return number, pid_at(section, at + 2)
    return None


@lru_cache(maxsize=256)
def _program_map(section: bytes, number: int) -> _Program | None:
    """A PMT (2.4.4.8) if it is whole and that of this program; its text goes without version and CRC."""
    if not _is_valid(section, _PMT_TABLE) or section[3] << 8 | section[4] != number:
        return None
    text = section[3:5] + section[8:-_CRC_BYTES]
    streams = tuple(_streams(section))
    pictures = [each for each in streams if each.kind in codecs.VIDEO]
    return _Program(text, streams, next(iter(pictures or streams), None))


def _streams(section: bytes) -> Iterator[_Stream]:
    """The video and audio of a PMT."""
    end = len(section) - _CRC_BYTES
    at = 12 + length_at(section, 10) if end >= 12 else end
    while at + 5 <= end:
        after = at + 5 + length_at(section, at + 3)
        kind = codecs.kind_of(section[at], section[at + 5 : after])
        if kind:
            yield _Stream(pid_at(section, at + 1), kind)
        at = after


def _is_valid(section: bytes, table: int) -> bool:
    """Whether it is such a table, in force (current_next_indicator), with a CRC that is right."""
    return (
        len(section) >= 8 + _CRC_BYTES
        and section[0] == table
        and bool(section[5] & 1)
        and crc32(section.translate(_MIRRORED)) == 0xFFFFFFFF
    )
