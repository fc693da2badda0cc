"""What init sections and fragments say, beside FFmpeg's own word; and no bytes make the reader stumble."""

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.video import mp4
from common.video.mpegts import Media, Opening
from tests.kit.fragmented import SECONDS, Fragmented, encoded


def box(kind: bytes, *parts: bytes) -> bytes:
    body = b''.join(parts)
    return struct.pack('>I4s', 8 + len(body), kind) + body


def full(kind: bytes, *parts: bytes, version: int = 0) -> bytes:
    return box(kind, bytes([version, 0, 0, 0]), *parts)


def section(entry: bytes, *, handler: bytes = b'vide', track: int = 1, scale: int = 1000) -> bytes:
    """An init section of one track with that sample entry."""
    mdia = box(
        b'mdia',
        full(b'mdhd', bytes(8), struct.pack('>I', scale), bytes(8)),
        full(b'hdlr', bytes(4), handler, bytes(13)),
        box(b'minf', box(b'stbl', full(b'stsd', struct.pack('>I', 1), entry))),
    )
    trak = box(b'trak', full(b'tkhd', bytes(8), struct.pack('>I', track)), mdia)
    return box(b'ftyp', b'iso6') + box(b'moov', trak)


def picture(kind: bytes, width: int = 640, height: int = 360, *boxes: bytes) -> bytes:
    return box(kind, bytes(24), struct.pack('>HH', width, height), bytes(50), *boxes)


def sound(kind: bytes, *boxes: bytes) -> bytes:
    return box(kind, bytes(28), *boxes)


def descriptor(tag: int, *parts: bytes) -> bytes:
    body = b''.join(parts)
    return bytes([tag, 0x80, 0x80, len(body)]) + body


def esds(object_type: int, specific: bytes = b'', flags: int = 0, optional: bytes = b'') -> bytes:
    config = descriptor(4, bytes([object_type]), bytes(12), descriptor(5, specific) if specific else b'')
    return full(b'esds', descriptor(3, bytes([0, 1, flags]), optional, config))


def fragment(time: int, *, track: int = 1, version: int = 1) -> bytes:
    decoded = struct.pack('>Q' if version else '>I', time)
    traf = box(b'traf', full(b'tfhd', struct.pack('>I', track)), full(b'tfdt', decoded, version=version))
    return box(b'styp', b'msdh') + box(b'moof', full(b'mfhd', bytes(4)), traf) + box(b'mdat', b'x' * 100)


MADE = {
    'H.264 and AAC': encoded(seconds=4),
    'H.265 and AC-3': encoded(seconds=4, codec='libx265', audio='ac3'),
    'H.264 alone, of an odd size': encoded(seconds=4, size='322x182', audio=''),
    'Opus': encoded(seconds=4, audio='libopus'),
}
A_FEW_FRAMES = 0.2
"""In seconds."""


@pytest.mark.parametrize('made', MADE.values(), ids=MADE)
def test_codecs_and_sizes_are_those_that_ffmpeg_writes_into_its_master(made: Fragmented) -> None:
    told = mp4.media(made.init)
    assert told
    assert told.resolution
    assert 'RESOLUTION={}x{},'.format(*told.resolution) in made.master
    assert f'CODECS="{",".join(told.codecs)}"' in made.master


@pytest.mark.parametrize('made', MADE.values(), ids=MADE)
def test_each_fragment_begins_where_the_one_before_it_ended(made: Fragmented) -> None:
    """H.265 is decoded a little earlier than it is shown."""
    scales = mp4.timescales(made.init)
    found = [mp4.opening(scales, body[:2048]) for body, _ in made.fragments]
    assert [each and each.pts for each in found] == [
        pytest.approx(90_000 * SECONDS * number, abs=90_000 * A_FEW_FRAMES) for number in range(len(found))
    ]


