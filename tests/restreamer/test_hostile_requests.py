"""Requests that nobody honest sends are a 4xx with one sentence, and never reach outside the store."""

import gzip
import json
import os
import socket
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient
from hypothesis import given, settings
from hypothesis import strategies as st

from deploy.demo.video import ffmpeg
from tests.kit.build import HOUR, at, fill, piece, run_of, tombstone_of
from tests.kit.process import backfiller, metrics, running
from tests.restreamer.client import Answer, Clock, answer_of, ask, client_of, connect
from tests.restreamer.oddities import HEADERS, QUERIES, RANGE

SECRET = b'the bytes outside'
HELD, WITHDRAWN, LINKED = run_of(3)
LINKED_HOUR = piece('2026-11-14T09:00:00')
PLAYLIST, COVERAGE = '/playlist/bus/source.m3u8', '/coverage/bus/source'
HOLES, HEAT, CUT = '/holes/bus/source', '/heat/bus/source', '/cut/bus/source.ts'
PAGE = ('/', '/overview', '/parts/overview', '/parts/holes/bus/source', '/static/page.css')
DESCRIPTION = ('/openapi.json', '/docs')
READ_ROUTES = (HOLES, HEAT, CUT, '/cut/bus/source.mp4', *PAGE, *DESCRIPTION)
POSTS = ('/sign/bus', '/sign/bus/source', '/backfill')


@pytest.fixture(scope='module')
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp('hostile')
    store = fill(folder / 'store', [HELD, WITHDRAWN])
    (store / tombstone_of(WITHDRAWN).path).touch()
    outside = fill(folder / 'outside', [LINKED, LINKED_HOUR])
    (folder / 'secret.ts').write_bytes(SECRET)
    for hidden in (f'.temp/{HELD.name}', f'.quarantine/{HELD.path}', f'{HELD.hour.path}/.{HELD.name}'):
        (store / hidden).parent.mkdir(parents=True, exist_ok=True)
        (store / hidden).write_bytes(SECRET)
    (outside / LINKED.path).write_bytes(SECRET)
    (store / LINKED.path).symlink_to(outside / LINKED.path)
    (store / LINKED_HOUR.hour.path).symlink_to(outside / LINKED_HOUR.hour.path)
    (store / 'linked').symlink_to(outside / 'bus')
    return store


@pytest.fixture(scope='module')
def url(store: Path) -> Iterator[str]:
    """Of a node that has a backfiller; nothing that it is asked for may surprise it."""
    with (
        backfiller(store.parent / 'another') as (_, control),
        running('restreamer', '--store', store, '--listen', '127.0.0.1:0', '--backfiller', control,
                '--ffmpeg', ffmpeg()) as process,
    ):  # fmt: skip
        yield process.wait_for(r' on (http://\S+)')[1]
        assert 'Traceback' not in process.output, process.output


@pytest.fixture(scope='module')
def client(store: Path) -> FlaskClient:
    return client_of(store, Clock(at('2026-11-14T03:00:10')))


