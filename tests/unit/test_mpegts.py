"""What the beginning of a segment tells: FFmpeg makes the segments, and PyAV knows what is in them."""

import io
from dataclasses import replace

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.video.mpegts import TICKS_PER_SECOND, Media, media, ticks_between
from tests.kit.transport import PACKET, TABLES, Video, Watched, encoded, picture, told

PLAIN = Video()


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


WITH_B_FRAMES = Video(options=(('preset', 'medium'),), frames=12)


@pytest.mark.parametrize(
    'video', [PLAIN, WITH_B_FRAMES, Video('libx265'), Video('mpeg2video'), None], ids=str
)
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
    for flags in ('', 'system_b'):
        both = media(encoded(PLAIN, audio, flags=flags))
        assert both
        assert both.codecs[1:] == (name,)


def test_half_a_list_of_codecs_is_none() -> None:
    assert media(encoded(Video('mpeg2video'), 'aac')) == Media((), None)
    assert media(encoded(PLAIN, 'aac', flags='latm')) == Media((), PLAIN.size)
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
