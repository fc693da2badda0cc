"""What the beginning of a segment tells: FFmpeg makes the segments, and PyAV knows what is in them."""

import io
from dataclasses import replace
from random import Random

import av
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.mpegts import TICKS_PER_SECOND, Media, Opening, media, opening, ticks_between
from tests.kit.transport import (
    ADTS,
    AUDIO_PID,
    H264,
    PACKET,
    PMT_PID,
    VIDEO_PID,
    Video,
    Watched,
    encoded,
    packet,
    packets,
    pat,
    pes,
    pmt,
    section,
)

PLAIN = Video()
SPS = bytes.fromhex('6764000dacd94141fb011000000300100000030320f1429960')
PPS = bytes.fromhex('68ebe3cb22c0')
SLICE = b'\x65' + bytes(range(1, 120))
AUD = b'\x09\xf0'
ONE_VIDEO = pmt((H264, VIDEO_PID, b''))
TABLES = packets(0, b'\0' + pat()) + packets(PMT_PID, b'\0' + ONE_VIDEO)


def units(*each: bytes) -> bytes:
    return b''.join(b'\0\0\0\1' + unit for unit in each)


def picture(*, pts: int | None = 900_000, room: int = 184, sets: tuple[bytes, ...] = (SPS, PPS)) -> bytes:
    return packets(VIDEO_PID, pes(units(AUD, *sets, SLICE), pts=pts), room=room)


def told(data: bytes) -> Opening:
    found = opening(data)
    assert found
    return found


def first_time(data: bytes) -> int | None:
    """The first presentation time by FFmpeg's own demuxer."""
    with av.open(io.BytesIO(data), format='mpegts') as file:
        stream = (file.streams.video or file.streams.audio)[0]
        return next(each.pts for each in file.demux(stream) if each.pts is not None)


def configuration(data: bytes) -> bytes:
    """The decoder configuration record that FFmpeg writes into an MP4 of the video (14496-15)."""
    copy = io.BytesIO()
    with av.open(io.BytesIO(data), format='mpegts') as file, av.open(copy, 'w', format='mp4') as out:
        stream = file.streams.video[0]
        target = out.add_stream_from_template(stream)
        for each in file.demux(stream):
            if each.dts is not None:
                each.stream = target
                out.mux(each)
    copy.seek(0)
    with av.open(copy) as file:
        return bytes(file.streams.video[0].codec_context.extradata or b'')


@pytest.mark.parametrize('video', [PLAIN, Video('libx265'), Video('mpeg2video'), None], ids=str)
@pytest.mark.parametrize('later', [0, 5000])
def test_the_first_time_is_that_of_the_video_or_else_of_the_audio(video: Video | None, later: int) -> None:
    data = encoded(video, 'aac', later=later)
    assert told(data).pts == first_time(data)


SIZES = [(320, 180), (640, 360), (1920, 1080), (854, 480), (426, 240), (256, 144), (1280, 720), (638, 358)]


@pytest.mark.parametrize('size', SIZES, ids=str)
@pytest.mark.parametrize('codec', ['libx264', 'libx265'])
def test_the_size_is_that_of_the_picture_as_shown(codec: str, size: tuple[int, int]) -> None:
    found = media(encoded(Video(codec, size, frames=1)))
    assert found
    assert found.resolution == size


@pytest.mark.parametrize(
    ('codec', 'layout', 'size'),
    [
        ('libx264', 'yuv422p', (322, 181)),
        ('libx264', 'yuv444p', (321, 181)),
        ('libx264', 'yuv420p10le', (322, 182)),
        ('libx264', 'gray', (321, 181)),
        ('libx265', 'yuv422p', (322, 181)),
        ('libx265', 'yuv444p', (321, 181)),
        ('libx265', 'yuv420p10le', (322, 182)),
        ('libx265', 'gray', (321, 181)),
    ],
)
def test_cropping_counts_in_samples_of_chroma(codec: str, layout: str, size: tuple[int, int]) -> None:
    found = media(encoded(Video(codec, size, layout, frames=1)))
    assert found
    assert found.resolution == size


