"""Requests that nobody honest sends are a 4xx with one sentence, and never reach outside the store."""

import json
import os
import socket
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.kit.build import HOUR, at, fill, piece, run_of, tombstone_of
from tests.kit.process import metrics, restreamer
from tests.restreamer.client import Clock, ask, client_of, connect

SECRET = b'the bytes outside'
HELD, WITHDRAWN, LINKED = run_of(3)
LINKED_HOUR = piece('2026-11-14T09:00:00')
PLAYLIST, COVERAGE = '/playlist/bus/source.m3u8', '/coverage/bus/source'


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
    with restreamer(store) as url:
        yield url


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
@pytest.mark.parametrize('path', ['/files', f'/segments/{HELD.path}', PLAYLIST, COVERAGE, '/readyz'])
def test_only_reading_is_allowed(url: str, method: str, path: str) -> None:
    answer = ask(url, path, method, body=b'x' * 1000)
    assert answer.status == 405
    assert set(answer.headers['Allow'].split(', ')) == {'GET', 'HEAD', 'OPTIONS'}
    assert 'not allowed' in answer.error


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
    st.sampled_from(['files', 'segments', 'playlist', 'coverage', 'bus', 'source', HOUR.text, 'bus.m3u8']),
    st.sampled_from([HELD.name, WITHDRAWN.name, LINKED.name, '..', '.', '', '.temp', 'source.m3u8', '%2e']),
    st.text(max_size=30),
    st.binary(max_size=10).map(lambda raw: quote(raw, safe='')),
)
paths = st.lists(parts, max_size=6).map(
    lambda found: '/' + '/'.join(quote(each, safe='%') for each in found).lstrip('/')
)
times = st.one_of(st.datetimes().map(str), st.datetimes().map(datetime.isoformat), st.text(max_size=30))
parameters = st.sampled_from(['start', 'end', 'since', 'tombstones', 'fingerprints'])
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


@given(query=queries, path=st.sampled_from([PLAYLIST, COVERAGE, '/playlist/bus.m3u8', '/files/bus/source']))
@settings(max_examples=300, deadline=None)
def test_no_query_breaks_it(client: FlaskClient, path: str, query: dict[str, str]) -> None:
    assert client.get(path, query_string=query).status_code < 500


def test_nothing_was_written(store: Path, url: str) -> None:
    before = sorted(os.walk(store))
    ask(url, f'/segments/{HELD.path}', 'PUT', body=SECRET)
    ask(url, '/files/bus/source/2026-11-14T03/new.ts', 'PUT', body=SECRET)
    assert sorted(os.walk(store)) == before
