"""What elementary streams say of themselves: their codecs as RFC 6381 names them, and the size of pictures.

Pure functions of bytes that raise on none. Types of streams are those of ISO/IEC 13818-1:2019 table 2-34,
of ATSC A/52 Annex A (AC-3) and, by descriptor, of ETSI EN 300 468 Annex D. Video is named by its SPS, audio
by the object types of ISO/IEC 14496-3 table 1.17 (RFC 6381 3.3). ADTS cannot say that AAC is HE-AAC: the
name is then that of the AAC-LC in it.
"""

import re
from enum import StrEnum, auto

from common.video import sps
from common.video.sps import Size


class Kind(StrEnum):
    """What a stream is, as far as the program map tells."""

    H264 = auto()
    H265 = auto()
    OTHER_VIDEO = auto()
    ADTS = auto()
    MPEG_AUDIO = auto()
    AC3 = auto()
    EAC3 = auto()
    OTHER_AUDIO = auto()


VIDEO = frozenset({Kind.H264, Kind.H265, Kind.OTHER_VIDEO})
SPEAKING = frozenset({Kind.H264, Kind.H265, Kind.ADTS, Kind.MPEG_AUDIO})
"""The kinds whose streams have to be read to be described."""

_TYPES = {
    0x01: Kind.OTHER_VIDEO,  # MPEG-1
    0x02: Kind.OTHER_VIDEO,  # MPEG-2
    0x03: Kind.MPEG_AUDIO,
    0x04: Kind.MPEG_AUDIO,
    0x0F: Kind.ADTS,
    0x10: Kind.OTHER_VIDEO,  # MPEG-4 part 2
    0x11: Kind.OTHER_AUDIO,  # LATM
    0x1B: Kind.H264,
    0x24: Kind.H265,
    0x33: Kind.OTHER_VIDEO,  # H.266
    0x81: Kind.AC3,
    0x87: Kind.EAC3,
}
_PRIVATE = 0x06
_REGISTRATION = 0x05
_DESCRIBED = {0x6A: Kind.AC3, 0x7A: Kind.EAC3, 0x7B: Kind.OTHER_AUDIO, 0x7C: Kind.OTHER_AUDIO}
_REGISTERED = {
    b'AC-3': Kind.AC3,
    b'EAC3': Kind.EAC3,
    b'HEVC': Kind.H265,
    b'Opus': Kind.OTHER_AUDIO,
    b'AV01': Kind.OTHER_VIDEO,
}

_START = b'\0\0\1'
_OTHER, _PICTURE, _VPS, _SPS, _PPS = range(5)
_ROLES_H264 = {**dict.fromkeys(range(1, 6), _PICTURE), 7: _SPS, 8: _PPS}
_ROLES_H265 = {**dict.fromkeys(range(32), _PICTURE), 32: _VPS, 33: _SPS, 34: _PPS}
_ROLES = {
    Kind.H264: bytes(_ROLES_H264.get(first & 0x1F, _OTHER) for first in range(256)),
    Kind.H265: bytes(_ROLES_H265.get(first >> 1 & 0x3F, _OTHER) for first in range(256)),
}
"""What a NAL unit is by its first byte: H.264 table 7-1, H.265 table 7-1."""


_AUDIO_HEADS = {
    Kind.ADTS: re.compile(rb'\xff[\xf0\xf1\xf8\xf9]..', re.DOTALL),  # ISO/IEC 14496-3 1.A.2: layer is 0
    Kind.MPEG_AUDIO: re.compile(rb'\xff[\xe2-\xe7\xf2-\xf7\xfa-\xff]..', re.DOTALL),  # 11172-3 2.4.1.3
}


def kind_of(stream_type: int, descriptors: bytes) -> Kind | None:
    """What a stream of a program map is; None if it is neither video nor audio, or not known."""
    return _private(descriptors) if stream_type == _PRIVATE else _TYPES.get(stream_type)


def parameters(kind: Kind, stream: bytes, whole: bool) -> tuple[bytes, ...]:
    """What has to be the same for a decoder to go on; empty if `stream` does not hold all of it.

    Of video the parameter sets before the first picture, of audio what its first header says for all frames.
    `whole` says that the last unit in `stream` ends where that ends.
    """
    if kind in _ROLES:
        return _parameter_sets(_ROLES[kind], stream, whole)
    head = _AUDIO_HEADS[kind].search(stream)
    if not head:
        return ()
    _, second, third, fourth = head[0]
    if kind is Kind.MPEG_AUDIO:
        return (bytes((second & 0x1E, third & 0x0C)),)  # version, layer, sampling rate; not the bit rate
    return (bytes((third & 0xFD, fourth & 0xC0)),)  # object type, sampling rate, channels


def described(kind: Kind, found: tuple[bytes, ...]) -> tuple[str, Size | None]:
    """The name of a codec from its `parameters`, empty if it has none here, and the size of its pictures."""
    if kind in _ROLES:
        first = next(each for each in found if _ROLES[kind][each[0]] == _SPS)
        return sps.avc(first) if kind is Kind.H264 else sps.hevc(first)
    if kind is Kind.ADTS:
        return f'mp4a.40.{(found[0][0] >> 6) + 1}', None
    if kind is Kind.MPEG_AUDIO:
        return f'mp4a.40.{35 - (found[0][0] >> 1 & 3)}', None  # layer III, II and I are 1, 2 and 3 there
    return {Kind.AC3: 'ac-3', Kind.EAC3: 'ec-3'}.get(kind, ''), None


def _private(descriptors: bytes) -> Kind | None:
    """What a stream of private data is, by the first descriptor that tells."""
    at = 0
    while at + 2 <= len(descriptors):
        tag, after = descriptors[at], at + 2 + descriptors[at + 1]
        known = _DESCRIBED.get(tag)
        if tag == _REGISTRATION:
            known = _REGISTERED.get(descriptors[at + 2 : at + 6])
        if known:
            return known
        at = after
    return None


def _parameter_sets(roles: bytes, stream: bytes, whole: bool) -> tuple[bytes, ...]:
    """The sets before the first picture, or before anything else once there are an SPS and a PPS."""
    found: list[bytes] = []
    seen = set()
    at = stream.find(_START) + 3
    while 3 <= at < len(stream):
        role = roles[stream[at]]
        complete = _SPS in seen and _PPS in seen
        if role == _PICTURE or (role == _OTHER and complete):
            return tuple(found) if complete else ()
        end = stream.find(_START, at)
        if role != _OTHER:
            found.append(stream[at : end if end >= 0 else None].rstrip(b'\0'))
            seen.add(role)
        at = end + 3
    return tuple(found) if whole and _SPS in seen and _PPS in seen else ()