@pytest.mark.parametrize(
    ('time', 'scale', 'version', 'pts'),
    [
        (3000, 1000, 0, 270_000),
        (2**32 - 1, 90_000, 0, 2**32 - 1),
        (2**40, 90_000, 1, 0),
        (48_000 * 10**6, 48_000, 1, 90_000 * 10**6 % 2**33),
    ],
)
def test_decode_times_of_both_lengths_count_as_those_of_transport_streams(
    time: int, scale: int, version: int, pts: int
) -> None:
    scales = mp4.timescales(section(picture(b'avc1'), scale=scale))
    assert mp4.opening(scales, fragment(time, version=version)) == Opening(pts, b'')


def test_the_time_of_an_unknown_track_is_not_known() -> None:
    scales = mp4.timescales(section(picture(b'avc1'), track=7))
    assert mp4.opening(scales, fragment(0, track=8)) is None
    assert mp4.opening(scales, fragment(0, track=7)) == Opening(0, b'')


@pytest.mark.parametrize(
    ('entry', 'handler', 'media'),
    [
        (picture(b'av01'), b'vide', Media((), (640, 360))),
        (picture(b'encv'), b'vide', Media((), (640, 360))),
        (picture(b'avc1', 640, 360, box(b'avcC', b'')), b'vide', Media((), (640, 360))),
        (picture(b'hvc1', 0, 0, box(b'hvcC', bytes(30))), b'vide', Media((), None)),
        (sound(b'mp4a', esds(0x40, b'\x12\x10')), b'soun', Media(('mp4a.40.2',), None)),
        (sound(b'mp4a', esds(0x40, b'\x2b\x11\x88\x00')), b'soun', Media(('mp4a.40.5',), None)),
        (sound(b'mp4a', esds(0x40, b'\xf9\x48')), b'soun', Media(('mp4a.40.42',), None)),
        (sound(b'mp4a', esds(0x40, b'\x12\x10', 0xE0, b'ab\x01cde')), b'soun', Media(('mp4a.40.2',), None)),
        (sound(b'mp4a', esds(0x6B)), b'soun', Media(('mp4a.6B',), None)),
        (sound(b'mp4a', esds(0x40)), b'soun', Media((), None)),
        (sound(b'mp4a'), b'soun', Media((), None)),
        (sound(b'fLaC'), b'soun', Media(('fLaC',), None)),
        (sound(b'Opus'), b'soun', Media(('opus',), None)),
        (box(b'wvtt'), b'text', None),
        (b'', b'vide', Media((), None)),
    ],
)
def test_what_is_not_known_is_not_told(entry: bytes, handler: bytes, media: Media | None) -> None:
    assert mp4.media(section(entry, handler=handler)) == media


@settings(deadline=None)
@given(st.sampled_from(sorted(MADE)), st.integers(0, 2000), st.binary(max_size=8), st.booleans())
def test_no_damage_makes_it_stumble(name: str, at: int, odd: bytes, cut: bool) -> None:
    made = MADE[name]
    init, body = (
        each[: at % len(each)] + odd + (b'' if cut else each[at % len(each) + len(odd) :])
        for each in (made.init, made.fragments[0][0][:2048])
    )
    mp4.media(init)
    mp4.opening(mp4.timescales(init), body)
    mp4.opening(mp4.timescales(made.init), body)


@given(st.binary(max_size=200))
def test_no_bytes_at_all_make_it_stumble(data: bytes) -> None:
    mp4.media(data)
    mp4.media(box(b'moov', box(b'trak', data)))
    mp4.media(section(picture(b'hvc1', 1, 1, box(b'hvcC', data))))
    mp4.media(section(picture(b'avc1', 1, 1, box(b'avcC', data))))
    mp4.media(section(sound(b'mp4a', full(b'esds', data)), handler=b'soun'))
    mp4.opening({1: 1}, box(b'moof', box(b'traf', data)))


def test_many_tiny_boxes_are_not_all_looked_at() -> None:
    assert mp4.media(box(b'free') * 1_000_000 + section(picture(b'av01'))) is None
