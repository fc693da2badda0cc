"""`backfiller capture` of live origins that a test steps through, and of a real encoder."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from deploy.demo import video
from deploy.demo.cluster import free_port
from tests.kit.build import HOUR, assert_whole, files_below
from tests.kit.live import LivePlaylist, packets, serving
from tests.kit.process import Process, eventually, restreamer, run, running

MASTER = """#EXTM3U
#EXT-X-STREAM-INF:BANDWIDTH=800000,RESOLUTION=640x360
source.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=200000,RESOLUTION=320x180
small.m3u8
"""


def bodies(store: Path, variant: str = 'source') -> list[bytes]:
    """What was captured, in order of time."""
    prefix = f'bus/{variant}/'
    return [body for path, body in sorted(files_below(store).items()) if path.startswith(prefix)]


def today() -> str:
    """The query of a range around now."""
    now = datetime.now(UTC)
    start, end = (f'{now + timedelta(hours=hours):%Y-%m-%dT%H:%M:%SZ}' for hours in (-1, 1))
    return f'start={start}&end={end}'


def capturing(store: Path, url: str, *args: str) -> tuple[str | Path, ...]:
    return ('backfiller', 'capture', url, '--store', store, '--stream', 'bus', *args)


def test_segments_are_named_by_their_stated_time_and_stop_is_clean(tmp_path: Path) -> None:
    origin = tmp_path / 'origin'
    origin.mkdir()
    live, store = LivePlaylist(origin), tmp_path / 'store'
    live.step(3)
    with serving(origin) as url, running(*capturing(store, f'{url}/source.m3u8')) as process:
        eventually(lambda: len(bodies(store)) == 3)
        live.step(2)
        eventually(lambda: bodies(store) == live.bodies)
        assert process.stop() == 0, process.output
    names = sorted(path.rpartition('/')[2] for path in files_below(store))
    assert [name[:13] for name in names] == [f'00:0{n}-1-full-'[:13] for n in range(5)]
    assert all(path.startswith(HOUR.path) for path in files_below(store))
    assert_whole(store)


def test_a_master_playlist_brings_all_its_variants(tmp_path: Path) -> None:
    origin = tmp_path / 'origin'
    origin.mkdir()
    (origin / 'master.m3u8').write_text(MASTER)
    source, small = LivePlaylist(origin), LivePlaylist(origin, name='small')
    source.step(2)
    small.step(3)
    with serving(origin) as url, running(*capturing(tmp_path / 'all', f'{url}/master.m3u8')):
        eventually(lambda: bodies(tmp_path / 'all') == source.bodies)
        eventually(lambda: bodies(tmp_path / 'all', '180p') == small.bodies)
        with running(*capturing(tmp_path / 'one', f'{url}/master.m3u8', '--variant', '180p')):
            eventually(lambda: bodies(tmp_path / 'one', '180p') == small.bodies)
            assert bodies(tmp_path / 'one') == []


def test_an_origin_that_goes_away_and_returns_is_recorded_on(tmp_path: Path) -> None:
    origin, port, store = tmp_path / 'origin', free_port(), tmp_path / 'store'
    origin.mkdir()
    live = LivePlaylist(origin)
    live.step(2)
    with running(*capturing(store, f'http://127.0.0.1:{port}/source.m3u8')) as process:
        process.wait_for('next try')
        with serving(origin, port):
            eventually(lambda: bodies(store) == live.bodies)
        process.wait_for('bus/source.*next try')
        live.step(3)
        with serving(origin, port):
            eventually(lambda: bodies(store) == live.bodies)
        process.wait_for('recovered')
        assert process.stop() == 0


def test_a_broken_segment_costs_the_others_nothing_and_is_fetched_when_it_is_mended(tmp_path: Path) -> None:
    origin, store = tmp_path / 'origin', tmp_path / 'store'
    origin.mkdir()
    live = LivePlaylist(origin)
    live.step(1)
    live.step(1, body=b'')
    live.step(1)
    with serving(origin) as url, running(*capturing(store, f'{url}/source.m3u8')) as process:
        eventually(lambda: bodies(store) == [live.bodies[0], live.bodies[2]])
        process.wait_for('source-1.ts is empty')
        (origin / 'source-1.ts').write_bytes(packets('mended'))
        eventually(lambda: bodies(store) == [live.bodies[0], packets('mended'), live.bodies[2]])


def test_an_error_page_is_no_segment(tmp_path: Path) -> None:
    origin, store = tmp_path / 'origin', tmp_path / 'store'
    origin.mkdir()
    live = LivePlaylist(origin)
    live.step(1, body=b'<html>please log in</html>')
    live.step(1)
    with serving(origin) as url, running(*capturing(store, f'{url}/source.m3u8')) as process:
        process.wait_for('source-0.ts is no MPEG transport stream')
        eventually(lambda: bodies(store) == [live.bodies[1]])


def test_a_segment_that_was_cut_off_is_suspect_until_the_whole_one_comes(tmp_path: Path) -> None:
    origin, store = tmp_path / 'origin', tmp_path / 'store'
    origin.mkdir()
    live = LivePlaylist(origin)
    live.step(1, body=packets('whole')[:1000])
    with serving(origin) as url, running(*capturing(store, f'{url}/source.m3u8')):
        eventually(lambda: len(bodies(store)) == 1)
        (origin / 'source-0.ts').write_bytes(packets('whole'))
        eventually(lambda: len(bodies(store)) == 2)
    assert {name.split('-1-')[1].split('-')[0] for name in files_below(store)} == {'full', 'suspect'}


def test_what_was_missed_is_said(tmp_path: Path) -> None:
    origin, store = tmp_path / 'origin', tmp_path / 'store'
    origin.mkdir()
    live = LivePlaylist(origin)
    live.step(2)
    with serving(origin) as url, running(*capturing(store, f'{url}/source.m3u8')) as process:
        eventually(lambda: len(bodies(store)) == 2)
        live.step(7)
        process.wait_for('3 segments were offered and gone before they were taken')


def test_two_captures_of_one_origin_give_the_same_files(tmp_path: Path) -> None:
    origin = tmp_path / 'origin'
    origin.mkdir()
    live = LivePlaylist(origin)
    live.step(4)
    with (
        serving(origin) as url,
        running(*capturing(tmp_path / 'A', f'{url}/source.m3u8')),
        running(*capturing(tmp_path / 'B', f'{url}/source.m3u8')),
    ):
        eventually(lambda: len(bodies(tmp_path / 'A')) == len(bodies(tmp_path / 'B')) == 4)
    assert files_below(tmp_path / 'A') == files_below(tmp_path / 'B')


def test_bad_usage_is_said(tmp_path: Path) -> None:
    outcome: Process = run('backfiller', 'capture', 'http://x', '--store', tmp_path, '--stream', '../x')
    assert outcome.wait() == 2
    assert '--stream' in outcome.output


def test_real_video_of_a_real_encoder_plays_without_a_complaint(tmp_path: Path) -> None:
    origin, store = tmp_path / 'origin', tmp_path / 'store'
    origin.mkdir()
    with (
        running('env', '-C', origin, *video.live_command()),
        serving(origin) as url,
        restreamer(store) as node,
    ):
        eventually(lambda: (origin / 'master.m3u8').exists())
        with running(*capturing(store, f'{url}/master.m3u8')) as process:
            eventually(lambda: len(bodies(store)) >= 5 and len(bodies(store, '180p')) >= 5)
            assert process.stop() == 0
        assert_whole(store)
        for variant in video.VARIANTS:
            assert video.plays_cleanly(f'{node}/playlist/bus/{variant}.m3u8?{today()}') == ''
