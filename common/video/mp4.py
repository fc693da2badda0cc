"""What the init section of fragmented MP4 says of its tracks, and when a fragment begins.

ISO/IEC 14496-12 (boxes, sample entries), 14496-14 (esds), 14496-15 (avcC, hvcC); names after RFC 6381 3.3.
Pure functions of bytes that raise on none: what cannot be read is not told.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from common.video import sps
from common.video.mpegts import TICKS_PER_SECOND, Media, Opening
from common.video.sps import Size

Timescales = Mapping[int, int]
"""Ticks a second of each track, by its id."""

_MOST_BOXES = 1000
_CLOCK = 1 << 33
_VISUAL_BYTES, _AUDIO_BYTES = 78, 28
"""Of a sample entry before the boxes in it (14496-12 12.1.3 and 12.2.3)."""

_BY_NAME = {b'ac-3': 'ac-3', b'ec-3': 'ec-3', b'Opus': 'opus', b'fLaC': 'fLaC'}
_H264, _H265 = (b'avc1', b'avc3'), (b'hvc1', b'hev1')
_ES, _CONFIG, _SPECIFIC = 3, 4, 5
_AAC = 0x40
_SPS_H265 = 33


class _Box(NamedTuple):
    kind: bytes
    body: bytes


@dataclass(frozen=True, slots=True)
class _Track:
    """What kind of track it is (`vide`, `soun` or others), and its first sample entry."""

    handler: bytes
    entry: _Box


def timescales(section: bytes) -> Timescales:
    """Of the tracks of an init section."""
    found = {}
    for trak in _all(section, b'moov', b'trak'):
        track = _field(_first(trak, b'tkhd'), 12, 20)
        scale = _field(_first(trak, b'mdia', b'mdhd'), 12, 20)
        if track and scale:
            found[track] = scale
    return found


def opening(scales: Timescales, data: bytes) -> Opening | None:
    """How a fragment begins, of which its first bytes are given: its first decode time, as the time of TS.

    Other codec parameters are another init section, so none are told here. None if it cannot be told.
    """
    for traf in _all(data, b'moof', b'traf'):
        head, time = _first(traf, b'tfhd'), _first(traf, b'tfdt')
        scale = scales.get(int.from_bytes(head[4:8], 'big'))
        size = 8 if time[:1] == b'\1' else 4
        if scale and len(time) >= 4 + size:
            ticks = int.from_bytes(time[4 : 4 + size], 'big') * TICKS_PER_SECOND // scale
            return Opening(ticks % _CLOCK, b'')
    return None


def media(section: bytes) -> Media | None:
    """What an init section says of its video and audio; None if it is none."""
    first_of_kind: dict[tuple[bytes, bytes], _Track] = {}
    for track in _tracks(section):
        first_of_kind.setdefault((track.handler, track.entry.kind), track)
    if not first_of_kind:
        return None
    told = [_described(track) for track in first_of_kind.values()]
    names = tuple(dict.fromkeys(name for name, _ in told))
    return Media(names if all(names) else (), next((size for _, size in told if size), None))


def _tracks(section: bytes) -> Iterator[_Track]:
    for trak in _all(section, b'moov', b'trak'):
        handler = _first(trak, b'mdia', b'hdlr')[8:12]
        entries = _first(trak, b'mdia', b'minf', b'stbl', b'stsd')[8:]
        if handler in (b'vide', b'soun'):
            yield _Track(handler, next(_boxes(entries), _Box(b'', b'')))


def _described(track: _Track) -> tuple[str, Size | None]:
    """The name of its codec, empty if it is not known, and the size of its pictures."""
    kind, body = track.entry
    if track.handler == b'soun':
        named = _mp4a(_first(body[_AUDIO_BYTES:], b'esds')) if kind == b'mp4a' else _BY_NAME.get(kind, '')
        return named, None
    inside = body[_VISUAL_BYTES:]
    name, size = '', None
    if kind in _H264:
        name, size = sps.avc(_avc_set(_first(inside, b'avcC')))
    elif kind in _H265:
        name, size = sps.hevc(_hevc_set(_first(inside, b'hvcC')))
    return name and kind.decode() + name[4:], size or _stated(body)


def _stated(entry: bytes) -> Size | None:
    """The size in a visual sample entry."""
    width, height = int.from_bytes(entry[24:26], 'big'), int.from_bytes(entry[26:28], 'big')
    return (width, height) if width and height else None


def _avc_set(record: bytes) -> bytes:
    """The first SPS of an AVCDecoderConfigurationRecord (14496-15 5.3.3.1)."""
    return _sized(record, 6) if len(record) > 6 and record[5] & 0x1F else b''


def _hevc_set(record: bytes) -> bytes:
    """The first SPS of an HEVCDecoderConfigurationRecord (14496-15 8.3.3.1)."""
    at = 23
    for _ in range(record[22] if len(record) > 22 else 0):
        kind, count = record[at : at + 1], int.from_bytes(record[at + 1 : at + 3], 'big')
        at += 3
        if kind and kind[0] & 0x3F == _SPS_H265 and count:
            return _sized(record, at)
        for _ in range(count):
            at += 2 + len(_sized(record, at))
            if at >= len(record):
                return b''
    return b''


def _sized(record: bytes, at: int) -> bytes:
    """What follows its length in two bytes."""
    return record[at + 2 : at + 2 + int.from_bytes(record[at : at + 2], 'big')]


def _mp4a(esds: bytes) -> str:
    """The object type, and that of the audio in it (14496-1 7.2.6): e.g. mp4a.40.2."""
    stream = _descriptor(esds[4:], _ES)
    if len(stream) < 3:
        return ''
    flags = stream[2]
    at = 3 + (2 if flags & 0x80 else 0)
    at += 1 + stream[at] if flags & 0x40 and at < len(stream) else 0
    config = _descriptor(stream[at + (2 if flags & 0x20 else 0) :], _CONFIG)
    if not config:
        return ''
    if config[0] != _AAC:
        return f'mp4a.{config[0]:02X}'
    specific = _descriptor(config[13:], _SPECIFIC)
    if len(specific) < 2:
        return ''
    first = specific[0] >> 3
    kind = first if first < 31 else 32 + ((specific[0] & 7) << 3 | specific[1] >> 5)
    return f'mp4a.40.{kind}'


def _descriptor(data: bytes, tag: int) -> bytes:
    """The body of a descriptor that stands at the beginning; nothing if it is another one (14496-1 8.3.3)."""
    if data[:1] != bytes([tag]):
        return b''
    size = 0
    for at, byte in enumerate(data[1:5], 2):
        size = size << 7 | byte & 0x7F
        if not byte & 0x80:
            return data[at : at + size]
    return b''


def _field(body: bytes, of_version_0: int, of_version_1: int) -> int:
    """Four bytes of a full box, which lie elsewhere where its times have eight; 0 if they are not there."""
    at = of_version_1 if body[:1] == b'\1' else of_version_0
    return int.from_bytes(body[at : at + 4], 'big') if len(body) >= at + 4 else 0


def _first(data: bytes, *path: bytes) -> bytes:
    """The body of the first box of that path; nothing if there is none."""
    return next(_all(data, *path), b'')


def _all(data: bytes, *path: bytes) -> Iterator[bytes]:
    """The bodies of the boxes of that path; of the containers on the way the first of each kind counts."""
    *containers, kind = path
    for each in containers:
        data = next((body for found, body in _boxes(data) if found == each), b'')
    return (body for found, body in _boxes(data) if found == kind)


def _boxes(data: bytes) -> Iterator[_Box]:
    """The boxes that follow each other (14496-12 4.2); the last may be cut off."""
    at = 0
    for _ in range(_MOST_BOXES):
        size, kind, head = int.from_bytes(data[at : at + 4], 'big'), data[at + 4 : at + 8], 8
        if size == 1:
            size, head = int.from_bytes(data[at + 8 : at + 16], 'big'), 16
        end = at + size if size else len(data)
        if len(data) < at + head or end < at + head:
            return
        yield _Box(kind, data[at + head : end])
        at = end
