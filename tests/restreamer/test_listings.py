"""GET /files on a real restreamer: what is listed, what never is, and how a poll is answered."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from common import digest
from tests.kit.build import HOUR, fill, piece, run_of, tombstone_of
from tests.kit.process import restreamer
from tests.restreamer.client import Answer, ask

PIECES = [
    *run_of(40),
    *run_of(3, '2026-11-14T05:00:00'),
    piece(variant='480p'),
    piece(stream='tram', kind='suspect'),
]
WITHDRAWN = PIECES[7]
LISTED = [each.name for each in PIECES[:40] if each is not WITHDRAWN]
TOMBSTONE = tombstone_of(WITHDRAWN).name
HOUR_PATH = f'/files/{HOUR.path}'
ODD = [
    '.temp/0123',
    '.quarantine/bus/source/x.ts',
    'notes.txt',
    'bus/.hidden/2026-11-14T03/x',
    'bus/a file',
    'bus/source/.2026-11-14T03',
    'bus/source/2026-11-14T99/x',
    'bus/source/2026-11-14/x',
    f'{HOUR.path}/.{PIECES[0].name}',
    f'{HOUR.path}/{PIECES[0].name}.part',
    f'{HOUR.path}/playlist.m3u8',
    f'{HOUR.path}/00:00-2-full-short.ts',
    f'{HOUR.path}/99:00-2-full-{PIECES[0].segment.hash}.ts',
]


@pytest.fixture(scope='module')
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    store = fill(tmp_path_factory.mktemp('listings') / 'store', PIECES)
    (store / WITHDRAWN.hour.path / TOMBSTONE).touch()
    for path in ODD:
        _touch(store / path)
    (store / 'linked').symlink_to(store / 'bus')
    (store / 'bus/linked').symlink_to(store / 'bus/source')
    with restreamer(store) as url:
        yield url


def _touch(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b'not for others')


def listing(url: str, path: str) -> Any:
    answer = ask(url, path)
    assert answer.status == 200, answer.body
    assert answer.headers['Content-Type'] == 'application/json'
    return json.loads(answer.body)


@pytest.mark.parametrize(
    ('path', 'expected'),
    [
        ('/files', ['bus', 'tram']),
        ('/files/bus', ['480p', 'source']),
        ('/files/bus/source', ['2026-11-14T03', '2026-11-14T05']),
        ('/files/bus/source?since=2026-11-14T04:00:00Z', ['2026-11-14T05']),
        ('/files/bus/source?since=2026-11-14T03:59:59Z', ['2026-11-14T03', '2026-11-14T05']),
        (HOUR_PATH, LISTED),
        (f'{HOUR_PATH}?tombstones=false', LISTED),
        (f'{HOUR_PATH}?tombstones=true', sorted([*LISTED, TOMBSTONE])),
        ('/files/tram/source/2026-11-14T03', [PIECES[-1].name]),
    ],
)
def test_each_level_lists_what_is_held_and_nothing_odd(url: str, path: str, expected: list[str]) -> None:
    assert listing(url, path) == expected


@pytest.mark.parametrize(
    'path',
    [
        '/files/nobody',
        '/files/nobody/source',
        '/files/bus/nothing',
        '/files/bus/source/2026-11-14T04',
        '/files/nobody/source/2026-11-14T03?tombstones=true',
        '/files/linked',
        '/files/linked/source/2026-11-14T03',
        '/files/bus/linked',
        '/files/bus/linked/2026-11-14T03',
    ],
)
def test_what_is_unknown_or_behind_a_link_is_an_empty_list(url: str, path: str) -> None:
    assert listing(url, path) == []


def test_fingerprints_summarise_the_names_with_their_tombstones(url: str) -> None:
    found = listing(url, '/files/bus/source?fingerprints=true')
    assert list(found) == ['2026-11-14T03', '2026-11-14T05']
    assert found['2026-11-14T03'] == {
        'segments': len(LISTED),
        'fingerprint': digest.fingerprint([*LISTED, TOMBSTONE]),
    }
    later = listing(url, '/files/bus/source?fingerprints=true&since=2026-11-14T04:00:00')
    assert list(later) == ['2026-11-14T05']
    assert listing(url, '/files/bus/nothing?fingerprints=true') == {}


@pytest.mark.parametrize('path', ['/files', HOUR_PATH, '/files/bus/source?fingerprints=true'])
def test_a_poll_of_an_unchanged_listing_costs_a_304(url: str, path: str) -> None:
    etag = ask(url, path).headers['ETag']
    again = ask(url, path, headers={'If-None-Match': etag, 'Accept-Encoding': 'gzip'})
    assert (again.status, again.body) == (304, b'')
    assert again.headers['ETag'] == etag
    assert ask(url, path, headers={'If-None-Match': '"another"'}).status == 200


def test_the_etag_changes_with_the_listing(tmp_path: Path) -> None:
    path = '/files/bus/source?fingerprints=true'
    with restreamer(fill(tmp_path, PIECES[:1])) as url:
        etag = ask(url, path).headers['ETag']
        fill(tmp_path, PIECES[1:2])
        assert ask(url, path, headers={'If-None-Match': etag}).status == 200


@pytest.mark.parametrize('accepted', ['gzip', 'gzip, deflate, br', '*', 'br;q=1.0, gzip;q=0.5'])
def test_a_long_listing_is_gzipped_for_who_takes_it(url: str, accepted: str) -> None:
    answer = ask(url, HOUR_PATH, headers={'Accept-Encoding': accepted})
    assert answer.headers['Content-Encoding'] == 'gzip'
    assert 'Accept-Encoding' in answer.headers['Vary']
    assert answer.headers['Content-Length'] == str(len(answer.body))
    assert json.loads(gzip.decompress(answer.body)) == LISTED


@pytest.mark.parametrize('accepted', ['gzip;q=0', 'identity', 'br', '*;q=0', ''])
def test_a_long_listing_is_plain_for_who_does_not_take_gzip(url: str, accepted: str) -> None:
    answer = ask(url, HOUR_PATH, headers={'Accept-Encoding': accepted})
    assert 'Content-Encoding' not in answer.headers
    assert 'Accept-Encoding' in answer.headers['Vary']
    assert json.loads(answer.body) == LISTED


def test_a_short_listing_is_not_gzipped(url: str) -> None:
    answer = ask(url, '/files', headers={'Accept-Encoding': 'gzip'})
    assert 'Content-Encoding' not in answer.headers


@pytest.mark.parametrize('path', ['/files', HOUR_PATH, '/files/..', '/nowhere'])
def test_players_of_other_origins_may_read_every_answer(url: str, path: str) -> None:
    answer = ask(url, path)
    assert answer.headers['Access-Control-Allow-Origin'] == '*'
    assert 'ETag' in answer.headers['Access-Control-Expose-Headers']


def test_a_preflight_allows_ranges(url: str) -> None:
    asked = {'Origin': 'http://elsewhere', 'Access-Control-Request-Headers': 'range'}
    answer = ask(url, f'/segments/{PIECES[0].path}', 'OPTIONS', asked)
    assert (answer.status, answer.body) == (200, b'')
    assert answer.headers['Access-Control-Allow-Origin'] == '*'
    assert 'GET' in answer.headers['Access-Control-Allow-Methods']
    assert 'Range' in answer.headers['Access-Control-Allow-Headers']


@pytest.mark.parametrize('headers', [{}, {'Accept-Encoding': 'gzip'}])
def test_head_has_the_headers_of_get_and_no_body(url: str, headers: dict[str, str]) -> None:
    head, get = (ask(url, HOUR_PATH, method, headers) for method in ('HEAD', 'GET'))
    assert (head.status, head.body) == (200, b'')
    assert _lasting(head) == _lasting(get)


def _lasting(answer: Answer) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name != 'Date'}