@pytest.mark.parametrize(
    'path',
    [
        '/segments/../../secret.ts',
        '/segments/bus/source/2026-11-14T03/../../../../secret.ts',
        f'/segments/bus/source/../../../outside/{LINKED.path}',
        '/segments/bus/source/2026-11-14T03/..%2F..%2F..%2F..%2Fsecret.ts',
        f'/segments/%2e%2e/%2e%2e/2026-11-14T03/{HELD.name}',
        '/segments/bus/source/2026-11-14T03/%252e%252e%252fsecret.ts',
        f'/segments/bus/source/2026-11-14T03/{HELD.name}%00',
        f'/segments/bus/source/2026-11-14T03/{HELD.name}%0d%0aX-Evil:%20yes',
        f'/segments/bus/source/2026-11-14T03/{HELD.name}/',
        f'/segments/bus/source/2026-11-14T03/{HELD.name}%ff',
        f'/segments//bus/source/2026-11-14T03/{HELD.name}',
        f'/segments/bus%5csource/source/2026-11-14T03/{HELD.name}',
        f'/segments/.temp/source/2026-11-14T03/{HELD.name}',
        f'/segments/.quarantine/{HELD.path}',
        f'/segments/bus/source/2026-11-14T03/.{HELD.name}',
        f'/segments/{LINKED.path}',
        f'/segments/{LINKED_HOUR.path}',
        f'/segments/linked/source/2026-11-14T03/{LINKED.name}',
        f'/segments/bus/source/9999-99-99T99/{HELD.name}',
        f'/segments/bus/source/2026-11-14T03/{"x" * 5000}',
        '/segments/bus/source/2026-11-14T03/%D9%A3%D9%A0:00-2-full-x.ts',
        '/segments/bus/source/2026-11-14T03',
        '/segments/',
        '/files/..',
        '/files/.temp',
        '/files/bus/.hidden',
        '/files/%00',
        '/files/bus/source/2026-11-14T03%0A',
        '/files/bus/source/2026-11-14T3',
        '/files/%ff%fe',
        f'/files/{"x" * 101}',
        '/playlist/...m3u8',
        '/playlist/bus/..%2f..m3u8',
        '/playlist/bus/.hidden.m3u8',
        '/coverage/bus/%2e%2e',
        '/holes/%2e%2e/source',
        '/holes/bus/..%2f..%2foutside',
        '/holes/bus/source%00',
        '/heat/bus/.quarantine',
        '/heat/bus/source/..',
        f'/heat/{"x" * 101}/source',
        f'/cut/../../secret.ts?{RANGE}',
        f'/cut/bus/..%2f..%2fsecret.ts?{RANGE}',
        f'/cut/.quarantine/bus.ts?{RANGE}',
        f'/cut/linked/source.ts?{RANGE}&holes=allow',
        f'/cut/bus/source.ts%00?{RANGE}',
        f'/cut/bus/source.mkv?{RANGE}',
        f'{CUT}?start=2026-11-14T09:00:00Z&end=2026-11-14T09:00:10Z&holes=allow',
        '/parts/holes/bus/%2e%2e',
        '/parts/holes/bus/%0d%0aX-Evil:%20yes',
        '/parts/overview/..',
        '/static/../views.py',
        '/static/..%2fviews.py',
        '/static/%2e%2e/templates/page.html',
        '/static/%2fetc%2fpasswd',
        '/static//etc/passwd',
        '/static/vendor',
        '/static/%0a',
        '/static/page.css%00',
        '/static/page.css%0aX-Evil:%20yes',
        f'/static/{"x" * 5000}',
        '/nowhere',
        '/../etc/passwd',
        '*',
    ],
)
def test_no_path_leads_out_of_the_store(url: str, path: str) -> None:
    answer = ask(url, path)
    assert 400 <= answer.status < 500
    assert SECRET not in answer.body
    assert 'X-Evil' not in answer.headers
    assert len(answer.error.splitlines()) == 1
    assert len(answer.error) < 700


@pytest.mark.parametrize('path', [f'{"/x" * 10_000}', f'/files?since={"9" * 20_000}'])
def test_a_request_line_without_end_is_refused(url: str, path: str) -> None:
    assert ask(url, path).status == 414


@pytest.mark.parametrize('method', ['POST', 'PUT', 'DELETE', 'PATCH', 'TRACE', 'PROPFIND'])
@pytest.mark.parametrize(
    'path', ['/files', f'/segments/{HELD.path}', PLAYLIST, COVERAGE, '/readyz', *READ_ROUTES]
)
def test_only_reading_is_allowed(url: str, method: str, path: str) -> None:
    answer = ask(url, path, method, body=b'x' * 1000)
    assert answer.status == 405
    assert set(answer.headers['Allow'].split(', ')) == {'GET', 'HEAD', 'OPTIONS'}
    assert 'not allowed' in answer.error


@pytest.mark.parametrize('method', ['GET', 'HEAD', 'PUT', 'DELETE', 'PROPFIND'])
@pytest.mark.parametrize('path', POSTS)
def test_what_does_something_does_it_by_post_alone(url: str, method: str, path: str) -> None:
    answer = ask(url, path, method)
    assert answer.status == 405
    assert set(answer.headers['Allow'].split(', ')) == {'POST', 'OPTIONS'}


def assert_bears(answer: Answer) -> None:
    """Whatever it was asked, it stayed calm and told nothing that it should not."""
    assert answer.status < 500
    assert SECRET not in answer.body
    assert 'X-Evil' not in answer.headers
    if answer.status >= 400 and answer.body:
        told = json.loads(answer.body)
        assert told['error'].isprintable()
        assert len(told['error']) < 700


@pytest.mark.parametrize('path', [*READ_ROUTES, *POSTS])
def test_no_odd_query_breaks_a_route(url: str, path: str) -> None:
    with closing(connect(url)) as connection:
        for query in QUERIES:
            connection.request('POST' if path in POSTS else 'GET', f'{path}?{query}')
            assert_bears(answer_of(connection))


@pytest.mark.parametrize('path', [*READ_ROUTES, *POSTS])
def test_no_odd_header_breaks_a_route(url: str, path: str) -> None:
    for headers in HEADERS:
        for method in ('GET', 'HEAD', 'OPTIONS', 'POST'):
            answer = ask(url, f'{path}?{RANGE}', method, headers)
            if method != 'HEAD':
                assert_bears(answer if answer.headers['Content-Encoding'] != 'gzip' else plain(answer))
            else:
                assert (answer.status < 500, answer.body) == (True, b'')


