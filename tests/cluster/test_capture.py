"""`backfiller capture` of live origins that a test steps through, and of a real encoder."""

import os
import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from common.skips import Skips
from deploy.demo import video
from deploy.demo.cluster import free_port
from tests.kit.build import HOUR, assert_whole, at, files_below
from tests.kit.invariants import listed
from tests.kit.live import LivePlaylist, packets, serving
from tests.kit.origin import Live, origin_of, real_time
from tests.kit.process import Process, backfiller, eventually, restreamer, run, running

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
        process.wait_for('3 segments were offered and gone before being taken')


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


@pytest.mark.parametrize(
    ('given', 'said'),
    [
        (['http://x', '--stream', '../x'], "--stream: '../x' is not allowed"),
        (
            ['ftp://x/y.m3u8', '--stream', 'bus'],
            "URL: 'ftp://x/y.m3u8' is not allowed: give an http or https URL",
        ),
        (['http:/x/y.m3u8', '--stream', 'bus'], "URL: 'http:/x/y.m3u8' is not allowed"),
        (
            ['http://x', '--stream', 'bus', '--allow-host', 'http://y'],
            "--allow-host: 'http://y' is not allowed",
        ),
    ],
)
def test_bad_usage_is_said(tmp_path: Path, given: list[str], said: str) -> None:
    outcome: Process = run('backfiller', 'capture', '--store', tmp_path, *given)
    assert (outcome.wait(), said in outcome.output) == (2, True), outcome.output


def test_a_page_in_place_of_a_playlist_is_named(tmp_path: Path) -> None:
    (tmp_path / 'page.html').write_text('<!DOCTYPE html>\n')
    with running(*capturing(tmp_path / 'store', str(tmp_path / 'page.html'))) as process:
        process.wait_for(
            f"{tmp_path}/page.html: '<!DOCTYPE html>.*' is not a playlist: it does not start with"
        )
        assert 'recording' not in process.output


@pytest.mark.slow
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


def full(store: Path, variant: str = 'source') -> set[bytes]:
    """What was captured whole."""
    return {path.read_bytes() for path in (store / 'bus' / variant).rglob('*-full-*')}


def bodies_of(live: Live) -> set[bytes]:
    return {each.body for each in live.every}


def quick(name: str = 'source', **how: Any) -> Live:
    """Half a second each; of playlists like that the next load comes within half a second."""
    return Live(name, window=8, seconds=0.5, target=1, **how)


def test_a_further_source_is_recorded_while_the_first_is_away(tmp_path: Path) -> None:
    first, second = quick(), quick(tag='b')
    with origin_of(first) as origin, origin_of(second) as backup:
        first.publish(2)
        with running(*capturing(tmp_path, origin.at(), backup.at())) as process:
            eventually(lambda: full(tmp_path) == bodies_of(first))
            origin.stop()
            second.time = first.time
            second.publish(3)
            process.wait_for('recorded from source 2')
            eventually(lambda: full(tmp_path) == bodies_of(first) | bodies_of(second))


def test_a_source_that_stalls_is_left_for_the_next(tmp_path: Path) -> None:
    first, second = quick(), quick(tag='b')
    with origin_of(first) as origin, origin_of(second) as backup:
        first.publish(2)
        second.time = first.time
        second.publish(2)
        with running(*capturing(tmp_path, origin.at(), backup.at())) as process:
            process.wait_for('has not changed for three target durations')
            eventually(lambda: full(tmp_path) == bodies_of(first) | bodies_of(second))


def test_what_two_servers_offer_alike_is_taken_once(tmp_path: Path) -> None:
    live = quick()
    with origin_of(live) as origin, origin_of(live) as backup:
        live.publish(4)
        with running(*capturing(tmp_path, origin.at(), backup.at())):
            eventually(lambda: full(tmp_path) == bodies_of(live))
            origin.stop()
            eventually(lambda: backup.asked['/source.m3u8'] > 1)
            live.publish()
            eventually(lambda: full(tmp_path) == bodies_of(live))
        assert sum(count for path, count in backup.asked.items() if path.endswith('.ts')) == 1


def test_a_finished_recording_ends_with_what_it_lacks(tmp_path: Path) -> None:
    live = quick(start=at('2026-11-14T03:00:00'))
    with origin_of(live) as origin:
        live.publish(4)
        live.ended = True
        done = run(*capturing(tmp_path / 'whole', origin.at(), '--once'))
        assert (done.wait(), full(tmp_path / 'whole')) == (0, bodies_of(live))
        origin.does('404', live.every[2].path)
        lacking = run(*capturing(tmp_path / 'lacking', origin.at(), '--once'))
        assert lacking.wait() == 1
        assert 'bus/source: 1 404' in lacking.output
        assert len(full(tmp_path / 'lacking')) == 3
        assert [each.skip.sequence for each in Skips(tmp_path / 'lacking').read('bus', 'source')] == [2]


def test_an_ended_origin_that_begins_again_is_recorded_on(tmp_path: Path) -> None:
    live = quick()
    with origin_of(live) as origin:
        live.publish(2)
        live.ended = True
        with running(*capturing(tmp_path, origin.at())):
            eventually(lambda: full(tmp_path) == bodies_of(live))
            live.restart()
            live.publish(2)
            eventually(lambda: full(tmp_path) == bodies_of(live))


