"""GET /segments on a real restreamer: the bytes, their headers, parts of them, and what is refused."""

import socket
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from gevent.pywsgi import WSGIHandler

from common.http.handler import Handler, Limits
from restreamer.serving.files import BLOCK_BYTES, MANY
from tests.kit.build import at, fill, piece, run_of, tombstone_of
from tests.kit.process import get, metrics, restreamer
from tests.restreamer.client import Answer, Clock, answer_of, ask, client_of, connect

WHOLE, WITHDRAWN, MISSING = run_of(3)
BIG = piece('2026-11-14T03:30:00', body=bytes(range(256)) * 400)
EMPTY = piece('2026-11-14T03:40:00', body=WHOLE.body)
SIZE = len(BIG.body)
BIG_PATH = f'/segments/{BIG.path}'


@pytest.fixture(scope='module')
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    store = fill(tmp_path_factory.mktemp('segments') / 'store', [WHOLE, WITHDRAWN, BIG, EMPTY])
    (store / tombstone_of(WITHDRAWN).path).touch()
    (store / EMPTY.path).write_bytes(b'')
    with restreamer(store) as url:
        yield url


def part(url: str, wanted: str, **headers: str) -> Answer:
    return ask(url, BIG_PATH, headers={'Range': wanted, **headers})


@pytest.mark.parametrize('path', [BIG_PATH, BIG_PATH.replace(':', '%3A'), f'{BIG_PATH}?anything=1'])
def test_the_bytes_come_whole_with_what_players_and_caches_need(url: str, path: str) -> None:
    answer = ask(url, path, headers={'Accept-Encoding': 'gzip'})
    assert answer.status == 200
    assert answer.body == BIG.body
    assert answer.headers['Content-Type'] == 'video/mp2t'
    assert answer.headers['Content-Length'] == str(SIZE)
    assert answer.headers['ETag'] == f'"{BIG.segment.hash}"'
    assert answer.headers['Accept-Ranges'] == 'bytes'
    assert 'Content-Encoding' not in answer.headers
    assert {'public', 'immutable', 'max-age=31536000'} == set(answer.headers['Cache-Control'].split(', '))


@pytest.mark.parametrize('method', ['GET', 'HEAD'])
def test_who_has_it_already_is_told_so(url: str, method: str) -> None:
    answer = ask(url, BIG_PATH, method, {'If-None-Match': f'"{BIG.segment.hash}"'})
    assert (answer.status, answer.body) == (304, b'')
    assert answer.headers['ETag'] == f'"{BIG.segment.hash}"'
    assert ask(url, BIG_PATH, method, {'If-None-Match': '"another"'}).status == 200


@pytest.mark.parametrize('path', [BIG_PATH, '/files', '/static/page.css', '/openapi.json'])
def test_who_wants_it_to_be_another_gets_a_reason_and_no_bytes(url: str, path: str) -> None:
    answer = ask(url, path, headers={'If-Match': '"another"'})
    assert answer.status == 412
    assert answer.error == f"If-Match: '{path}' has another ETag"
    assert ask(url, BIG_PATH, headers={'If-Match': f'"{BIG.segment.hash}"'}).status == 200


@pytest.mark.parametrize('headers', [{'Range': 'bytes=999999-'}, {'If-Match': '"another"'}])
def test_refusals_do_not_count_as_segments_that_are_sent(tmp_path: Path, headers: dict[str, str]) -> None:
    large = piece(body=bytes(BLOCK_BYTES * 2))
    client = client_of(fill(tmp_path / 'store', [large]), Clock(at('2026-11-14T04:00:00')))
    for _ in range(MANY + 1):
        assert client.get(f'/segments/{large.path}', headers=headers).status_code in (412, 416)
    answer = client.get(
        f'/segments/{large.path}', buffered=False, headers={'If-Match': f'"{large.segment.hash}"'}
    )
    assert len(next(answer.iter_encoded())) == BLOCK_BYTES
    answer.close()


@pytest.mark.parametrize(
    ('wanted', 'first', 'last'),
    [
        ('bytes=0-0', 0, 0),
        ('bytes=0-99', 0, 99),
        ('bytes=70000-70010', 70000, 70010),
        ('bytes=102300-', 102300, SIZE - 1),
        ('bytes=-10', SIZE - 10, SIZE - 1),
        ('bytes=100000-999999999999999999999999', 100000, SIZE - 1),
        (f'bytes={SIZE - 1}-{SIZE - 1}', SIZE - 1, SIZE - 1),
    ],
)
def test_a_range_is_answered_with_that_part(url: str, wanted: str, first: int, last: int) -> None:
    answer = part(url, wanted)
    assert answer.status == 206
    assert answer.body == BIG.body[first : last + 1]
    assert answer.headers['Content-Range'] == f'bytes {first}-{last}/{SIZE}'
    assert answer.headers['Content-Length'] == str(last + 1 - first)
    assert answer.headers['ETag'] == f'"{BIG.segment.hash}"'


@pytest.mark.parametrize('wanted', [f'bytes=-{SIZE}', 'bytes=-999999999', 'lines=0-9'])
def test_a_suffix_of_it_all_and_an_unknown_unit_give_the_whole(url: str, wanted: str) -> None:
    answer = part(url, wanted)
    assert (answer.status, answer.body) == (200, BIG.body)


