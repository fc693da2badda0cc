"""Parameter sets that no encoder at hand makes, written bit by bit (H.264 7.3.2.1.1, H.265 7.3.2.2.1)."""

import pytest

from common.video import sps


def ue(value: int) -> str:
    """An exp-Golomb code (H.264 9.1)."""
    code = f'{value + 1:b}'
    return '0' * (len(code) - 1) + code


def unit(head: str, bits: str) -> bytes:
    """A NAL unit with its stop bit, and with emulation prevention (H.264 7.4.1.1)."""
    bits += '1' + '0' * (-(len(bits) + 1) % 8)
    raw = bytes.fromhex(head) + int(bits, 2).to_bytes(len(bits) // 8, 'big')
    escaped = bytearray()
    for byte in raw:
        if escaped[-2:] == b'\0\0' and byte <= 3:
            escaped.append(3)
        escaped.append(byte)
    return bytes(escaped)


def avc(
    *, high: str = '', order: str = ue(2), wide: int = 19, tall: int = 14, fields: str = '1', crop: str = '0'
) -> bytes:
    shape = ue(wide) + ue(tall) + fields + '1' + crop + '0'
    return unit('67640028' if high else '674d0028', ue(0) + high + ue(0) + order + ue(1) + '0' + shape)


def hevc(
    *, chroma: str = ue(1), size: tuple[int, int] = (320, 240), crop: str = '0', layers: str = ''
) -> bytes:
    count, lower = (1, layers) if layers else (0, '')
    tier = '00000001' + f'{0x60000000:032b}' + '1001' + '0' * 44 + f'{93:08b}'
    head = '0000' + f'{count:03b}' + '1' + tier + lower
    return unit('4201', head + ue(0) + chroma + ue(size[0]) + ue(size[1]) + crop + ue(0) * 3)


@pytest.mark.parametrize(
    ('made', 'size'),
    [
        (avc(), (320, 240)),
        (avc(order=ue(0) + ue(4)), (320, 240)),
        (avc(order=ue(1) + '0' + ue(3) + ue(4) + ue(2) + ue(7) + ue(8)), (320, 240)),
        (avc(fields='00', tall=6), (320, 224)),
        (avc(crop='1' + ue(1) + ue(2) + ue(3) + ue(4)), (314, 226)),
        (avc(fields='00', tall=6, crop='1' + ue(0) + ue(0) + ue(0) + ue(2)), (320, 216)),
        (avc(high=ue(3) + '1' + ue(0) + ue(0) + '00', crop='1' + ue(1) * 4), (318, 238)),
        (avc(high=ue(3) + '0' + ue(0) + ue(0) + '01' + '0' * 12), (320, 240)),
        (avc(high=ue(1) + ue(0) + ue(0) + '01' + '1' + ue(16) + '0' * 7), (320, 240)),
        (avc(high=ue(1) + ue(0) + ue(0) + '01' + '1' + ue(0) * 16 + '0' * 7), (320, 240)),
        (avc(high=ue(1) + ue(0) + ue(0) + '01' + '0' * 6 + '1' + ue(0) * 64 + '0'), (320, 240)),
        (avc(high=ue(1) + ue(0) + ue(0) + '01' + '1' + ue(239) + ue(253) + ue(1) + '0' * 7), (320, 240)),
        (avc(high=ue(4) + ue(0) + ue(0) + '00'), None),
        (avc(crop='1' + ue(160) + ue(0) * 3), None),
        (avc(wide=70_000), None),
        (avc(order=ue(1) + '0' + ue(0) + ue(0) + ue(2**31)), None),
    ],
)
def test_h264(made: bytes, size: tuple[int, int] | None) -> None:
    name = 'avc1.640028' if made[1] == 0x64 else 'avc1.4d0028'
    assert sps.avc(made) == (name, size)


@pytest.mark.parametrize(
    ('made', 'size'),
    [
        (hevc(), (320, 240)),
        (hevc(crop='1' + ue(1) + ue(2) + ue(3) + ue(4)), (314, 226)),
        (hevc(chroma=ue(2), crop='1' + ue(1) * 4), (316, 238)),
        (hevc(chroma=ue(3) + '1', crop='1' + ue(1) * 4), (318, 238)),
        (hevc(layers='11' + '0' * 14 + '01' * 44 + '1' * 8), (320, 240)),
        (hevc(layers='01' + '0' * 14 + '1' * 8), (320, 240)),
        (hevc(chroma=ue(4)), None),
        (hevc(size=(0, 240)), None),
    ],
)
def test_h265(made: bytes, size: tuple[int, int] | None) -> None:
    assert sps.hevc(made) == ('hvc1.1.6.L93.90', size)


def test_what_is_cut_off_has_no_size() -> None:
    assert [sps.avc(avc()[:end]) for end in range(4)] == [('', None)] * 4
    assert sps.avc(avc()[:6])[1] is None
    assert sps.hevc(hevc()[:15])[1] is None
    assert sps.hevc(hevc()[:9]) == ('', None)


def test_codes_without_end_have_an_end() -> None:
    assert sps.avc(b'\x67\x64\0\x28' + bytes(100_000)) == ('avc1.640028', None)
