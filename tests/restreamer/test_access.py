"""Tokens and signatures: who may read, who may change something, and what players inherit."""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest
from flask import Flask
from flask.testing import FlaskClient
from prometheus_client import CollectorRegistry
from werkzeug.test import TestResponse

from common.disk import Disk
from common.http.tokens import Token
from restreamer.admission.access import Access
from restreamer.admission.signing import Scope, signed
from restreamer.app import create_app
from restreamer.context import Context
from tests.kit.build import HOUR, at, fill, piece, run_of
from tests.kit.process import eventually, get, restreamer, run, running
from tests.restreamer.client import Clock, ask

READ, ADMIN, WRONG = 'read-' + 'r' * 20, 'admin-' + 'a' * 20, 'wrong-' + 'w' * 20
HELD, OTHER = run_of(2)
ELSEWHERE = piece('2026-11-14T03:00:00', variant='low')
STRANGE = piece('2026-11-14T03:00:00', stream='tram')
NOW = at('2026-11-14T03:00:10')
MEDIA, SEGMENT = '/playlist/bus/source.m3u8', f'/segments/{HELD.path}'
HOUR_PATH = f'/segments/{HOUR.path}'


@pytest.fixture
def clock() -> Clock:
    return Clock(NOW)


class Buffered(FlaskClient):
    """Reads each answer to its end, as clients do, so that no file stays open."""

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        return super().open(*args, buffered=True, **kwargs)


@pytest.fixture
def app(tmp_path: Path, clock: Clock) -> Flask:
    """An application that has a way to change something, too."""
    store = fill(tmp_path / 'store', [HELD, OTHER, ELSEWHERE, STRANGE])
    access = Access(Token(READ), Token(ADMIN), clock=clock)
    app = create_app(Context(Disk(store), 'node', clock), CollectorRegistry(), access)
    app.add_url_rule('/change', 'change', lambda: {'changed': True}, methods=['POST', 'DELETE'])
    app.test_client_class = Buffered
    return app


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def bearing(token: str) -> dict[str, str]:
    return {'Authorization': f'Bearer {token}'}


def query_of(*scope: str, seconds: float = 60, secret: str = READ) -> str:
    return signed(secret, Scope(*scope), int((NOW + timedelta(seconds=seconds)).timestamp())).query


EVERYTHING = ('/files', MEDIA, SEGMENT, '/coverage/bus/source', '/metrics', '/nowhere', '/files/bus/source')


