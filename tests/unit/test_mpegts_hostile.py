"""No bytes raise, and none are looked at more often than there are things to look for."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.video.mpegts import media, opening
from tests.kit.transport import (
    AUD,
    PACKET,
    PAT,
    PMT_PID,
    PPS,
    SLICE,
    SPS,
    TABLES,
    VIDEO_PID,
    Video,
    Watched,
    encoded,
    packets,
    pes,
    picture,
    pmt,
    section,
    told,
    units,
)

PLAIN = Video()
GOOD = encoded(PLAIN, 'aac')
GOOD_H265 = encoded(Video('libx265'), 'aac')


@pytest.mark.parametrize('good', [GOOD, GOOD_H265], ids=['h264', 'h265'])
def test_the_beginning_of_a_segment_tells_nothing_else(good: bytes) -> None:
    for end in range(0, len(good), 61):
        begun, known = opening(good[:end]), media(good[:end])
        assert begun is None or begun.pts in (None, told(good).pts)
        assert begun is None or begun.parameters in (b'', told(good).parameters)
        assert known is None or known.resolution in (None, PLAIN.size)
        assert known is None or len(known.codecs) in (0, 2)


def bounded(data: bytes) -> None:
    for look in (opening, media):
        watched = Watched(data)
        look(watched)
        assert watched.asked <= 4 + 6 * 6 * (len(data) // PACKET + 1)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from([GOOD, GOOD_H265]), st.integers(1, 40), st.integers(0, 2**32), st.integers(1, 4096))
def test_no_damage_raises(good: bytes, count: int, seed: int, reach: int) -> None:
    random, data = Random(seed), bytearray(good)
    for _ in range(count):
        data[random.randrange(min(reach, len(data)))] = random.choice(
            [0, 1, 0x47, 255, random.randrange(256)]
        )
    bounded(bytes(data))


@settings(deadline=None)
@given(st.lists(st.binary(min_size=187, max_size=187).map(lambda each: b'G' + each), max_size=20))
def test_no_random_packets_raise(chosen: list[bytes]) -> None:
    bounded(b''.join(chosen))
    bounded(TABLES + b''.join(chosen))


bodies = st.one_of(
    st.binary(max_size=900),
    st.lists(st.sampled_from([b'\0', b'\0\0\1', b'\x67', b'\x42', b'\xff', SPS, PPS, AUD]), max_size=300).map(
        b''.join
    ),
)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from([0x1B, 0x24, 0x0F, 0x03, 0x81, 0x02, 0x11, 0x06]), bodies, st.binary(max_size=60))
def test_no_content_or_descriptor_raises(kind: int, body: bytes, descriptors: bytes) -> None:
    maps = packets(PMT_PID, b'\0' + pmt((kind, VIDEO_PID, descriptors), info=descriptors))
    tables = PAT + maps
    bounded(tables + packets(VIDEO_PID, pes(body)) + packets(VIDEO_PID, body or b'\0'))
    for head in (b'\x67\x64\0\x1f', b'\x42\1\1'):
        bounded(tables + packets(VIDEO_PID, pes(units(head + body, b'\x68\1', b'\x44\1', SLICE, b'\2\1'))))


@settings(deadline=None)
@given(st.binary(max_size=1500), st.booleans())
def test_no_table_raises(body: bytes, whole: bool) -> None:
    table = section(2, 1, body[:1000]) if whole else body or b'\0'
    bounded(PAT + packets(PMT_PID, b'\0' + table) + picture())
    bounded(packets(0, b'\0' + (section(0, 1, body[:1000]) if whole else body)) + picture())
