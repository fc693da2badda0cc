"""GET /holes: exactly what is missing, and who has it, whatever the peers are like."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from common.horizon import Horizon
from common.segment import Hour
from common.skips import Skip, Skips
from deploy.demo.cluster import free_port
from tests.kit.build import at, fill, piece, run_of
from tests.kit.fake_peer import HOUR_PATH, answering, plain
from tests.kit.misdeeds import (
    closed_early,
    cut_in_a_chunk,
    endless_body,
    endless_headers,
    gzip_bomb,
    hang,
    redirect_a_hundred_times,
    truncated,
)
from tests.kit.process import backfiller, eventually, restreamer
from tests.kit.scripted import Deed, Scripted, scripted
from tests.kit.tls import Authority
from tests.restreamer.client import ask
from tests.restreamer.neighbourhood import asked, counting, listing, node

ALL = run_of(60)
OURS = [each for number, each in enumerate(ALL) if number not in (10, 11, 40)]
"""Lacks 03:00:20 to 03:00:24, and 03:01:20 to 03:01:22."""

RANGE = {'start': '2026-11-14T03:00:00Z', 'end': '2026-11-14T04:00:00Z'}
PATH = '/holes/bus/source'


def holes(url: str, **query: str) -> Any:
    return asked(url, PATH, **(RANGE | query))


def short(answer: Any) -> list[tuple[str, float, str]]:
    """Start, seconds and where of each hole."""
    return [(each['start'][14:-1], each['seconds'], each['where']) for each in answer['holes']]


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return fill(tmp_path / 'store', OURS)


@contextmanager
def peer_with(folder: Path, *but: int) -> Iterator[str]:
    """A node that holds all but these."""
    pieces = [each for number, each in enumerate(ALL) if number not in but]
    with restreamer(fill(folder, pieces)) as url:
        yield url


def test_a_hole_says_who_has_it_and_who_lacks_it_too(tmp_path: Path, store: Path) -> None:
    with (
        peer_with(tmp_path / 'one', 40) as one,
        peer_with(tmp_path / 'two', 10, 11, 40) as two,
        node(store, one, two) as url,
    ):
        found = holes(url)
    assert found['seconds'] == 6.0
    assert found['peers'] == [{'url': one, 'error': None}, {'url': two, 'error': None}]
    assert found['holes'] == [
        {
            'start': '2026-11-14T03:01:20Z',
            'end': '2026-11-14T03:01:22Z',
            'seconds': 2.0,
            'segments': 1,
            'since': '2026-11-14T03:01:22Z',
            'where': 'everywhere',
            'fetchable_seconds': 0,
            'held_by': [],
            'missing_at': [one, two],
            'causes': {},
            'not_asked': [],
        },
        {
            'start': '2026-11-14T03:00:20Z',
            'end': '2026-11-14T03:00:24Z',
            'seconds': 4.0,
            'segments': 2,
            'since': '2026-11-14T03:00:24Z',
            'where': 'fetchable',
            'fetchable_seconds': 4.0,
            'held_by': [one],
            'missing_at': [two],
            'causes': {},
            'not_asked': [],
        },
    ]


def test_what_came_before_or_after_anybody_recorded_is_no_hole(store: Path) -> None:
    with node(store) as url:
        assert short(holes(url, start='2026-11-13T00:00:00Z')) == [
            ('01:20', 2.0, 'everywhere'),
            ('00:20', 4.0, 'everywhere'),
        ]


def test_what_a_peer_has_before_and_after_ours_is_missing(tmp_path: Path) -> None:
    store = fill(tmp_path / 'store', ALL[10:50])
    with peer_with(tmp_path / 'peer') as peer, node(store, peer) as url:
        assert short(holes(url)) == [('01:40', 20.0, 'fetchable'), ('00:00', 20.0, 'fetchable')]


def test_a_hole_at_the_edge_of_the_range_is_one_if_the_recording_goes_on_behind_it(store: Path) -> None:
    with node(store) as url:
        found = holes(url, start='2026-11-14T03:00:23Z', end='2026-11-14T03:01:21Z')
        assert short(found) == [('01:20', 1.0, 'everywhere'), ('00:23', 1.0, 'everywhere')]


def test_a_hole_says_why_it_was_not_recorded(store: Path) -> None:
    gone, broken, elsewhere = (ALL[number].segment for number in (10, 11, 30))
    noted = [
        Skip(10, 'gone', gone.start, gone.duration),
        Skip(11, '404', broken.start, broken.duration),
        Skip(12, 'gone', elsewhere.start, elsewhere.duration),
        Skip(13, 'gone'),
    ]
    Skips(store).append('bus', 'source', noted, at('2026-11-14T03:00:30'))
    with restreamer(store) as url:
        assert [each['causes'] for each in holes(url)['holes']] == [{}, {'gone': 1, '404': 1}]


def test_what_was_let_go_here_is_no_hole(tmp_path: Path, store: Path) -> None:
    early = run_of(5, '2026-11-14T01:00:00')
    Horizon(store).advance(Hour('bus', 'source', '2026-11-14T02'))
    with restreamer(fill(tmp_path / 'peer', [*early, *ALL])) as peer, node(store, peer) as url:
        found = holes(url, start='2026-11-14T00:00:00Z')
        assert short(found) == [('01:20', 2.0, 'fetchable'), ('00:20', 4.0, 'fetchable')]
        own = holes(url, own='true', start='2026-11-14T00:00:00Z')
        assert own['kept_from'] == '2026-11-14T03:00:00Z'


def test_what_would_be_let_go_is_no_hole_either(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('SEGMESH_KEEP', '1h')
    with node(store) as url:
        assert holes(url)['holes'] == []


def test_a_peer_may_speak_https(tmp_path: Path, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = Authority()
    respond = plain([each.name for each in ALL], {})
    with answering(respond, authority.context()) as peer:
        with node(store, peer) as url:
            assert 'certificate verify failed' in holes(url)['peers'][0]['error']
        monkeypatch.setenv('REQUESTS_CA_BUNDLE', str(authority.write_to(tmp_path)))
        with node(store, peer) as url:
            assert [each[2] for each in short(holes(url))] == ['fetchable', 'fetchable']


def test_a_hole_that_is_held_in_part_says_how_much(tmp_path: Path, store: Path) -> None:
    with peer_with(tmp_path / 'peer', 11) as peer, node(store, peer) as url:
        (_, hole) = holes(url)['holes']
    assert (hole['where'], hole['seconds'], hole['fetchable_seconds']) == ('fetchable', 4.0, 2.0)


def test_own_holes_are_told_without_asking_anybody(store: Path) -> None:
    counts: dict[str, int] = {}
    with answering(counting(listing({}), counts)) as peer, node(store, peer) as url:
        found = holes(url, own='true', end='2026-11-14T03:02:10Z')
    assert [each['start'][14:-1] for each in found['holes']] == ['02:00', '01:20', '00:20']
    assert (found['oldest'], found['newest']) == ('2026-11-14T03:00:00Z', '2026-11-14T03:02:00Z')
    assert (found['usual_seconds'], found['truncated'], counts) == (2.0, False, {})


def test_a_peer_of_the_plain_protocol_is_asked_for_the_hours_with_holes_only(store: Path) -> None:
    counts: dict[str, int] = {}
    names = [each.name for each in ALL[:40]]
    peer_of = counting(plain(names, {}), counts)
    with answering(peer_of) as peer, node(store, peer) as url:
        for _ in range(2):
            found = holes(url)
            assert short(found) == [('01:20', 2.0, 'everywhere'), ('00:20', 4.0, 'fetchable')]
    assert counts[HOUR_PATH] == 1


def test_hours_that_are_equal_by_fingerprint_are_not_listed(store: Path) -> None:
    with scripted(Scripted(OURS)) as peer, node(store, peer.url) as url:
        assert [each[2] for each in short(holes(url))] == ['everywhere', 'everywhere']
    assert peer.asked('GET', HOUR_PATH) == []


def test_a_peer_that_starts_an_hour_earlier_reaches_into_the_hole(tmp_path: Path) -> None:
    store = fill(tmp_path / 'store', [piece('2026-11-14T02:59:56'), *run_of(5, '2026-11-14T03:00:02')])
    late = piece('2026-11-14T02:59:58', seconds=4)
    paths = {'/files/bus/source': ['2026-11-14T02'], '/files/bus/source/2026-11-14T02': [late.name]}
    with answering(listing(paths)) as peer, node(store, peer) as url:
        found = holes(url, start='2026-11-14T02:00:00Z')
    assert short(found) == [('59:58', 4.0, 'fetchable')]


def test_only_the_newest_hours_with_holes_are_asked_for(tmp_path: Path) -> None:
    hours = [f'2026-11-{day:02}T{hour:02}' for day in (10, 11, 12) for hour in range(24)]
    ours = [piece(f'{hour}:00:00') for hour in hours]
    counts: dict[str, int] = {}
    paths = {'/files/bus/source': hours} | {f'/files/bus/source/{hour}': [] for hour in hours}
    with (
        answering(counting(listing(paths), counts)) as peer,
        node(fill(tmp_path / 'store', ours), peer) as url,
    ):
        found = holes(url, start='2026-11-10T00:00:00Z', end='2026-11-13T00:00:00Z')
    listed = {path[17:] for path in counts if path.startswith('/files/bus/source/')}
    assert listed == {f'/{hour}' for hour in hours[-48:]}
    assert [each['where'] for each in found['holes']] == ['everywhere'] * 47 + ['unknown'] * 24
    assert found['holes'][-1]['not_asked'][0]['error'] == (
        f'{peer}: only the newest 48 hours with holes were asked for'
    )


def test_a_dead_peer_leaves_it_open_and_costs_the_others_nothing(tmp_path: Path, store: Path) -> None:
    dead = f'http://127.0.0.1:{free_port()}'
    with peer_with(tmp_path / 'peer', 40) as peer, node(store, dead, peer) as url:
        found = holes(url)
        assert short(found) == [('01:20', 2.0, 'unknown'), ('00:20', 4.0, 'fetchable')]
        assert found['holes'][0]['missing_at'] == [peer]
        (not_asked,) = found['holes'][0]['not_asked']
        assert not_asked['peer'] == dead
        assert 'cannot be reached: Connection refused' in not_asked['error']


@pytest.mark.parametrize('deed', [hang, endless_body])
def test_a_peer_that_never_ends_is_waited_for_once_and_not_for_long(store: Path, deed: Deed) -> None:
    with scripted(Scripted(ALL, script=lambda _: deed)) as peer, node(store, peer.url) as url:
        started = time.monotonic()
        assert [each[2] for each in short(holes(url))] == ['unknown', 'unknown']
        assert time.monotonic() - started < 10
        before = len(peer.requests)
        if deed is hang:
            assert [each[2] for each in short(holes(url))] == ['unknown', 'unknown']
            assert len(peer.requests) == before


@pytest.mark.parametrize(
    'answer',
    [
        b'{}',
        b'[]',
        b'nonsense',
        b'[' * 100_000,
        b'{"holes": [{"start": "9999-12-31T23:59:59Z", "end": "0001-01-01T00:00:00Z"}]}',
        b'{"holes": [], "truncated": 0, "oldest": "x", "newest": null, "kept_from": null}',
        b'{"holes": {"a": 1}, "truncated": false}',
        b'x' * 5_000_000,
    ],
)
def test_a_peer_that_answers_nonsense_is_unknown(store: Path, answer: bytes) -> None:
    with answering(lambda _: (200, answer)) as peer, node(store, peer) as url:
        found = holes(url)
    assert [each[2] for each in short(found)] == ['unknown', 'unknown']
    assert found['peers'][0]['error']


@pytest.mark.parametrize(
    'deed', [truncated, cut_in_a_chunk, closed_early, gzip_bomb, endless_headers, redirect_a_hundred_times]
)
def test_a_peer_that_breaks_the_protocol_is_unknown(store: Path, deed: Deed) -> None:
    with scripted(Scripted(ALL, script=lambda _: deed)) as peer, node(store, peer.url) as url:
        found = holes(url)
    assert [each[2] for each in short(found)] == ['unknown', 'unknown']
    assert peer.url in found['peers'][0]['error']


def test_names_that_are_none_are_left_out(store: Path) -> None:
    names = ['../../etc/passwd', 'x', '\x00', *(each.name for each in ALL[10:12]), '00:00-1-full-short.ts']
    with answering(plain(names, {})) as peer, node(store, peer) as url:
        assert short(holes(url)) == [('01:20', 2.0, 'everywhere'), ('00:20', 4.0, 'fetchable')]


def test_a_peer_is_not_followed_to_another_server(store: Path) -> None:
    counts: dict[str, int] = {}
    with (
        answering(counting(listing({}), counts)) as victim,
        answering(lambda _: (302, f'{victim}/x'.encode())) as peer,
        node(store, peer) as url,
    ):
        found = holes(url)
    assert 'which is another server' in found['peers'][0]['error']
    assert counts == {}


def test_without_a_backfiller_it_is_not_known_where_anything_is(store: Path) -> None:
    with restreamer(store) as url:
        found = holes(url)
    assert [each[2] for each in short(found)] == ['unknown', 'unknown']
    assert 'no backfiller is configured' in found['error']


def test_peers_are_learnt_from_the_backfiller_beside_it(tmp_path: Path, store: Path) -> None:
    with (
        peer_with(tmp_path / 'peer') as peer,
        backfiller(tmp_path / 'other', '--peer', peer, '--stream', 'other') as (_, control),
        restreamer(store, '--backfiller', control) as url,
    ):
        found = eventually(lambda: (found := holes(url))['peers'] and found)
    assert found['peers'] == [{'url': peer, 'error': None}]
    assert short(found) == [('01:20', 2.0, 'fetchable'), ('00:20', 4.0, 'fetchable')]


@pytest.mark.parametrize(
    'query', ['start=x', 'own=maybe', 'start=2026-01-01T00:00:00Z&end=2026-03-01T00:00:00Z']
)
def test_a_bad_question_is_400_and_says_why(store: Path, query: str) -> None:
    with restreamer(store) as url:
        answer = ask(url, f'{PATH}?{query}')
    assert answer.status == 400
    assert json.loads(answer.body)['error']
