"""What the sequence parameter sets of H.264 and H.265 say: the name of the codec, and the size of pictures.

ISO/IEC 14496-10 (H.264) 7.3.2.1, ISO/IEC 23008-2 (H.265) 7.3.2.2; names after RFC 6381 3.3 and ISO/IEC
14496-15 Annex E. No bytes raise: a name that cannot be read is empty, a size None.
"""

from collections.abc import Callable
from typing import TypeVar

Size = tuple[int, int]
_Read = TypeVar('_Read')

_AVC_WITH_CHROMA = frozenset({44, 83, 86, 100, 110, 118, 122, 128, 134, 135, 138, 139, 244})
_CHROMA_UNITS = ((1, 1), (2, 2), (2, 1), (1, 1))
"""Samples of luma to one of chroma, across and down: none, 4:2:0, 4:2:2, 4:4:4."""
_MAX_SIDE = 16_384


def avc(unit: bytes) -> tuple[str, Size | None]:
    """What an SPS of H.264 says, given from its NAL unit's header on."""
    return _read(_avc_name, unit) or '', _read(_avc_size, unit)


def hevc(unit: bytes) -> tuple[str, Size | None]:
    """What an SPS of H.265 says, given from its NAL unit's header on."""
    return _read(_hevc_name, unit) or '', _read(_hevc_size, unit)


class _Bits:
    """Bits read one field after the other; raises ValueError at their end (H.264 7.2, 9.1)."""

    def __init__(self, unit: bytes) -> None:
        raw = unit.replace(b'\0\0\3', b'\0\0')
        self._bits = f'{int.from_bytes(raw, "big"):0{8 * len(raw)}b}' if raw else ''
        self._at = 0

    def fixed(self, count: int) -> int:
        """u(n)"""
        end = self._at + count
        if end > len(self._bits):
            raise ValueError('the bits have come to an end')
        value = int(self._bits[self._at : end], 2) if count else 0
        self._at = end
        return value

    def golomb(self) -> int:
        """ue(v)"""
        zeros = self._bits.find('1', self._at) - self._at
        if zeros < 0:
            raise ValueError('this is no exp-Golomb code')
        self._at += zeros
        return self.fixed(zeros + 1) - 1

    def signed(self) -> int:
        """se(v)"""
        code = self.golomb()
        return (code + 1) // 2 if code & 1 else -(code // 2)


def _read(reader: Callable[[_Bits], _Read], unit: bytes) -> _Read | None:
    try:
        return reader(_Bits(unit))
    except ValueError:
        return None


def _avc_name(bits: _Bits) -> str:
    """Profile, constraints and level, e.g. avc1.64001f."""
    bits.fixed(8)
    return f'avc1.{bits.fixed(24):06x}'


def _avc_size(bits: _Bits) -> Size | None:
    """Width and height after cropping (H.264 7.3.2.1.1 and 7.4.2.1.1)."""
    bits.fixed(8)
    profile = bits.fixed(8)
    bits.fixed(16)
    bits.golomb()
    chroma = _avc_high(bits) if profile in _AVC_WITH_CHROMA else 1
    bits.golomb()
    _avc_order(bits)
    bits.golomb()
    bits.fixed(1)
    width, height = 16 * (bits.golomb() + 1), 16 * (bits.golomb() + 1)
    fields = 1 if bits.fixed(1) else 2
    bits.fixed(1 if fields == 1 else 2)
    horizontal, vertical = _CHROMA_UNITS[chroma]
    return _cropped(bits, (width, height * fields), (horizontal, vertical * fields))


def _avc_high(bits: _Bits) -> int:
    """What only the profiles have that know of other chroma formats; returns chroma_format_idc."""
    chroma = bits.golomb()
    bits.fixed(1 if chroma == 3 else 0)
    bits.golomb()
    bits.golomb()
    bits.fixed(1)
    if bits.fixed(1):
        for number in range(12 if chroma == 3 else 8):
            if bits.fixed(1):
                _skip_scaling(bits, 16 if number < 6 else 64)
    if chroma > 3:
        raise ValueError('there is no such chroma format')
    return chroma


def _skip_scaling(bits: _Bits, count: int) -> None:
    """One scaling list (H.264 7.3.2.1.1.1)."""
    scale = 8
    for _ in range(count):
        scale = (scale + bits.signed()) & 0xFF
        if not scale:
            return


def _avc_order(bits: _Bits) -> None:
    """How the order of pictures is told."""
    kind = bits.golomb()
    if kind == 0:
        bits.golomb()
    elif kind == 1:
        bits.fixed(1)
        bits.golomb()
        bits.golomb()
        for _ in range(bits.golomb()):
            bits.golomb()


def _hevc_name(bits: _Bits) -> str:
    """Profile, compatibility, tier, level and constraints, e.g. hvc1.1.6.L93.90."""
    bits.fixed(24)
    space, tier, profile = bits.fixed(2), bits.fixed(1), bits.fixed(5)
    compatibility = int(f'{bits.fixed(32):032b}'[::-1], 2)
    constraints = bits.fixed(48).to_bytes(6, 'big').rstrip(b'\0')
    level = f'{"LH"[tier]}{bits.fixed(8)}'
    named = f'{["", "A", "B", "C"][space]}{profile}'
    return '.'.join(['hvc1', named, f'{compatibility:X}', level, *(f'{each:X}' for each in constraints)])


def _hevc_size(bits: _Bits) -> Size | None:
    """Width and height in the conformance window (H.265 7.3.2.2.1 and 7.4.3.2.1)."""
    bits.fixed(20)
    layers = bits.fixed(3)
    bits.fixed(1 + 96)
    _skip_layers(bits, layers)
    bits.golomb()
    chroma = bits.golomb()
    if chroma > 3:
        raise ValueError('there is no such chroma format')
    bits.fixed(1 if chroma == 3 else 0)
    return _cropped(bits, (bits.golomb(), bits.golomb()), _CHROMA_UNITS[chroma])


def _skip_layers(bits: _Bits, layers: int) -> None:
    """Profiles and levels of the lower layers of time (H.265 7.3.3)."""
    present = [(bits.fixed(1), bits.fixed(1)) for _ in range(layers)]
    bits.fixed(2 * (8 - layers) if layers else 0)
    for profile, level in present:
        bits.fixed(88 * profile + 8 * level)


def _cropped(bits: _Bits, size: Size, unit: Size) -> Size | None:
    """A size less its cropping window, if it has one; None for a size that no video has."""
    left, right, top, bottom = (bits.golomb() for _ in range(4)) if bits.fixed(1) else (0, 0, 0, 0)
    width, height = size[0] - unit[0] * (left + right), size[1] - unit[1] * (top + bottom)
    return (width, height) if 0 < width <= _MAX_SIDE and 0 < height <= _MAX_SIDE else None
