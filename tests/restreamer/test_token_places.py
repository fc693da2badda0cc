"""A token counts where it belongs, in the header, and nowhere else; no answer tells whether it was near."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.build import fill, run_of
from tests.kit.process import Process, running
from tests.restreamer.client import ask

READ, ADMIN = 'read-' + 'r' * 20, 'admin-' + 'a' * 20
RANGE = 'start=2026-11-14T03:00:00Z&end=2026-11-14T03:00:10Z'
GUARDED = {
    f'/holes/bus/source?{RANGE}': 'GET',
    f'/heat/bus/source?{RANGE}': 'GET',
    '/overview?': 'GET',
    f'/cut/bus/source.ts?{RANGE}': 'GET',
    f'/cut/bus/source.mp4?{RANGE}': 'GET',
    '/parts/overview?': 'GET',
    f'/parts/holes/bus/source?{RANGE}': 'GET',
    '/sign/bus?seconds=60': 'POST',
    '/backfill?': 'POST',
}
HEADERS = [
    {},
    {'Authorization': ADMIN},
    {'Authorization': f'Basic {ADMIN}'},
    {'Authorization': f'Token {ADMIN}'},
    {'Authorization': f'Bearer{ADMIN}'},
    {'Authorization': f'Bearer {ADMIN},'},
    {'Authorization': f'Bearer {ADMIN} {ADMIN}'},
    {'Authorization': f'Bearer {ADMIN.upper()}'},
    {'Authorization': f'Bearer "{ADMIN}"'},
    {'Authorization': f'Bearer {ADMIN[:-1]}'},
    {'Cookie': f'Authorization=Bearer {ADMIN}; token={ADMIN}; segmesh-token={ADMIN}'},
    {'Proxy-Authorization': f'Bearer {ADMIN}', 'X-Authorization': f'Bearer {ADMIN}'},
    {'Referer': f'http://x/?token={ADMIN}', 'X-Api-Key': ADMIN},
    {'X-Forwarded-For': '127.0.0.1', 'X-Real-IP': '127.0.0.1'},
    {'X-Original-URI': '/healthz', 'X-HTTP-Method-Override': 'OPTIONS'},
]
QUERIES = [f'token={ADMIN}', f'access_token={ADMIN}', f'expires=99999999999&signature={ADMIN}']


@pytest.fixture(scope='module')
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    store: Path = fill(tmp_path_factory.mktemp('guarded') / 'store', run_of(5))
    env = {'SEGMESH_READ_TOKEN': READ, 'SEGMESH_ADMIN_TOKEN': ADMIN}
    with running('restreamer', '--store', store, '--listen', '127.0.0.1:0', env=env) as process:
        yield process


@pytest.mark.parametrize('path', GUARDED)
def test_a_token_anywhere_else_opens_nothing(process: Process, path: str) -> None:
    url = process.wait_for(r' on (http://\S+)')[1]
    asked = [(path, each) for each in HEADERS] + [(f'{path}&{each}', {}) for each in QUERIES]
    for where, headers in asked:
        answer = ask(url, where, GUARDED[path], headers)
        assert answer.status in (401, 403), (where, headers)
        assert answer.error
        assert ADMIN[:-1] not in answer.body.decode()
    assert ADMIN not in process.output


@pytest.mark.parametrize('path', GUARDED)
def test_in_its_header_it_opens_all(process: Process, path: str) -> None:
    url = process.wait_for(r' on (http://\S+)')[1]
    for scheme in ('Bearer', 'bearer', 'BEARER '):
        answer = ask(url, path, GUARDED[path], {'Authorization': f'{scheme} {ADMIN}'})
        assert answer.status not in (401, 403)


@pytest.mark.parametrize('path', ['/', '/?holes', '/static/page.js', '/healthz'])
def test_what_is_open_tells_nothing_of_what_is_recorded(process: Process, path: str) -> None:
    answer = ask(process.wait_for(r' on (http://\S+)')[1], path)
    assert answer.status == 200
    assert b'bus/' not in answer.body
