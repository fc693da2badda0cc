"""`backfiller derive` beside stores of real video, with a real ffmpeg."""

import signal
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path

import pytest

from common.disk import Disk
from common.times import utc_now
from deploy.demo import video
from tests.kit.build import Piece, assert_whole, files_below, fill
from tests.kit.clips import complaints, contents
from tests.kit.encoders import script
from tests.kit.footage import footage
from tests.kit.process import Process, eventually, get, metrics, restreamer, run, running

DERIVED = '--derive', '90p:90:100k', '--derive', '120p:120:150k'


@pytest.fixture
def sources(tmp_path: Path) -> list[Piece]:
    """Ten seconds of video that end now."""
    start = utc_now().replace(microsecond=0) - timedelta(seconds=10)
    return [best for best, _ in footage(tmp_path, start, seconds=10)]


def deriving(store: Path, *args: str, program: str = '') -> AbstractContextManager[Process]:
    return running(
        *('backfiller', 'derive', '--store', store, '--stream', 'bus', '--control', '127.0.0.1:0'),
        *('--transcoder', program or video.ffmpeg(), *DERIVED, *args),
    )


def made(store: Path, variant: str) -> list[bytes]:
    """What is there of a variant, in order of time."""
    prefix = f'bus/{variant}/'
    return [body for path, body in sorted(files_below(store).items()) if path.startswith(prefix)]


def starts(store: Path, variant: str) -> list[str]:
    """The names up to the hash."""
    return [
        name[:-47]
        for hour in Disk(store).hours_of('bus', variant)
        for name in sorted(Disk(store).names(hour))
    ]


def test_variants_play_and_look_like_their_source(store: Path, sources: list[Piece]) -> None:
    fill(store, sources[:3])
    with deriving(store) as process, restreamer(store) as node:
        url = process.wait_for(r'status on (http://\S+)/status')[1]
        eventually(lambda: len(made(store, '90p')) == len(made(store, '120p')) == 3)
        fill(store, sources[3:])
        eventually(lambda: len(made(store, '90p')) == len(made(store, '120p')) == len(sources))
        eventually(lambda: metrics(url)['derived_segments_total{stream="bus",variant="90p"}'] == len(sources))
        assert get(f'{url}/status').json()['bus']['120p']['failed'] == {}
        assert get(f'{url}/healthz').json() == {'alive': True, 'healthy': True}
        master = get(f'{node}/playlist/bus.m3u8').text
        assert process.stop() == 0, process.output
    assert 'CODECS="avc1.64001f,mp4a.40.2",RESOLUTION=160x90\n' in master
    assert_whole(store)
    assert starts(store, '90p') == starts(store, '120p') == starts(store, 'source')
    for variant in ('90p', '120p'):
        assert complaints(made(store, variant)) == ''
        found = [contents(body) for body in made(store, variant)]
        assert [each.pictures for each in found] == [contents(each.body).pictures for each in sources]


def test_two_nodes_make_the_same(tmp_path: Path, sources: list[Piece]) -> None:
    stores = [fill(tmp_path / name, sources[:2]) for name in ('A', 'B')]
    with deriving(stores[0]), deriving(stores[1], '--most-transcodes', '3'):
        eventually(lambda: all(len(files_below(each)) == 6 for each in stores))
    assert files_below(stores[0]) == files_below(stores[1])


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGKILL])
def test_no_ffmpeg_outlives_it(store: Path, tmp_path: Path, sources: list[Piece], number: int) -> None:
    fill(store, sources[:1])
    program = script(
        tmp_path, f'echo $$ > {tmp_path}/pid.new; mv {tmp_path}/pid.new {tmp_path}/pid; exec sleep 60'
    )
    with deriving(store, program=program) as process:
        eventually((tmp_path / 'pid').exists)
        process.stop(number)
        pid = int((tmp_path / 'pid').read_text())
        eventually(lambda: not is_sleep(pid))


def is_sleep(pid: int) -> bool:
    """What nobody has buried yet has no command line."""
    try:
        return b'sleep' in Path(f'/proc/{pid}/cmdline').read_bytes()
    except FileNotFoundError:
        return False


@pytest.mark.parametrize(
    ('args', 'said'),
    [
        (('--derive', '360p'), 'NAME:HEIGHT:BITRATE'),
        (('--derive', 'source:360:600k'), 'two variants are called source'),
        (('--derive', '360p:360:600k', '--transcoder', '/no/ffmpeg'), 'install ffmpeg'),
        (('--derive', '360p:360:600k', '--stream', '../x'), '--stream'),
    ],
)
def test_bad_usage_is_said(store: Path, args: tuple[str, ...], said: str) -> None:
    outcome = run('backfiller', 'derive', '--store', store, '--stream', 'bus', *args)
    assert outcome.wait() == 2
    assert said in outcome.output
