"""`backfiller run` as a service: what it follows, tells and survives."""

import signal
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from deploy.demo.cluster import free_port
from tests.kit.build import assert_whole, files_below, fill, run_of
from tests.kit.process import (
    backfiller,
    eventually,
    get,
    metrics,
    requests,
    restreamer,
    running,
)

ANSWERED_HOURS = 'http_requests_total{endpoint="listings.hours",method="GET",status="200"}'


def test_counters_status_and_a_prompt_stop(tmp_path: Path) -> None:
    pieces = run_of(8)
    with (
        restreamer(fill(tmp_path / 'A', pieces)) as peer,
        backfiller(tmp_path / 'B', '--peer', peer) as (process, control),
    ):
        eventually(lambda: files_below(tmp_path / 'B').keys() == {each.path for each in pieces})
        eventually(lambda: _synced(control, peer))
        assert (
            metrics(control)[
                f'segments_backfilled_total{{hour="2026-11-14T03",remote="{peer}",'
                'stream="bus",variant="source"}'
            ]
            == 8
        )
        status = get(f'{control}/status').json()['peers'][peer]
        assert status['state'] == 'idle'
        assert status['last_pass']['left'] == 0
        began = time.monotonic()
        assert process.stop() == 0, process.output
        assert time.monotonic() - began < 2


def test_a_new_segment_is_known_at_once_and_idling_costs_one_request_at_a_time(tmp_path: Path) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    pieces = run_of(3, f'{now - timedelta(minutes=5):%Y-%m-%dT%H:%M:%S}')
    theirs, ours = fill(tmp_path / 'A', pieces[:2]), tmp_path / 'B'
    with restreamer(theirs) as peer, backfiller(ours, '--peer', peer, '--recent-cutoff', '0') as (_, control):
        eventually(lambda: _synced(control, peer))
        before = _listings(peer)
        fill(theirs, pieces)  # the next pass by the clock is minutes away
        eventually(lambda: len(files_below(ours)) == 3)
        assert _listings(peer) - before < 10


def test_only_what_is_captured_here_is_left_to_our_own_capture_for_a_while(tmp_path: Path) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    begin = f'{now - timedelta(seconds=6):%Y-%m-%dT%H:%M:%S}'
    captured, relayed = run_of(3, begin), run_of(3, begin, variant='360p')
    theirs, ours = fill(tmp_path / 'A', [*captured, *relayed[:1]]), fill(tmp_path / 'B', captured[:1])
    with restreamer(theirs) as peer, backfiller(ours, '--peer', peer) as (_, control):
        eventually(lambda: relayed[0].path in files_below(ours))
        eventually(lambda: _synced(control, peer))
        fill(theirs, relayed)
        eventually(lambda: relayed[-1].path in files_below(ours))
    assert files_below(ours).keys() == {each.path for each in (captured[0], *relayed)}


def test_a_waiting_request_does_not_delay_a_stop(tmp_path: Path) -> None:
    theirs = fill(tmp_path / 'A', run_of(2))
    with running('restreamer', '--store', theirs, '--listen', '127.0.0.1:0') as serving:
        peer = serving.wait_for(r' on (http://\S+)')[1]
        with backfiller(tmp_path / 'B', '--peer', peer) as (process, control):
            eventually(lambda: _synced(control, peer))
            eventually(lambda: metrics(peer)[ANSWERED_HOURS] >= 2)
            assert serving.stop(timeout=10) == 0
            assert 'cut off' not in serving.output
            assert process.stop() == 0