def test_a_byte_range_is_taken_whether_the_server_knows_ranges_or_not(tmp_path: Path) -> None:
    parts = [packets(f'part {number}') for number in range(3)]
    live = quick()
    with origin_of(live) as origin:
        live.files['/all.ts'] = b''.join(parts)
        ranges = [f'#EXT-X-BYTERANGE:{len(part)}' for part in parts]
        ranges[0] += '@0'
        for part, line in zip(parts, ranges, strict=True):
            live.publish(path='/all.ts', body=part, lines=(line,))
        live.files['/all.ts'] = b''.join(parts)
        for deed in ('', 'whole'):
            origin.does(deed, '/all.ts')
            with running(*capturing(tmp_path / (deed or 'ranges'), origin.at())):
                eventually(lambda: full(tmp_path / (deed or 'ranges')) == set(parts))  # noqa: B023


def test_a_local_folder_is_an_origin(tmp_path: Path) -> None:
    origin, store = tmp_path / 'origin', tmp_path / 'store'
    origin.mkdir()
    live = LivePlaylist(origin)
    live.step(3)
    with running(*capturing(store, str(origin / 'source.m3u8'))) as process:
        eventually(lambda: bodies(store) == live.bodies)
        for _ in range(5):
            live.step()
            eventually(lambda: bodies(store) == live.bodies)
        assert process.stop() == 0
    again = tmp_path / 'again'
    with running(*capturing(again, (origin / 'source.m3u8').as_uri())):
        eventually(lambda: bodies(again) == live.bodies[-4:])


def test_fragments_come_with_their_init_section(tmp_path: Path) -> None:
    live = quick()
    init, body = b'\0\0\0\x10ftypisom\0\0\0\0', b'\0\0\0\x18styp' + bytes(16)
    with origin_of(live) as origin:
        live.files['/init.mp4'] = init
        live._lines.append('#EXT-X-MAP:URI="/init.mp4"')
        live.publish(path='/one.m4s', body=body)
        with running(*capturing(tmp_path, origin.at())):
            eventually(lambda: full(tmp_path) == {body})
    (segment,) = (tmp_path / 'bus').rglob('*.m4s')
    (section,) = (tmp_path / 'bus').rglob('*.mp4')
    assert section.read_bytes() == init
    assert section.stem.removeprefix('00:00-0-init-') in segment.name


def test_no_playlist_is_loaded_more_often_than_twice_a_target_duration(tmp_path: Path) -> None:
    live = Live(window=6, seconds=2)
    with origin_of(live) as origin:
        live.publish(3)
        began = time.monotonic()
        with running(*capturing(tmp_path, origin.at())):
            eventually(lambda: origin.asked['/source.m3u8'] >= 4)
            live.publish()
            eventually(lambda: full(tmp_path) == bodies_of(live))
            loads = origin.asked['/source.m3u8']
        seconds = time.monotonic() - began
        assert loads <= seconds / 1.0 + 2  # one to find out what it is
        assert all(origin.asked[each.path] == 1 for each in live.every)


def noted_causes(store: Path) -> set[str]:
    return {each.skip.cause for each in Skips(store).read('bus', 'source')}


class Cut:
    """Two nodes in front of one encoder, each with a way to it of its own, and with the other as its peer."""

    def __init__(self, folder: Path, live: Live, stack: ExitStack) -> None:
        self.stores = [folder / 'A', folder / 'B']
        self.live = live
        self.ways = [stack.enter_context(origin_of(live)) for _ in self.stores]
        self.captures = [
            stack.enter_context(running(*capturing(store, way.at())))
            for store, way in zip(self.stores, self.ways, strict=True)
        ]
        live.publish()
        eventually(self.whole)
        urls = [stack.enter_context(restreamer(store)) for store in self.stores]
        flags = ('--recent-cutoff', '0')
        for store, url in zip(self.stores, reversed(urls), strict=True):
            stack.enter_context(backfiller(store, '--peer', url, *flags))

    def whole(self) -> bool:
        return all(full(store) == bodies_of(self.live) for store in self.stores)

    def goes_on(self, seconds: float) -> None:
        """The encoder writes for so long, at its own pace."""
        real_time(self.live, time.monotonic() + seconds, 0.5)

    def cut_off(self, number: int, seconds: float) -> None:
        self.ways[number].stop()
        self.goes_on(seconds)
        self.ways[number].start()


@pytest.mark.slow
def test_two_nodes_that_are_cut_off_at_different_times_end_with_the_same_and_no_hole(tmp_path: Path) -> None:
    seconds = float(os.environ.get('SEGMESH_SOAK_SECONDS', '6'))
    with ExitStack() as stack:
        nodes = Cut(tmp_path, quick(), stack)
        nodes.cut_off(0, seconds)
        nodes.goes_on(2)
        nodes.cut_off(1, seconds)
        eventually(nodes.whole)
        for store in nodes.stores:
            eventually(lambda: noted_causes(store) == {'gone'})  # noqa: B023
        assert all(capture.stop() == 0 for capture in nodes.captures)
    assert listed(tmp_path / 'A') == listed(tmp_path / 'B')
    starts = sorted(each.start for each in nodes.live.every)
    assert starts[-1] - starts[0] == timedelta(seconds=0.5 * (len(starts) - 1))
    for store in nodes.stores:
        assert_whole(store)
