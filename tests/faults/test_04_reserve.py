"""Fault 4: less is free than is to stay free. Nothing more is fetched, and the rest goes on."""

from pathlib import Path

import pytest

from common.disk import Disk
from common.errors import StoreError
from tests.kit.build import files_below, fill, run_of
from tests.kit.live import LivePlaylist, serving
from tests.kit.process import backfiller, eventually, get, restreamer, run, running
from tests.kit.status import counted, peer_status

PIECES = run_of(10)
SHORT = ['--min-free', '900000T', '--keep-unmirrored', 'false']
TOLD = 'min_free keeps 900000000000000000 for others'


def test_04_a_run_fetches_nothing_and_says_why(tmp_path: Path) -> None:
    ours = fill(tmp_path / 'B', PIECES[:3])
    with restreamer(fill(tmp_path / 'A', PIECES)) as peer:
        outcome = run('backfiller', 'run', '--store', ours, '--once', '--peer', peer, *SHORT)
        assert outcome.wait() == 1
        assert TOLD in outcome.output
        assert set(files_below(ours)) == {each.path for each in PIECES[:3]}
        assert run('backfiller', 'run', '--store', ours, '--once', '--peer', peer).wait() == 0
    assert files_below(ours) == {each.path: each.body for each in PIECES}


def test_04_a_service_backs_off_and_what_is_held_is_served(tmp_path: Path) -> None:
    ours = fill(tmp_path / 'B', PIECES[:3])
    with (
        restreamer(fill(tmp_path / 'A', PIECES)) as peer,
        restreamer(ours) as own,
        backfiller(ours, '--peer', peer, *SHORT) as (process, control),
    ):
        error = eventually(lambda: peer_status(control, peer).get('last_error'))
        assert TOLD in error['message']
        assert counted(control, 'segments_backfilled_total') == 0
        assert get(f'{own}/segments/{PIECES[0].path}').content == PIECES[0].body
        assert 'Traceback' not in process.output
    assert set(files_below(ours)) == {each.path for each in PIECES[:3]}


def test_04_our_own_capture_goes_on(tmp_path: Path) -> None:
    origin, store = tmp_path / 'origin', tmp_path / 'store'
    origin.mkdir()
    live = LivePlaylist(origin)
    live.step(3)
    with serving(origin) as url:
        command = ['capture', f'{url}/source.m3u8', '--store', store, '--stream', 'bus']
        with running('backfiller', *command, env={'SEGMESH_MIN_FREE': '900000T'}):
            eventually(lambda: len(files_below(store)) == 3)


def test_04_the_reserve_is_for_others_and_only_while_it_is_reached(tmp_path: Path) -> None:
    root = tmp_path / 'not' / 'there' / 'yet'
    free = Disk(root).free_bytes()
    one, other = PIECES[:2]
    with pytest.raises(StoreError, match='bytes are free'):
        Disk(root, reserve_bytes=2 * free).add(one.segment, [one.body])
    assert not root.exists()
    assert Disk(root, reserve_bytes=free // 2).add(one.segment, [one.body]) == len(one.body)
    assert Disk(root).add(other.segment, [other.body]) == len(other.body)
