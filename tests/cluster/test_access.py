"""Nodes whose restreamers want tokens fetch from each other all the same, and nobody else learns them."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
import requests
import trustme

from backfiller.client import Client, any_http, credentials_for
from backfiller.engines import Lean, Rich
from common.http.tokens import Token
from deploy.demo.cluster import free_port
from tests.kit.build import files_below, fill, run_of
from tests.kit.live import serving_with
from tests.kit.process import BIN, backfiller, eventually, get, metrics, run, running

READ, ADMIN = 'read-' + 'r' * 20, 'admin-' + 'a' * 20
PIECES = run_of(5)


@contextmanager
def guarded(store: Path) -> Iterator[str]:
    """A restreamer whose reading needs the token."""
    env = {'SEGMESH_READ_TOKEN': READ}
    with running('restreamer', '--store', store, '--listen', '127.0.0.1:0', env=env) as process:
        yield process.wait_for(r' on (http://\S+)')[1]


@pytest.mark.parametrize('protocol', ['auto', 'plain'])
def test_a_backfiller_with_the_token_of_its_peer_fetches_from_it(tmp_path: Path, protocol: str) -> None:
    theirs, token = fill(tmp_path / 'A', PIECES), tmp_path / 'token'
    token.write_text(READ)
    token.chmod(0o600)
    with guarded(theirs) as peer:
        fetched = run('backfiller', 'run', '--store', tmp_path / 'B', '--peer', peer, '--once',
                      '--peer-token-file', token, '--protocol', protocol)  # fmt: skip
    assert fetched.wait() == 0, fetched.output
    assert files_below(tmp_path / 'B') == files_below(theirs)
    assert READ not in fetched.output


@pytest.mark.parametrize('env', [{}, {'SEGMESH_PEER_TOKEN': ADMIN}])
def test_one_without_it_says_what_to_give(tmp_path: Path, env: dict[str, str]) -> None:
    with guarded(fill(tmp_path / 'A', PIECES)) as peer:
        refused = run('backfiller', 'run', '--store', tmp_path / 'B', '--peer', peer, '--once', env=env)
    assert refused.wait() == 1
    assert f'{peer}/files answered 401, it refuses us: give peer_token_file' in refused.output
    assert ADMIN not in refused.output


def test_a_service_watches_its_peers_and_its_own_restreamer_with_the_tokens(tmp_path: Path) -> None:
    theirs, ours = fill(tmp_path / 'A', PIECES), tmp_path / 'B'
    ours.mkdir()
    env = {'SEGMESH_PEER_TOKEN': READ, 'SEGMESH_READ_TOKEN': READ}
    with (
        guarded(theirs) as peer,
        guarded(ours) as own,
        running('backfiller', 'run', '--store', ours, '--control', '127.0.0.1:0', '--peer', peer,
                '--restreamer', own, env=env) as process,
    ):  # fmt: skip
        control = process.wait_for(r'status on (http://\S+)/status')[1]
        eventually(lambda: files_below(ours) == files_below(theirs))
        for url in (own, peer):
            eventually(lambda url=url: metrics(control).get(f'restreamer_ready{{remote="{url}"}}') == 1)


def test_a_pass_is_asked_for_with_the_admin_token_where_there_is_one(tmp_path: Path) -> None:
    args = ('backfiller', 'run', '--store', tmp_path, '--control', '127.0.0.1:0')
    with running(*args, env={'SEGMESH_ADMIN_TOKEN': ADMIN}) as process:
        url = process.wait_for(r'status on (http://\S+)/status')[1] + '/backfill'
        for token, status in (('', 401), (READ, 401), (ADMIN, 202)):
            headers = {'Authorization': f'Bearer {token}'} if token else {}
            answer = requests.post(url, headers=headers, timeout=10)
            assert answer.status_code == status
            assert ('WWW-Authenticate' in answer.headers) is (status == 401)
        assert get(url.replace('/backfill', '/status')).ok


def test_without_one_only_loopback_takes_it(tmp_path: Path) -> None:
    with backfiller(tmp_path / 'A') as (_, control):
        assert requests.post(f'{control}/backfill', timeout=10).status_code == 202
        forwarded = {'X-Forwarded-For': '192.0.2.1'}
        assert requests.post(f'{control}/backfill', headers=forwarded, timeout=10).status_code == 403
    args = ('backfiller', 'run', '--store', tmp_path / 'B', '--control', f'0.0.0.0:{free_port()}')
    with running(*args) as process:
        control = process.wait_for(r'status on http://0.0.0.0:(\d+)/status')[1]
        answer = requests.post(f'http://127.0.0.1:{control}/backfill', timeout=10)
        assert (answer.status_code, 'admin_token_file' in answer.json()['error']) == (403, True)
        process.wait_for('WARNING.*everybody who reaches')


@pytest.mark.parametrize('engine', [Rich, Lean])
def test_a_token_stays_with_the_server_that_it_is_for(
    engine: type[Rich | Lean], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / 'netrc'
    netrc.write_text('machine 127.0.0.1 login someone password else\n')
    netrc.chmod(0o600)
    monkeypatch.setenv('NETRC', str(netrc))
    seen: list[tuple[str, str | None]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append((self.path, self.headers['Authorization']))
            self.send_response(200 if self.path == '/there' else 302)
            self.send_header('Location', f'{other}/there')
            self.send_header('Content-Length', '0')
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    with serving_with(Handler) as other, serving_with(Handler) as url:
        shown = credentials_for(f'{url}/below', Token(READ))
        client = Client(deadline_seconds=5, may_redirect=any_http, engine=engine(), credentials=shown)
        assert client.get(f'{url}/here', limit_bytes=10).status == 200
        client.close()
    assert seen[0] == ('/here', f'Bearer {READ}')
    assert READ not in str(seen[1:])


@pytest.mark.parametrize('name', ['READ_TOKEN', 'ADMIN_TOKEN', 'PEER_TOKEN', 'TLS_KEY'])
def test_a_node_does_not_start_with_what_its_services_would_die_of(tmp_path: Path, name: str) -> None:
    process = run('segmesh', 'node', '--store', tmp_path, env={f'SEGMESH_{name}': 'short'})
    assert process.wait() == 2
    assert len(process.lines) == 1, process.output


def test_the_node_of_the_readme_that_is_on_the_internet_runs(tmp_path: Path) -> None:
    readme = (Path(__file__).parents[2] / 'README.md').read_text()
    (config,) = re.findall(r'^```ini\n(.*?)^```', readme, re.MULTILINE | re.DOTALL)
    authority = trustme.CA()
    made = authority.issue_cert('127.0.0.1')
    made.private_key_pem.write_to_path(str(tmp_path / 'key.pem'))
    made.cert_chain_pems[0].write_to_path(str(tmp_path / 'chain.pem'))
    authority.cert_pem.write_to_path(str(tmp_path / 'ca.pem'))
    for name, text in (('read.token', READ), ('admin.token', ADMIN)):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o600)
    port, control = free_port(), free_port()
    file = tmp_path / 'node.toml'
    file.write_text(config.replace('8001"\nread', f'{port}"\nread') + f'control = "127.0.0.1:{control}"\n')
    fill(tmp_path / 'store', PIECES)
    with running('env', '-C', tmp_path, BIN / 'segmesh', 'node', '--config', file) as process:
        process.wait_for(f'serving store on https://0.0.0.0:{port}')
        process.wait_for('status on')
        assert not re.search('everybody|in clear|chmod', process.output)
        url, trust = f'https://127.0.0.1:{port}/files', str(tmp_path / 'ca.pem')
        assert get(url, verify=trust).status_code == 401
        assert get(url, verify=trust, headers={'Authorization': f'Bearer {READ}'}).json() == ['bus']
        backfill = f'http://127.0.0.1:{control}/backfill'
        assert requests.post(backfill, timeout=10).status_code == 401
        admitted = requests.post(backfill, headers={'Authorization': f'Bearer {ADMIN}'}, timeout=10)
        assert admitted.status_code == 202
