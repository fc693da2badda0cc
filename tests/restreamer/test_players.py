"""Players of their own play a range that a node serves, over a hole and a new beginning of the encoder."""

import io
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import av
import pytest

from deploy.demo import video
from tests.kit.build import HOUR, Piece, fill
from tests.kit.footage import FRAMES_A_PIECE, broken_footage
from tests.kit.needs import need_module
from tests.kit.process import get, restreamer

RANGE = '?start=2026-11-14T03:00:00Z&end=2026-11-14T03:02:00Z'
WITHOUT_BREAKS = '?start=2026-11-14T03:00:10Z&end=2026-11-14T03:00:16Z'
MEDIA, MASTER = '/playlist/bus/source.m3u8', '/playlist/bus.m3u8'


@pytest.fixture(scope='module')
def recorded(tmp_path_factory: pytest.TempPathFactory) -> list[list[Piece]]:
    """Each of the first variant, the best, beside that of the second."""
    return broken_footage(tmp_path_factory.mktemp('video'), HOUR.start)


@pytest.fixture(scope='module')
def url(tmp_path_factory: pytest.TempPathFactory, recorded: list[list[Piece]]) -> Iterator[str]:
    store = fill(tmp_path_factory.mktemp('players') / 'store', (each for both in recorded for each in both))
    with restreamer(store) as url:
        yield url


def ffmpeg(url: str, *flags: str) -> tuple[int, int, str]:
    """Its exit code, how many pictures it decoded, and what it complained of."""
    command = [
        video.ffmpeg(),
        '-v',
        'warning',
        '-nostdin',
        *flags,
        '-i',
        url,
        '-map',
        '0:v:0',
        '-f',
        'framecrc',
        '-',
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    return done.returncode, len(re.findall('^0,', done.stdout, re.MULTILINE)), done.stderr


@pytest.mark.parametrize('path', [MEDIA, MASTER])
def test_ffmpeg_has_nothing_to_complain_of_where_nothing_breaks(url: str, path: str) -> None:
    assert video.plays_cleanly(f'{url}{path}{WITHOUT_BREAKS}') == ''


@pytest.mark.parametrize('path', [MEDIA, MASTER])
def test_ffmpeg_decodes_every_picture_over_what_breaks(
    url: str, path: str, recorded: list[list[Piece]]
) -> None:
    code, pictures, _ = ffmpeg(f'{url}{path}{RANGE}')
    assert (code, pictures) == (0, FRAMES_A_PIECE * len(recorded))


def test_ffmpegs_xerror_stops_at_a_hole_whether_it_is_marked_or_not(url: str, tmp_path: Path) -> None:
    """It heeds no DISCONTINUITY; where continuity counters jump it takes the picture before for damaged."""
    marked = get(f'{url}{MEDIA}{RANGE}').text.replace('../../', f'{url}/')
    unmarked = marked.replace('#EXT-X-DISCONTINUITY\n', '')
    assert marked != unmarked
    told = []
    for text in (marked, unmarked):
        (tmp_path / 'copy.m3u8').write_text(text)
        code, pictures, complaints = ffmpeg(
            str(tmp_path / 'copy.m3u8'), '-xerror', '-protocol_whitelist', 'file,http,tcp'
        )
        assert code != 0
        assert 'corrupt input packet' in complaints
        told.append(pictures)
    assert told[0] == told[1] < FRAMES_A_PIECE * 3


def test_ffmpegs_xerror_goes_on_if_it_may_drop_the_last_picture_before_each_break(
    url: str, recorded: list[list[Piece]]
) -> None:
    code, pictures, _ = ffmpeg(f'{url}{MEDIA}{RANGE}', '-xerror', '-fflags', '+discardcorrupt')
    assert (code, pictures) == (0, FRAMES_A_PIECE * len(recorded) - 2)


@pytest.mark.parametrize('path', [MEDIA, MASTER])
def test_streamlink_writes_the_segments_one_after_the_other(
    url: str, path: str, recorded: list[list[Piece]]
) -> None:
    need_module('streamlink')
    command = [sys.executable, '-m', 'streamlink', '--no-config', '--stdout', f'{url}{path}{RANGE}', 'best']
    done = subprocess.run(command, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout == b''.join(best.body for best, _ in recorded)


def test_the_master_says_of_each_variant_what_ffmpeg_says(url: str, recorded: list[list[Piece]]) -> None:
    lines = get(f'{url}{MASTER}{RANGE}').text.splitlines()
    for each in recorded[0]:
        uri = lines.index(f'bus/{each.hour.variant}.m3u8{RANGE}')
        codecs, size = told_by_ffmpeg(each.body)
        assert f'CODECS="{codecs}",RESOLUTION={size}' in lines[uri - 1]


def told_by_ffmpeg(body: bytes) -> tuple[str, str]:
    """The codecs as in RFC 6381, and the size of the picture."""
    with av.open(io.BytesIO(body), format='mpegts') as file:
        picture, sound = file.streams.video[0].codec_context, file.streams.audio[0].codec_context
        assert (picture.name, sound.name, sound.profile) == ('h264', 'aac', 'LC')
        profile = bytes(picture.extradata or b'').partition(b'\x00\x00\x01\x67')[2][:3].hex()
        return f'avc1.{profile},mp4a.40.2', f'{picture.width}x{picture.height}'