def plain(answer: Answer) -> Answer:
    return replace(answer, body=gzip.decompress(answer.body))


@pytest.mark.parametrize('path', [f'/segments/{HELD.path}', f'{CUT}?{RANGE}&holes=allow', '/static/page.css'])
def test_what_should_be_something_else_is_not_sent(url: str, path: str) -> None:
    answer = ask(url, path, headers={'If-Match': '"something else"'})
    assert answer.status == 412
    assert 'If-Match' in answer.error
    tag = ask(url, path).headers['ETag']
    assert ask(url, path, headers={'If-Match': tag}).status == 200


def test_made_up_methods_make_no_new_metrics(url: str) -> None:
    for number in range(5):
        ask(url, '/files', f'M{number}')
    found = [name for name in metrics(url) if name.startswith('http_requests_total')]
    assert not [name for name in found if 'method="M' in name]
    assert [name for name in found if 'method="other"' in name]


@pytest.mark.parametrize(
    'request_bytes',
    [
        b'\r\n\r\n',
        b'GET\r\n\r\n',
        b'GET /files HTTP/9.9\r\n\r\n',
        b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03' + bytes(64) + b'\r\n\r\n',
        b'GET /files HTTP/1.1\r\nContent-Length: -1\r\n\r\n',
        b'GET /files HTTP/1.1\r\n' + b'X: y\r\n' * 20_000 + b'\r\n',
        b'POST /files HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nnot hex\r\n',
    ],
)
def test_what_is_not_http_is_cut_off_and_others_are_served(url: str, request_bytes: bytes) -> None:
    connection = connect(url)
    with closing(socket.create_connection((connection.host, connection.port), timeout=10)) as plain:
        status = b''
        with suppress(OSError):  # the server may hang up before it has read everything
            plain.sendall(request_bytes)
            plain.shutdown(socket.SHUT_WR)
            status = plain.recv(100).partition(b'\r\n')[0]
    assert not status or b' 4' in status
    assert ask(url, '/healthz').status == 200


parts = st.one_of(
    st.sampled_from(['cut', 'holes', 'heat', 'parts', 'static', 'sign', 'source.ts', 'page.css']),
    st.sampled_from(['files', 'segments', 'playlist', 'coverage', 'bus', 'source', HOUR.text, 'bus.m3u8']),
    st.sampled_from([HELD.name, WITHDRAWN.name, LINKED.name, '..', '.', '', '.temp', 'source.m3u8', '%2e']),
    st.text(max_size=30),
    st.binary(max_size=10).map(lambda raw: quote(raw, safe='')),
)
paths = st.lists(parts, max_size=6).map(
    lambda found: '/' + '/'.join(quote(each, safe='%') for each in found).lstrip('/')
)
times = st.one_of(st.datetimes().map(str), st.datetimes().map(datetime.isoformat), st.text(max_size=30))
parameters = st.sampled_from(['start', 'end', 'since', 'tombstones', 'fingerprints', 'own', 'holes', 'where'])
names = st.one_of(parameters, st.text(max_size=5))
queries = st.dictionaries(names, st.one_of(times, st.sampled_from(['true', 'false'])), max_size=3)
methods = st.sampled_from(['GET', 'GET', 'GET', 'HEAD', 'OPTIONS', 'POST', 'DELETE'])


@given(path=paths, query=queries, method=methods, wanted=st.text('bytes=0123456789-, ', max_size=20))
@settings(max_examples=600, deadline=None)
def test_no_request_breaks_it(
    client: FlaskClient, path: str, query: dict[str, str], method: str, wanted: str
) -> None:
    answer = client.open(path, method=method, query_string=query, headers={'Range': wanted})
    assert answer.status_code < 500
    assert SECRET not in answer.data
    if path.startswith('/segments') and method != 'OPTIONS' and answer.status_code in (200, 206):
        assert path == f'/segments/{quote(HELD.path)}'
    if answer.status_code >= 400 and method != 'HEAD':
        assert list(json.loads(answer.data)) == ['error']


@given(query=queries, path=st.sampled_from([PLAYLIST, COVERAGE, HOLES, HEAT, CUT, *PAGE]))
@settings(max_examples=300, deadline=None)
def test_no_query_breaks_it(client: FlaskClient, path: str, query: dict[str, str]) -> None:
    assert client.get(path, query_string=query).status_code < 500


def test_nothing_was_written(store: Path, url: str) -> None:
    before = sorted(os.walk(store))
    ask(url, f'/segments/{HELD.path}', 'PUT', body=SECRET)
    ask(url, '/files/bus/source/2026-11-14T03/new.ts', 'PUT', body=SECRET)
    assert sorted(os.walk(store)) == before