@pytest.mark.parametrize(
    'options',
    [
        {'x264-params': 'interlaced=1'},
        {'x264-params': 'cqm=jvt:8x8dct=1', 'profile': 'high'},
        {'profile': 'baseline', 'level': '3.1'},
        {'profile': 'main', 'level': '4'},
        {'preset': 'medium', 'level': '5.1'},
        {'x264-params': 'bluray-compat=1:nal-hrd=cbr:vbv-maxrate=500:vbv-bufsize=500:bitrate=500'},
    ],
    ids=str,
)
def test_h264_is_named_as_ffmpeg_describes_it(options: dict[str, str]) -> None:
    data = encoded(Video(size=(640, 360), options=tuple(options.items())), 'aac')
    assert media(data) == Media((f'avc1.{configuration(data)[1:4].hex()}', 'mp4a.40.2'), (640, 360))


@pytest.mark.parametrize(
    'video',
    [
        Video('libx265', (640, 360)),
        Video('libx265', (640, 360), 'yuv420p10le'),
        Video('libx265', (640, 360), 'yuv444p'),
        Video('libx265', (640, 360), options=(('x265-params', 'log-level=none:level-idc=5.1:high-tier=1'),)),
        Video('libx265', (640, 360), options=(('x265-params', 'log-level=none:temporal-layers=2'),)),
    ],
    ids=str,
)
def test_h265_is_named_as_ffmpeg_describes_it(video: Video) -> None:
    data = encoded(replace(video, frames=5))
    record = configuration(data)  # ISO/IEC 14496-15 8.3.3.1.2
    found = media(data)
    assert found
    assert found.resolution == (640, 360)
    name, profile, compatibility, level, *constraints = found.codecs[0].split('.')
    assert (name, int(profile)) == ('hvc1', record[1] & 0x1F)
    assert int(f'{int(compatibility, 16):032b}'[::-1], 2) == int.from_bytes(record[2:6], 'big')
    assert level == f'{"LH"[record[1] >> 5 & 1]}{record[12]}'
    assert bytes(int(each, 16) for each in constraints).ljust(6, b'\0') == record[6:12]


@pytest.mark.parametrize(
    ('audio', 'name'),
    [
        ('aac', 'mp4a.40.2'),
        ('libmp3lame', 'mp4a.40.34'),
        ('mp2', 'mp4a.40.33'),
        ('ac3', 'ac-3'),
        ('eac3', 'ec-3'),
    ],
)
def test_audio_is_named(audio: str, name: str) -> None:
    assert media(encoded(None, audio)) == Media((name,), None)
    both = media(encoded(PLAIN, audio))
    assert both
    assert both.codecs[1:] == (name,)


def test_half_a_list_of_codecs_is_none() -> None:
    assert media(encoded(Video('mpeg2video'), 'aac')) == Media((), None)
    assert media(TABLES) == Media((), None)


@pytest.mark.parametrize('video', [PLAIN, Video('libx265')], ids=str)
def test_another_time_is_no_other_stream(video: Video) -> None:
    one, other = told(encoded(video, 'aac', later=10)), told(encoded(video, 'aac', later=87))
    assert one.pts is not None
    assert other.pts is not None
    assert ticks_between(one.pts, other.pts) == 77 * TICKS_PER_SECOND
    assert one.parameters is other.parameters


@pytest.mark.parametrize(
    'changed',
    [
        encoded(replace(PLAIN, size=(322, 180)), 'aac'),
        encoded(replace(PLAIN, options=(('preset', 'medium'),)), 'aac'),
        encoded(Video('libx265'), 'aac'),
        encoded(PLAIN, 'ac3'),
        encoded(PLAIN),
        encoded(None, 'aac'),
        encoded(None, 'aac', rate=44_100),
    ],
)
def test_another_codec_size_or_track_is_another_stream(changed: bytes) -> None:
    assert told(changed).parameters
    assert told(changed).parameters != told(encoded(PLAIN, 'aac')).parameters


def test_audio_alone_is_told_by_its_sampling_rate() -> None:
    one, other = (told(encoded(None, 'aac', rate=rate)).parameters for rate in (44_100, 48_000))
    assert one != other


@pytest.mark.parametrize(
    ('earlier', 'later', 'ticks'),
    [(0, 1, 1), (1, 0, -1), (2**33 - 5, 5, 10), (5, 2**33 - 5, -10), (7, 7, 0), (0, 2**32 - 1, 2**32 - 1)],
)
def test_times_wrap(earlier: int, later: int, ticks: int) -> None:
    assert ticks_between(earlier, later) == ticks


