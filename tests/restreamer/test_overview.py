"""GET /overview: what an operator sees at the top of the page, of real nodes."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import gevent
import pytest

from deploy.demo.cluster import free_port
from tests.kit.build import Piece, fill, run_of
from tests.kit.fake_peer import answering
from tests.kit.misdeeds import hang
from tests.kit.process import backfiller, eventually, get, restreamer
from tests.kit.scripted import Scripted, scripted
from tests.restreamer.neighbourhood import asked, counting, listing, node, told


def recent(count: int = 60, *, variant: str = 'source', but: tuple[int, ...] = ()) -> list[Piece]:
    """Segments of two seconds up to now."""
    start = datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=2 * count)
    pieces = run_of(count, f'{start:%Y-%m-%dT%H:%M:%S}', variant=variant)
    return [each for number, each in enumerate(pieces) if number not in but]


def listings_of(pieces: list[Piece]) -> dict[str, list[str]]:
    """What a peer of the plain protocol answers that holds them."""
    hours = sorted({each.hour.text for each in pieces})
    names = {f'/files/{each.hour.path}': list[str]() for each in pieces}
    for each in pieces:
        names[f'/files/{each.hour.path}'].append(each.name)
    return {'/files': ['bus'], '/files/bus': ['source'], '/files/bus/source': hours} | names


def overview(url: str) -> Any:
    return asked(url, '/overview')


def test_three_nodes_that_hold_the_same(tmp_path: Path) -> None:
    pieces = [*recent(), *recent(variant='480p')]
    with (
        restreamer(fill(tmp_path / 'one', pieces)) as one,
        restreamer(fill(tmp_path / 'two', pieces)) as two,
        node(fill(tmp_path / 'us', pieces), one, two) as url,
    ):
        found = overview(url)
    newest = f'{pieces[-1].segment.end:%H:%M:%S}'
    assert found['verdict']['level'] == 'complete', found['verdict']
    assert found['verdict']['text'].startswith('Complete on 3 of 3 nodes up to ')
    assert newest in found['verdict']['text']
    assert found['verdict']['details'] == []
    assert found['node']['has_backfiller'] is True
    assert [each['path'] for each in found['variants']] == ['bus/480p', 'bus/source']
    source = found['variants'][1]
    assert source['segments'] == 60
    assert source['percent'] == 100
    assert [each['node'] for each in source['nodes']] == ['this node', one, two]
    assert {each['missing_seconds'] for each in source['nodes']} == {0}
    assert {each['complete_up_to'] for each in source['nodes']} == {source['newest']}
    assert [(each['url'], each['reachable']) for each in found['peers']] == [(one, True), (two, True)]


def test_what_is_missing_and_where_it_can_be_had(tmp_path: Path) -> None:
    pieces = recent()
    ours = [each for number, each in enumerate(pieces) if number not in (5, 6, 20)]
    theirs = [each for number, each in enumerate(pieces) if number != 20]
    with restreamer(fill(tmp_path / 'one', theirs)) as peer, node(fill(tmp_path / 'us', ours), peer) as url:
        found = overview(url)
    assert found['verdict']['level'] == 'missing'
    assert found['verdict']['text'] == (
        '1 segment is missing everywhere; 2 segments are missing here but can still be fetched'
    )
    (source,) = found['variants']
    assert source['missing'] == {
        'holes': 2,
        'segments': 3,
        'seconds': 6.0,
        'fetchable': 1,
        'everywhere': 1,
        'unknown': 0,
    }
    assert source['percent'] == 95.0
    assert [each['missing_seconds'] for each in source['nodes']] == [6.0, 2.0]
    assert source['nodes'][0]['complete_up_to'] == f'{pieces[5].segment.start:%Y-%m-%dT%H:%M:%S}Z'


def test_peers_that_are_dead_hang_or_know_only_the_plain_protocol(tmp_path: Path) -> None:
    dead = f'http://127.0.0.1:{free_port()}'
    pieces = recent()
    with (
        scripted(Scripted(pieces, script=lambda _: hang)) as silent,
        answering(listing(listings_of(pieces))) as old,
        node(fill(tmp_path / 'us', pieces), dead, silent.url, old) as url,
    ):
        started = time.monotonic()
        found = overview(url)
        assert time.monotonic() - started < 10
        assert found['verdict']['text'].startswith('Complete on 2 of 4 nodes')
        assert [each['reachable'] for each in found['peers']] == [False, False, True]
        assert len(found['verdict']['details']) >= 2
        nodes = {each['node']: each for each in found['variants'][0]['nodes']}
        assert nodes[dead] == {'node': dead, 'complete_up_to': None, 'missing_seconds': None}
        started = time.monotonic()
        asked(url, '/holes/bus/source')
        assert time.monotonic() - started < 2.5, 'nobody waits for them again'


def test_it_is_made_once_for_all_who_ask(tmp_path: Path) -> None:
    counts: dict[str, int] = {}
    with (
        answering(counting(told(), counts)) as control,
        restreamer(fill(tmp_path / 'us', recent()), '--backfiller', control) as url,
    ):
        many = [gevent.spawn(overview, url) for _ in range(8)]
        gevent.joinall(many)
        assert len({each.value['time'] for each in many}) == 1
    assert counts == {'/status': 1}


def test_a_node_with_nothing(tmp_path: Path) -> None:
    with restreamer(tmp_path / 'us') as url:
        found = overview(url)
    assert found['verdict']['text'] == 'Nothing is recorded yet'
    assert (found['verdict']['level'], found['variants'], found['peers']) == ('empty', [], [])
    assert found['node']['has_backfiller'] is False
    assert 'no backfiller is configured' in found['node']['backfiller_error']
    assert found['disk']['free_bytes'] > 0
    assert (found['disk']['bytes_per_day'], found['disk']['days_left']) == (None, None)
    assert (found['mirror'], found['retention']) == (None, None)


def test_a_node_with_nothing_among_peers_that_have_something(tmp_path: Path) -> None:
    with restreamer(fill(tmp_path / 'one', recent())) as peer, node(tmp_path / 'us', peer) as url:
        found = overview(url)['verdict']
    assert (found['level'], found['text']) == (
        'missing',
        'Nothing is held here yet; the peers hold 1 variant',
    )
    with node(tmp_path / 'us', f'http://127.0.0.1:{free_port()}') as url:
        assert overview(url)['verdict']['level'] == 'unknown'


def test_the_room_that_is_left_is_told_from_the_last_day(tmp_path: Path) -> None:
    """48 hours of ten segments each, in different sizes for different days."""
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    pieces = []
    for hours in range(1, 49):
        start = now - timedelta(hours=hours)
        for each in run_of(10, f'{start:%Y-%m-%dT%H:%M:%S}'):
            pieces.append(Piece(each.segment, b'x' * (1000 if hours <= 24 else 500)))  # noqa: PERF401
    with restreamer(fill(tmp_path / 'us', pieces)) as url:
        found = overview(url)['disk']
    assert found['bytes_per_day'] == 240_000
    assert found['days_left'] == round(found['free_bytes'] / 240_000, 2)
    assert 200_000 <= found['held_bytes'] <= 480_000


def test_mirror_and_retention_are_told_as_the_backfiller_has_them(tmp_path: Path) -> None:
    hours = {
        'bus/source/2026-11-14T03': {'state': 'mirrored', 'problems': []},
        'bus/source/2026-11-14T02': {'state': 'failed', 'problems': ['x']},
        'bus/sourcery/2026-11-14T04': {'state': 'mirrored'},
    }
    mirror = {'bucket': 's3://archive', 'hours': hours, 'last_error': None}
    retention = {'lacking_bytes': 5, 'waiting_hours': 1, 'last_error': None, 'horizon': {}}
    with node(fill(tmp_path / 'us', recent()), mirror=mirror, retention=retention) as url:
        found = overview(url)
    assert found['mirror']['states'] == {'mirrored': 2, 'failed': 1}
    assert [each['path'][-13:] for each in found['mirror']['hours']] == [
        '2026-11-14T02',
        '2026-11-14T04',
        '2026-11-14T03',
    ]
    assert found['variants'][0]['mirror'] == {'mirrored': 1, 'failed': 1}
    assert found['retention'] == {'lacking_bytes': 5, 'waiting_hours': 1, 'last_error': None}
    assert '1 hour could not be mirrored' in found['verdict']['details']


@pytest.mark.parametrize(
    'said',
    [
        {'mirror': []},
        {'mirror': {'hours': {'x': 3}}},
        {'mirror': {'bucket': 5, 'hours': {'x': {'state': [], 'problems': 5}}, 'last_error': 'x'}},
        {'mirror': {'hours': {'a/b/c': {'problems': [None, 5]}}, 'last_error': {'time': 'x', 'message': 5}}},
        {'peers': {'http://x': 3}, 'retention': 'x'},
        {
            'peers': {
                'http://x': {'state': 5, 'id': [], 'lag_seconds': 'x', 'last_pass': {'left': [], 'x': 5}}
            }
        },
        {'peers': {'http://x': {'lag_seconds': float('nan'), 'last_pass': {'bytes_per_second': 'x'}}}},
        {'peers': {'http://x': {'last_error': 'x'}}, 'retention': {'lacking_bytes': 'x', 'last_error': [5]}},
        {'peers': {'http://x': {'last_error': {'time': 'x', 'message': 'y'}}}},
    ],
)
def test_the_control_port_may_say_anything(tmp_path: Path, said: dict[str, Any]) -> None:
    with (
        answering(listing({'/status': said})) as control,
        restreamer(fill(tmp_path / 'us', recent(3)), '--backfiller', control) as url,
    ):
        assert overview(url)['node']['has_backfiller'] is True
        assert get(f'{url}/').status_code == 200


def test_a_real_backfiller_fills_it_and_the_overview_says_so(tmp_path: Path) -> None:
    pieces = recent()
    store = fill(tmp_path / 'us', pieces[:20] + pieces[30:])
    with (
        restreamer(fill(tmp_path / 'peer', pieces)) as peer,
        backfiller(store, '--peer', peer, '--recent-cutoff', '0') as (_, control),
        restreamer(store, '--backfiller', control) as url,
    ):
        found = eventually(lambda: (found := overview(url))['peers'] and _is_complete(found) and found)
        assert found['peers'][0]['url'] == peer
        assert found['verdict']['text'].startswith('Complete on 2 of 2 nodes')
        eventually(lambda: overview(url)['peers'][0]['missing'] == 0)


def _is_complete(found: Any) -> bool:
    return bool(found['verdict']['level'] == 'complete')