def test_a_pass_can_be_asked_for(tmp_path: Path) -> None:
    theirs = fill(tmp_path / 'A', run_of(1))
    with restreamer(theirs) as peer, backfiller(tmp_path / 'B', '--peer', peer) as (_, control):
        eventually(lambda: _synced(control, peer))
        more = [*run_of(4), *run_of(4, stream='tram')]
        fill(theirs, more)
        answer = requests.post(f'{control}/backfill?stream=bus', timeout=10)
        assert (answer.status_code, answer.json()) == (202, {'peers_asked': 1})
        eventually(lambda: len(files_below(tmp_path / 'B')) == 4)
        requests.post(f'{control}/backfill', timeout=10)
        eventually(lambda: len(files_below(tmp_path / 'B')) == 8)


@pytest.mark.parametrize('query', ['stream=../x', 'hour=yesterday', 'colour=red'])
def test_asking_for_nonsense_is_a_400_with_a_sentence(tmp_path: Path, query: str) -> None:
    with backfiller(tmp_path) as (_, control):
        answer = requests.post(f'{control}/backfill?{query}', timeout=10)
    assert answer.status_code == 400
    assert len(answer.json()['error']) > 20


def test_a_peer_that_is_down_from_the_start_is_followed_when_it_comes(tmp_path: Path) -> None:
    pieces = run_of(5)
    theirs, port = fill(tmp_path / 'A', pieces), free_port()
    peer = f'http://127.0.0.1:{port}'
    with (
        restreamer(fill(tmp_path / 'C', run_of(5, stream='tram'))) as up,
        backfiller(tmp_path / 'B', '--peer', peer, '--peer', up) as (process, control),
    ):
        eventually(lambda: len(files_below(tmp_path / 'B')) == 5)
        status = get(f'{control}/status').json()['peers']
        assert status[peer]['state'] == 'backing off'
        assert 'cannot be reached' in status[peer]['last_error']['message']
        with running('restreamer', '--store', theirs, '--listen', f'127.0.0.1:{port}'):
            eventually(lambda: len(files_below(tmp_path / 'B')) == 10)
            process.wait_for('recovered after')


def test_peers_come_and_go_with_the_watched_file(tmp_path: Path) -> None:
    file = tmp_path / 'peers'
    file.write_text('# nobody yet\n')
    with (
        restreamer(fill(tmp_path / 'A', run_of(5))) as peer,
        backfiller(tmp_path / 'B', '--peers-file', file) as (process, control),
    ):
        file.write_text(f'{peer}\n')
        eventually(lambda: len(files_below(tmp_path / 'B')) == 5)
        file.write_text('not a url\n')
        process.wait_for('line 1.*the peers stay as they were')
        assert list(get(f'{control}/status').json()['peers']) == [peer]
        file.write_text('\n')
        eventually(lambda: get(f'{control}/status').json()['peers'] == {})


def test_kill_9_in_mid_pass_loses_nothing_and_leaves_nothing(tmp_path: Path) -> None:
    pieces = run_of(3000, seconds=1)
    theirs, ours = fill(tmp_path / 'A', pieces), tmp_path / 'B'
    with restreamer(theirs) as peer:
        for durability in ('segment', 'batch', 'segment'):
            with backfiller(ours, '--peer', peer, '--durability', durability) as (process, _):
                before = len(_segments(ours))
                eventually(lambda before=before: len(_segments(ours)) > before + 20)
                process.stop(signal.SIGKILL)
            assert len(_segments(ours)) < 3000
            assert_whole(ours)
        with backfiller(ours, '--peer', peer) as (process, control):
            eventually(lambda: _synced(control, peer))
            process.stop()
    assert files_below(ours) == files_below(theirs)


def _segments(store: Path) -> dict[str, bytes]:
    hour = store / 'bus/source/2026-11-14T03'
    return {path.name: path.read_bytes() for path in hour.iterdir()} if hour.exists() else {}


def _listings(peer: str) -> float:
    return sum(
        value for name, value in metrics(peer).items() if 'endpoint="listings' in name and '_total' in name
    )


def _synced(control: str, peer: str) -> bool:
    last = get(f'{control}/status').json()['peers'][peer]['last_pass']
    return last is not None and last['kind'] == 'full' and last['left'] == 0