@given(st.integers(0, 2**33 - 1))
def test_every_time_is_read_back(pts: int) -> None:
    assert told(TABLES + picture(pts=pts)).pts == pts


@pytest.mark.parametrize('video', [PLAIN, Video('libx265')], ids=str)
def test_four_packets_are_looked_at_of_a_segment_by_ffmpeg(video: Video) -> None:
    whole = encoded(replace(video, frames=30), 'aac')
    data = Watched(whole)
    assert told(data).parameters
    assert data.furthest == 4 * PACKET
    assert data.asked < 60
    assert told(whole[: 4 * PACKET]) == told(whole)


@pytest.mark.parametrize('room', [1, 2, 9, 13, 30, 100])
def test_units_may_be_spread_over_many_packets(room: int) -> None:
    tables = packets(0, b'\0' + pat(), room=room) + packets(PMT_PID, b'\0' + ONE_VIDEO, room=room)
    data = tables + picture(room=max(room, 5))
    assert told(data) == told(TABLES + picture())
    assert media(data) == media(TABLES + picture())


def test_a_program_map_may_be_long() -> None:
    long = pmt((H264, VIDEO_PID, b''), *((0x06, 0x200 + each, b'\x0a\x04eng\0') for each in range(60)))
    assert len(long) > 3 * PACKET
    data = packets(0, b'\0' + pat()) + packets(PMT_PID, b'\0' + long) + picture()
    assert told(data).pts == 900_000


def test_tables_may_follow_others_on_their_pid() -> None:
    other = section(0xC0, 7, bytes(100))
    pointed = b'\x03abc' + other + pmt((H264, 0x111, b''), number=9) + ONE_VIDEO + bytes([0xFF] * 9)
    data = packets(0, b'\0' + pat([(0, 0x10), (1, PMT_PID)])) + packets(PMT_PID, pointed) + picture()
    assert told(data) == told(TABLES + picture())


def test_a_table_may_end_where_the_next_packet_starts_another() -> None:
    whole = section(0xC0, 7, bytes(200))
    second = bytes([len(whole) - 183]) + whole[183:] + ONE_VIDEO
    carried = packet(PMT_PID, b'\0' + whole[:183], starts=True) + packet(
        PMT_PID, second, starts=True, counter=1
    )
    assert told(packets(0, b'\0' + pat()) + carried + picture()) == told(TABLES + picture())


def test_the_version_of_a_program_map_is_nothing_to_a_decoder() -> None:
    newer = packets(0, b'\0' + pat()) + packets(
        PMT_PID, b'\0' + pmt((H264, VIDEO_PID, b''), version=9), counter=7
    )
    assert told(newer + picture()) == told(TABLES + picture())


@pytest.mark.parametrize('at', range(len(ONE_VIDEO)))
def test_a_damaged_program_map_is_none(at: int) -> None:
    damaged = bytes(byte ^ (0x10 if at == place else 0) for place, byte in enumerate(ONE_VIDEO))
    data = packets(0, b'\0' + pat()) + packets(PMT_PID, b'\0' + damaged)
    assert opening(data + picture()) == Opening(None, b'')
    assert opening(data + picture() + TABLES) == opening(TABLES + picture())


def test_a_map_that_is_not_yet_in_force_does_not_count() -> None:
    body = ONE_VIDEO[8:-4]
    early = packets(PMT_PID, b'\0' + section(2, 1, body, in_force=False))
    assert opening(packets(0, b'\0' + pat()) + early + picture()) == Opening(None, b'')


def test_a_picture_without_a_time_leaves_it_to_the_next() -> None:
    data = TABLES + picture(pts=None) + picture(pts=4242)
    assert told(data).pts == 4242
    assert told(data).parameters == told(TABLES + picture()).parameters


def test_parameter_sets_may_come_with_a_later_picture() -> None:
    found = told(TABLES + picture(pts=1, sets=()) + picture(pts=2))
    assert found == Opening(1, told(TABLES + picture()).parameters)
    assert told(TABLES + picture(sets=())).parameters == b''


def test_parameter_sets_are_compared_only_when_they_are_whole() -> None:
    for room in range(20, 60):
        begun = TABLES + packets(VIDEO_PID, pes(units(AUD, SPS, PPS, SLICE)), room=room)[:PACKET]
        assert told(begun).parameters in (b'', told(TABLES + picture()).parameters)