@pytest.mark.parametrize('path', EVERYTHING)
def test_without_a_token_nothing_can_be_read_nor_found_out(client: FlaskClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 401
    assert answer.headers['WWW-Authenticate'] == 'Bearer realm=segmesh'
    assert list(json.loads(answer.data)) == ['error']


@pytest.mark.parametrize('token', [READ, ADMIN])
@pytest.mark.parametrize('path', EVERYTHING)
def test_either_token_may_read(client: FlaskClient, path: str, token: str) -> None:
    assert client.get(path, headers=bearing(token)).status_code == (404 if path == '/nowhere' else 200)


@pytest.mark.parametrize(
    'given', [f'Bearer {WRONG}', f'Bearer {READ}x', 'Bearer', 'Bearer \xff', f'Bearer {READ[:-1]}']
)
def test_a_wrong_token_is_told_so_and_not_repeated(client: FlaskClient, given: str) -> None:
    answer = client.get('/files', headers={'Authorization': given})
    assert answer.status_code == 401
    assert not re.search(f'{WRONG}|{READ[:-1]}', answer.text)


def test_health_stays_open(client: FlaskClient) -> None:
    assert [client.get(path).status_code for path in ('/healthz', '/readyz')] == [200, 200]


@pytest.mark.parametrize(
    ('headers', 'status'),
    [({}, 401), (bearing(WRONG), 401), (bearing(READ), 403), (bearing(ADMIN), 200)],
)
def test_a_change_needs_the_admin_token(client: FlaskClient, headers: dict[str, str], status: int) -> None:
    for answer in (client.post('/change', headers=headers), client.delete('/change', headers=headers)):
        assert answer.status_code == status
    assert client.post(f'/change?{query_of("bus")}', headers=headers).status_code == status


def test_asking_for_many_segments_is_no_change(client: FlaskClient) -> None:
    assert client.post(HOUR_PATH, json=[HELD.name], headers=bearing(READ)).status_code == 200
    assert client.post(HOUR_PATH, json=[HELD.name]).status_code == 401
    assert client.post(f'{HOUR_PATH}?{query_of("bus")}', json=[HELD.name]).status_code == 403


def test_browsers_may_ask_whether_they_may_send_a_token(client: FlaskClient) -> None:
    answer = client.options(SEGMENT)
    assert answer.status_code == 200
    assert 'Authorization' in answer.headers['Access-Control-Allow-Headers']


def test_no_token_and_only_from_here_may_anything_be_changed(tmp_path: Path, clock: Clock) -> None:
    def status(is_local: bool, **headers: str) -> int:
        access = Access(is_local=is_local, clock=clock)
        app = create_app(Context(Disk(tmp_path), 'node', clock), CollectorRegistry(), access)
        app.add_url_rule('/change', 'change', lambda: {'changed': True}, methods=['POST'])
        named = {name.replace('_', '-'): value for name, value in headers.items()}
        return app.test_client().post('/change', headers={'Host': 'node', **named}).status_code

    assert status(True) == 200
    assert status(False) == 403
    assert status(True, X_Forwarded_For='192.0.2.1') == 403
    assert status(True, Origin='http://evil.example') == 403
    assert status(True, Host='localhost:80', Origin='http://localhost:80') == 200
    assert status(True, Host='evil.example', Origin='http://evil.example') == 403
    assert status(True, Host='127.0.0.1', Origin='http://[') == 403


@pytest.mark.parametrize('scope', [('bus',), ('bus', 'source')])
def test_a_signed_playlist_plays_to_its_last_segment(client: FlaskClient, scope: tuple[str, ...]) -> None:
    query = query_of(*scope)
    start = '/playlist/bus.m3u8' if len(scope) == 1 else MEDIA
    seen = list(_followed(client, f'{start}?{query}'))
    assert [uri for uri in seen if HELD.segment.hash in uri]
    assert all(uri.endswith(query) for uri in seen)


def test_a_signed_playlist_of_a_range_is_as_long_as_it_says(client: FlaskClient) -> None:
    span = 'start=2026-11-14T03:00:00Z&end=2026-11-14T03:01:00Z'
    answer = client.get(f'{MEDIA}?{query_of("bus")}&{span}')
    assert query_of('bus') in answer.text
    assert answer.headers['Content-Length'] == str(len(answer.data))


def _followed(client: FlaskClient, url: str) -> Iterator[str]:
    """All that a player asks for, beginning at the URL."""
    yield url
    answer = client.get(url)
    assert answer.status_code == 200, (url, answer.text)
    if '.m3u8' in url:
        for line in answer.text.splitlines():
            if not line.startswith('#'):
                yield from _followed(client, urljoin(url, line))


def test_whoever_has_the_token_gets_playlists_without_signatures(client: FlaskClient) -> None:
    assert 'signature' not in client.get(f'{MEDIA}?{query_of("bus")}', headers=bearing(READ)).text


@pytest.mark.parametrize(
    'query',
    [
        query_of('tram'),
        query_of('bus', 'low'),
        query_of('bus/source'),
        query_of('bus', secret=WRONG),
        query_of('bus', secret=ADMIN),
        query_of('bus').replace('expires=1', 'expires=2'),
        query_of('bus')[:-1],
        query_of('bus') + '%00',
        'signature=',
        'signature=%ff&expires=99999999999',
        'signature=x&expires=' + '9' * 30,
        'signature=x&expires=-1',
        f'signature=x&{query_of("bus")}',
        '&'.join(['signature=x'] * 50),
    ],
)
@pytest.mark.parametrize('path', [MEDIA, SEGMENT])
def test_a_signature_that_does_not_fit_opens_nothing(client: FlaskClient, path: str, query: str) -> None:
    answer = client.get(f'{path}?{query}')
    assert answer.status_code in (401, 403)
    assert 'expired' not in answer.text


def test_an_expired_signature_says_when(client: FlaskClient, clock: Clock) -> None:
    url = f'{SEGMENT}?{query_of("bus", seconds=60)}'
    clock.forward(59)
    assert client.get(url).status_code == 200
    clock.forward(1)
    answer = client.get(url)
    assert (answer.status_code, answer.json) == (403, {'error': 'expired at 2026-11-14T03:01:10Z'})


@pytest.mark.parametrize(
    'path', ['/files', '/files/bus', '/metrics', '/coverage/bus/source', '/segments/bus']
)
def test_a_signature_opens_what_a_player_needs_and_nothing_else(client: FlaskClient, path: str) -> None:
    assert client.get(f'{path}?{query_of("bus")}').status_code == 403


def test_whoever_may_read_may_sign(client: FlaskClient, app: Flask) -> None:
    assert client.post('/sign/bus').status_code == 401
    assert client.post(f'/sign/bus?{query_of("bus")}').status_code == 403
    made = client.post('/sign/bus/source?seconds=30', headers=bearing(READ)).json
    assert made == {'query': query_of('bus', 'source', seconds=30), 'expires': int(NOW.timestamp()) + 30}
    for bad in ('', 'x', '0', '-1', '1e3', '2678401', '9' * 40, '\u0663'):
        assert client.post(f'/sign/bus?seconds={bad}', headers=bearing(READ)).status_code == 400


def test_what_needs_a_token_is_for_no_shared_cache(client: FlaskClient) -> None:
    quick = client.get(SEGMENT, headers=bearing(READ))
    slow = client.get(f'{SEGMENT}?x=1', headers=bearing(READ))
    for answer in (quick, slow, client.get(f'{SEGMENT}?{query_of("bus")}')):
        assert answer.cache_control.private
        assert not answer.cache_control.public
        assert answer.data == HELD.body
    del slow.headers['Date']
    assert dict(quick.headers) == dict(slow.headers)


def test_refusals_are_counted_by_reason(client: FlaskClient) -> None:
    client.get('/files')
    client.get(SEGMENT)
    client.get('/files', headers=bearing(WRONG))
    client.get(f'{SEGMENT}?{query_of("bus", seconds=-1)}')
    client.post('/change', headers=bearing(READ))
    page = client.get('/metrics', headers=bearing(READ)).text
    counts = dict(re.findall(r'access_refused_total\{reason="(\w+)"\} (\S+)', page))
    assert counts == {'none': '2.0', 'token': '1.0', 'signature': '0.0', 'expired': '1.0', 'admin': '1.0'}


@pytest.mark.parametrize(
    ('uri', 'status'),
    [
        (f'{SEGMENT}?{query_of("bus")}', 204),
        (f'{SEGMENT}?{query_of("tram")}', 403),
        (SEGMENT, 401),
        ('/', 204),
        (f'/segments/bus/source/../../tram/source/{STRANGE.path}?{query_of("bus")}', 400),
        (f'/segments//{HELD.path}?{query_of("bus")}', 400),
        ('', 400),
    ],
)
def test_a_proxy_may_ask_for_what_it_serves_itself(client: FlaskClient, uri: str, status: int) -> None:
    assert client.get('/access', headers={'X-Original-URI': uri}).status_code == status
    allowed = client.get('/access', headers={'X-Original-URI': uri, **bearing(READ)}).status_code
    assert allowed == (400 if status == 400 else 204)


def test_a_token_file_is_read_again_and_a_bad_one_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / 'token'
    file.write_text(READ + '\n')
    file.chmod(0o600)
    store = fill(tmp_path / 'store', [HELD])
    with running(
        'restreamer', '--store', store, '--listen', '127.0.0.1:0', '--read-token-file', file
    ) as process:
        url = process.wait_for(r' on (http://\S+)')[1]
        assert get(f'{url}/files', headers=bearing(READ)).status_code == 200
        assert get(f'{url}/files').status_code == 401
        file.write_text('short')
        eventually(
            lambda: get(f'{url}/files', headers=bearing(READ)).ok and 'stays as it was' in process.output
        )
        assert get(f'{url}/files', headers=bearing(READ)).status_code == 200
        file.write_text(WRONG)
        eventually(lambda: get(f'{url}/files', headers=bearing(WRONG)).status_code == 200)
        assert get(f'{url}/files', headers=bearing(READ)).status_code == 401
        assert READ not in process.output
        assert WRONG not in process.output


def test_a_container_gives_the_tokens_in_its_environment(tmp_path: Path) -> None:
    store = fill(tmp_path / 'store', [HELD, OTHER])
    env = {'SEGMESH_READ_TOKEN': READ, 'SEGMESH_ADMIN_TOKEN': ADMIN}
    with running('restreamer', '--store', store, '--listen', '127.0.0.1:0', env=env) as process:
        url = process.wait_for(r' on (http://\S+)')[1]
        made = get(f'{url}/files', headers=bearing(ADMIN))
        assert made.json() == ['bus']
        assert get(f'{url}{SEGMENT}').status_code == 401
        assert get(f'{url}{SEGMENT}', headers=bearing(READ)).content == HELD.body
        assert ask(url, SEGMENT, headers=bearing(WRONG)).status == 401
    assert not re.search(f'{READ}|{ADMIN}', run('segmesh', 'config', env=env).output)


@pytest.mark.parametrize(
    'text', ['', 'short', 'x' * 15, 'with space ' * 3, 'two\nlines-of-a-token', 'ü' * 20]
)
def test_what_is_no_token_is_refused_at_the_start(tmp_path: Path, text: str) -> None:
    file = tmp_path / 'token'
    file.write_text(text)
    process = run('restreamer', '--store', tmp_path, '--listen', '127.0.0.1:0', '--read-token-file', file)
    assert process.wait() == 2
    assert len(process.lines) == 1
    assert not text or text not in process.output
    env = {'SEGMESH_ADMIN_TOKEN': text.replace('\n', ' ')}
    assert run('restreamer', '--store', tmp_path, '--listen', '127.0.0.1:0', env=env).wait() == 2


def test_a_token_file_that_others_may_read_is_warned_of(tmp_path: Path) -> None:
    file = tmp_path / 'token'
    file.write_text(READ)
    for mode, is_warned in ((0o644, True), (0o600, False)):
        file.chmod(mode)
        with running(
            'restreamer', '--store', tmp_path, '--listen', '127.0.0.1:0', '--read-token-file', file
        ) as found:
            found.wait_for(' on http')
            assert ('chmod 600' in found.output) is is_warned


@pytest.mark.parametrize(('listen', 'token', 'is_warned'), [
    ('0.0.0.0:0', '', True), ('0.0.0.0:0', READ, False), ('127.0.0.1:0', '', False),
])  # fmt: skip
def test_being_open_to_the_world_is_warned_of(
    tmp_path: Path, listen: str, token: str, is_warned: bool
) -> None:
    env = {'SEGMESH_READ_TOKEN': token} if token else {}
    with running('restreamer', '--store', tmp_path, '--listen', listen, env=env) as process:
        process.wait_for(' on http')
        assert ('everybody who reaches' in process.output) is is_warned
        assert ('in clear' in process.output) is bool(token)


def test_a_person_signs_with_a_command(tmp_path: Path) -> None:
    env = {'SEGMESH_READ_TOKEN': READ}
    store = fill(tmp_path / 'store', [HELD])
    span = 'start=2026-11-14T03:00:00Z&end=2026-11-14T03:01:00Z'
    with running('restreamer', '--store', store, '--listen', '127.0.0.1:0', env=env) as process:
        url = process.wait_for(r' on (http://\S+)')[1]
        made = run('segmesh', 'sign', 'bus', '--variant', 'source', '--for', '1h', '--url', url, env=env)
        playlist = get(f'{made.output}&{span}')
        assert playlist.status_code == 200
        segment = next(line for line in playlist.text.splitlines() if not line.startswith('#'))
        assert get(urljoin(playlist.url, segment)).content == HELD.body
        query = run('segmesh', 'sign', 'bus', env=env).output
        assert get(f'{url}/playlist/bus.m3u8?{query}&{span}').status_code == 200


@pytest.mark.parametrize(
    'args',
    [('bus',), ('../bus',), ('bus', '--variant', 'a/b'), ('bus', '--for', '5m'), ('bus', '--for', '800d')],
)
def test_what_cannot_be_signed_is_told(args: tuple[str, ...]) -> None:
    process = run('segmesh', 'sign', *args, env={'SEGMESH_READ_TOKEN': READ} if args != ('bus',) else {})
    assert process.wait() == 2
    assert len(process.lines) == 1


def test_the_open_case_is_as_it_was(tmp_path: Path) -> None:
    with restreamer(fill(tmp_path / 'store', [HELD])) as url:
        answer = get(url + SEGMENT)
        assert answer.content == HELD.body
        assert 'public' in answer.headers['Cache-Control']
        assert get(f'{url}{SEGMENT}?expires=1&signature=x').content == HELD.body
        assert get(f'{url}/access', headers={'X-Original-URI': SEGMENT}).status_code == 204