@pytest.mark.parametrize(
    'wanted',
    [
        f'bytes={SIZE}-',
        'bytes=999999999-',
        'bytes=-0',
        'bytes=9-5',
        'bytes=0-9,20-29',
        'bytes=' + ','.join(['0-'] * 1000),
        'bytes=a-b',
        'bytes',
    ],
)
def test_a_range_that_cannot_be_had_is_a_416_that_tells_the_size(url: str, wanted: str) -> None:
    answer = part(url, wanted)
    assert answer.status == 416
    assert answer.headers['Content-Range'] == f'bytes */{SIZE}'
    assert 'range' in answer.error


def test_if_range_gives_the_part_only_of_the_same_segment(url: str) -> None:
    same = part(url, 'bytes=0-9', **{'If-Range': f'"{BIG.segment.hash}"'})
    other = part(url, 'bytes=0-9', **{'If-Range': '"another"'})
    assert (same.status, same.body) == (206, BIG.body[:10])
    assert (other.status, other.body) == (200, BIG.body)


@pytest.mark.parametrize('headers', [{}, {'Range': 'bytes=0-9'}])
def test_head_tells_the_size_without_the_bytes(url: str, headers: dict[str, str]) -> None:
    answer = ask(url, BIG_PATH, 'HEAD', headers)
    assert (answer.status, answer.body) == (200, b'')
    assert answer.headers['Content-Length'] == str(SIZE)


def test_an_empty_file_is_served_as_one(url: str) -> None:
    answer = ask(url, f'/segments/{EMPTY.path}', headers={'Range': 'bytes=0-'})
    assert (answer.status, answer.body, answer.headers['Content-Length']) == (200, b'', '0')


@pytest.mark.parametrize(
    ('path', 'sentence'),
    [
        (MISSING.path, 'is not held'),
        (WHOLE.path.replace('bus/', 'tram/'), 'is not held'),
        (WHOLE.path.replace('T03', 'T04'), 'is not held'),
        (WITHDRAWN.path, 'was withdrawn'),
        (tombstone_of(WITHDRAWN).path, 'is a tombstone'),
        (tombstone_of(MISSING).path, 'is a tombstone'),
    ],
)
@pytest.mark.parametrize('method', ['GET', 'HEAD'])
def test_what_is_not_held_or_withdrawn_is_not_found(url: str, path: str, sentence: str, method: str) -> None:
    answer = ask(url, f'/segments/{path}', method)
    assert answer.status == 404
    assert 'immutable' not in answer.headers.get('Cache-Control', '')
    assert method == 'HEAD' or sentence in answer.error


def test_one_connection_answers_many_requests(url: str) -> None:
    connection = connect(url)
    paths = [BIG_PATH, f'/segments/{MISSING.path}', '/files', f'/segments/{WHOLE.path}'] * 5
    answers = []
    sockets = set()
    for path in paths:
        connection.request('GET', path)
        sockets.add(connection.sock)
        answers.append(answer_of(connection))
    connection.close()
    assert [each.status for each in answers] == [200, 404, 200, 200] * 5
    assert answers[-1].body == WHOLE.body
    assert len(sockets) == 1


def test_small_writes_leave_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []

    class Socket:
        def setsockopt(self, *args: int) -> None:
            seen.append(args)

    monkeypatch.setattr(WSGIHandler, 'handle', lambda _: seen.append('handled'))
    handler: Any = Handler
    handler(Socket(), ('127.0.0.1', 1), SimpleNamespace(limits=Limits()), rfile=object()).handle()
    assert seen[0] == (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    assert seen[-1] == 'handled'


@pytest.mark.parametrize('size', [0, 1, 100_000, 3_000_000])
def test_the_short_way_answers_as_the_application_does(tmp_path: Path, size: int) -> None:
    each = piece(body=bytes(size) or b'-')
    (fill(tmp_path / 'store', [each]) / each.path).write_bytes(bytes(size))
    with restreamer(tmp_path / 'store') as url:
        short, long = (get(f'{url}/segments/{each.path}{query}') for query in ('', '?long'))
    assert short.content == long.content == bytes(size)
    for headers in (short.headers, long.headers):
        del headers['Date']
    assert short.headers == long.headers


def test_what_the_short_way_cannot_answer_is_answered_all_the_same(url: str) -> None:
    missing = f'/segments/{MISSING.path}'
    for path, status in ((f'/segments/{WITHDRAWN.path}', 404), (missing, 404), (f'{missing}x', 400)):
        answer = get(f'{url}{path}')
        assert (answer.status_code, list(answer.json())) == (status, ['error'])


def test_each_way_counts_what_it_sent(tmp_path: Path) -> None:
    each = piece()
    with restreamer(fill(tmp_path / 'store', [each])) as url:
        for query, headers in (('', {}), ('?long', {}), ('', {'Range': 'bytes=1-'})):
            get(f'{url}/segments/{each.path}{query}', headers=headers)
        found = metrics(url)
    assert found['segments_served_total{request="single"}'] == 2
    assert found['http_requests_total{endpoint="files.segment",method="GET",status="200"}'] == 2