def test_a_packet_sent_twice_counts_once_and_a_lost_one_ends_the_picture() -> None:
    spread = picture(room=30)
    pieces = [spread[at : at + PACKET] for at in range(0, len(spread), PACKET)]
    tables = packets(0, b'\0' + pat()) + packets(PMT_PID, b'\0' + ONE_VIDEO, room=9)
    apart = [tables[at : at + PACKET] for at in range(0, len(tables), PACKET)]
    assert told(b''.join(each * 2 for each in [*apart, *pieces])) == told(TABLES + spread)
    assert told(TABLES + b''.join([pieces[0], *pieces[2:]])).parameters == b''


def test_damaged_and_scrambled_packets_are_passed_over() -> None:
    for at, bits in ((0, 0x01), (1, 0x80), (3, 0x80)):
        bad = bytearray(picture(pts=4))
        bad[at] ^= bits
        assert told(TABLES + bytes(bad) + picture(pts=5)).pts == 5


def test_an_adaptation_field_longer_than_its_packet_hides_the_packet() -> None:
    bad = bytearray(picture(pts=4))
    bad[3] |= 0x20
    bad[4] = 255
    assert told(TABLES + bytes(bad) + picture(pts=5)).pts == 5


@pytest.mark.parametrize(
    ('stream_type', 'descriptors', 'codecs'),
    [
        (0x06, b'\x6a\x01\0', ('ac-3',)),
        (0x06, b'\x0a\x04eng\0\x7a\x01\0', ('ec-3',)),
        (0x06, b'\x05\x04AC-3', ('ac-3',)),
        (0x06, b'\x59\x08eng\x10\0\1\0\1', ()),
        (0x06, b'\x05\xff', ()),
        (0x15, b'', ()),
        (0x86, b'', ()),
    ],
)
def test_private_streams_are_told_by_their_descriptors(
    stream_type: int, descriptors: bytes, codecs: tuple[str, ...]
) -> None:
    tables = packets(0, b'\0' + pat()) + packets(PMT_PID, b'\0' + pmt((stream_type, AUDIO_PID, descriptors)))
    assert media(tables) == Media(codecs, None)


def test_a_stream_of_data_does_not_hide_the_codecs() -> None:
    maps = pmt((H264, VIDEO_PID, b''), (0x15, 0x102, b''), (ADTS, AUDIO_PID, b''))
    sound = packets(AUDIO_PID, pes(b'\xff\xf1\x4c\x80\x10\x1f\xfc\x21', stream_id=0xC0))
    data = packets(0, b'\0' + pat()) + packets(PMT_PID, b'\0' + maps) + picture() + sound
    assert media(data) == Media(('avc1.64000d', 'mp4a.40.2'), (320, 240))


@pytest.mark.parametrize('size', [192, 204])
def test_packets_of_another_size_are_none(size: int) -> None:
    data = TABLES + picture()
    padded = b''.join(data[at : at + PACKET].ljust(size, b'\0') for at in range(0, len(data), PACKET))
    for body in (padded, padded[PACKET:], padded[4:]):
        assert opening(body) is None
        assert media(body) is None


@pytest.mark.parametrize('data', [b'', b'G', b'G' * 187, b'<html>' * 99, b'\0' * 4096])
def test_what_is_no_transport_stream_is_none(data: bytes) -> None:
    assert opening(data) is None
    assert media(data) is None


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
    """Neither raises, nor looks at a packet more often than there are things to look for."""
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
    tables = packets(0, b'\0' + pat()) + maps
    bounded(tables + packets(VIDEO_PID, pes(body)) + packets(VIDEO_PID, body or b'\0'))
    for head in (b'\x67\x64\0\x1f', b'\x42\1\1'):
        bounded(tables + packets(VIDEO_PID, pes(units(head + body, b'\x68\1', b'\x44\1', SLICE, b'\2\1'))))


@settings(deadline=None)
@given(st.binary(max_size=1500), st.booleans())
def test_no_table_raises(body: bytes, whole: bool) -> None:
    table = section(2, 1, body[:1000]) if whole else body or b'\0'
    bounded(packets(0, b'\0' + pat()) + packets(PMT_PID, b'\0' + table) + picture())
    bounded(packets(0, b'\0' + (section(0, 1, body[:1000]) if whole else body)) + picture())
