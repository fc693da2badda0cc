"""Behind nginx with our configuration a restreamer answers as it does alone, and so is it with tokens."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest
import requests
import trustme

from restreamer.admission.signing import Scope, signed
from tests.kit.build import HOUR, Piece, files_below, fill, fragments, piece, run_of, tombstone_of
from tests.kit.nginx import in_front_of
from tests.kit.process import get, run, running

pytestmark = pytest.mark.needs('nginx')

READ = 'read-' + 'r' * 20
HELD, OTHER, WITHDRAWN, LINKED, UNREADABLE = run_of(5)
BIG = piece('2026-11-14T03:30:00', body=os.urandom(3_000_000))
SECTION, FRAGMENT, GONE = fragments(2, '2026-11-14T03:40:00')
STRANGE = piece('2026-11-14T03:00:00', stream='tram')
FOREVER = 4_000_000_000
SPAN = 'start=2026-11-14T03:00:00Z&end=2026-11-14T03:01:00Z'


class Front:
    """The restreamer alone, and the nginx before it."""

    def __init__(self, alone: str, url: str, store: Path, authority: Path, log: Path) -> None:
        self.alone, self.url, self.store, self.authority, self.log = alone, url, store, authority, log

    def get(self, path: str, token: str = READ, **headers: str) -> requests.Response:
        shown = {'Authorization': f'Bearer {token}'} if token else {}
        named = {name.replace('_', '-'): value for name, value in headers.items()}
        return get(self.url + path, headers={**shown, **named}, verify=str(self.authority))


@pytest.fixture(scope='module')
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    folder = tmp_path_factory.mktemp('front')
    store = fill(folder / 'store', [HELD, OTHER, WITHDRAWN, BIG, STRANGE, SECTION, FRAGMENT, GONE])
    for each in (WITHDRAWN, GONE):
        (store / tombstone_of(each).path).touch()
    (folder / 'secret').write_bytes(b'outside')
    (store / LINKED.path).symlink_to(folder / 'secret')
    for hidden in ('.horizon.json', f'.quarantine/{HELD.path}', f'{HELD.hour.path}/.{HELD.name}'):
        (store / hidden).parent.mkdir(parents=True, exist_ok=True)
        (store / hidden).write_bytes(b'outside')
    authority = trustme.CA()
    made = authority.issue_cert('127.0.0.1')
    made.private_key_pem.write_to_path(str(folder / 'key.pem'))
    (folder / 'chain.pem').write_bytes(b''.join(each.bytes() for each in made.cert_chain_pems))
    authority.cert_pem.write_to_path(str(folder / 'ca.pem'))
    args = ('restreamer', '--store', store, '--listen', '127.0.0.1:0', '--trusted-proxy', '127.0.0.1')
    with running(*args, env={'SEGMESH_READ_TOKEN': READ}) as process:
        alone = process.wait_for(r' on (http://\S+)')[1]
        with in_front_of(alone, store, folder, folder / 'nginx') as url:
            yield Front(alone, url, store, folder / 'ca.pem', folder / 'nginx/log')


def path_of(each: Piece) -> str:
    return f'/segments/{each.path}'


COMPARED = (
    'Content-Type',
    'Content-Length',
    'ETag',
    'Cache-Control',
    'Accept-Ranges',
    'Access-Control-Allow-Origin',
)


@pytest.mark.parametrize(
    'each', [HELD, BIG, SECTION, FRAGMENT], ids=['small', 'big', 'init section', 'fragment']
)
def test_a_segment_is_the_same_as_without_it(front: Front, each: Piece) -> None:
    found = front.get(path_of(each))
    alone = get(front.alone + path_of(each), headers={'Authorization': f'Bearer {READ}'})
    assert found.content == alone.content == each.body
    assert found.headers['Server'] == 'nginx'
    assert 'Last-Modified' in found.headers, 'nginx did not send it itself'
    for name in COMPARED:
        assert found.headers[name] == alone.headers[name], name


@pytest.mark.parametrize(
    ('asked', 'status', 'part'),
    [('bytes=0-99', 206, slice(0, 100)), ('bytes=-7', 206, slice(-7, None)), ('bytes=9999999-', 416, None),
     ('bytes=0-5,2-9', 200, slice(None)), ('bytes=x', 416, None)],
)  # fmt: skip
def test_ranges_work(front: Front, asked: str, status: int, part: slice | None) -> None:
    answer = front.get(path_of(BIG), Range=asked)
    assert answer.status_code == status
    assert part is None or answer.content == BIG.body[part]


def test_what_a_client_has_is_not_sent_again(front: Front) -> None:
    etag = front.get(path_of(HELD)).headers['ETag']
    for known, status in (
        (etag, 304),
        (f'W/{etag}', 304),
        ('"other"', 200),
        (f'"{OTHER.segment.hash}"', 200),
    ):
        answer = front.get(path_of(HELD), If_None_Match=known)
        assert (answer.status_code, answer.headers['ETag']) == (status, etag)


@pytest.mark.parametrize(
    'path',
    [
        f'/segments/{tombstone_of(WITHDRAWN).path}',
        path_of(WITHDRAWN),
        path_of(GONE),
        path_of(FRAGMENT).replace('.m4s', '.ts'),
        path_of(LINKED),
        path_of(UNREADABLE),
        '/segments/.horizon.json',
        f'/segments/.quarantine/{HELD.path}',
        f'/segments/{HELD.hour.path}/.{HELD.name}',
        f'/segments/{HELD.hour.path}/',
        f'/segments/{HELD.hour.path}/x',
    ],
)
def test_what_is_no_segment_is_not_served(front: Front, path: str) -> None:
    answer = front.get(path)
    assert 400 <= answer.status_code < 500
    assert list(answer.json()) == ['error']
    assert b'outside' not in answer.content


@pytest.mark.parametrize(
    'path', ['/segments/../../secret', '/segments/..%2f..%2f..%2fsecret', '/segments/%00']
)
def test_nothing_leads_out_of_the_store(front: Front, path: str) -> None:
    assert 400 <= _as_written(front, path) < 500


@pytest.mark.parametrize(
    'path',
    [
        path_of(HELD),
        path_of(BIG),
        '/files',
        '/playlist/bus/source.m3u8',
        '/metrics',
        '/overview',
        '/parts/overview',
        f'/holes/bus/source?{SPAN}',
        f'/cut/bus/source.ts?{SPAN}',
    ],
)
def test_nothing_is_read_without_the_token(front: Front, path: str) -> None:
    for token in ('', 'wrong-' * 5):
        answer = front.get(path, token)
        assert answer.status_code == 401
        assert answer.headers['WWW-Authenticate'].startswith('Bearer')
        assert 'error' in answer.json()
    assert front.get('/readyz', '').ok


def test_a_signed_playlist_plays_and_opens_nothing_else(front: Front) -> None:
    query = signed(READ, Scope('bus'), FOREVER).query
    for _ in range(2):  # the second may come from the cache
        playlist = front.get(f'/playlist/bus/source.m3u8?{SPAN}&{query}', '')
        uris = [line for line in playlist.text.splitlines() if not line.startswith('#')]
        assert front.get(urljoin(playlist.url, uris[0]).removeprefix(front.url), '').content == HELD.body
    assert front.get(f'{path_of(STRANGE)}?{query}', '').status_code == 403
    assert (
        front.get(f'{path_of(HELD)}?{signed(READ, Scope("bus"), 1).query}', '')
        .json()['error']
        .startswith('expired')
    )
    around = f'/segments/bus/source/../../tram/source/2026-11-14T03/{STRANGE.name}?{query}'
    assert _as_written(front, around) >= 400
    assert query.partition('signature=')[2] not in front.log.read_text()


def _as_written(front: Front, path: str) -> int:
    """The status of a request whose path is sent exactly as it stands."""
    asked = requests.Request('GET', front.url).prepare()
    asked.url = front.url + path
    with requests.Session() as session:
        return session.send(asked, verify=str(front.authority), timeout=10).status_code


def test_a_cut_goes_through_whole_and_in_parts_with_the_token_or_signed(front: Front) -> None:
    path, whole = f'/cut/bus/source.ts?{SPAN}&holes=allow', HELD.body + OTHER.body
    assert front.get(path).content == whole
    assert front.get(path, Range=f'bytes={len(HELD.body) - 1}-').content == whole[len(HELD.body) - 1 :]
    query = signed(READ, Scope('bus', 'source'), FOREVER).query
    assert front.get(f'{path}&{query}', '').content == whole
    assert front.get(f'{path.replace("bus", "tram")}&{query}', '').status_code == 403


def test_the_page_is_there_and_a_pass_is_for_nobody_without_the_admin_token(front: Front) -> None:
    """Nginx stands on this machine, which alone would be leave enough where there is no admin token."""
    assert 'static/page.js' in front.get('/', '').text
    assert front.get('/static/page.js', '').content == get(f'{front.alone}/static/page.js').content
    for token in ('', READ):
        shown = {'Authorization': f'Bearer {token}'} if token else {}
        asked = requests.post(f'{front.url}/backfill', headers=shown, verify=str(front.authority), timeout=10)
        assert asked.status_code == 403


def test_a_playlist_that_came_with_a_token_is_for_nobody_else(front: Front) -> None:
    path = f'/playlist/bus/source.m3u8?{SPAN}'
    assert [front.get(path, token).status_code for token in (READ, '', READ, '')] == [200, 401, 200, 401]


def test_a_batch_goes_to_the_restreamer(front: Front) -> None:
    def post(**headers: Any) -> requests.Response:
        url = f'{front.url}/segments/{HOUR.path}'
        return requests.post(url, json=[BIG.name], headers=headers, verify=str(front.authority), timeout=10)

    assert BIG.body in post(Authorization=f'Bearer {READ}').content
    assert post().status_code == 401


def test_a_backfiller_fetches_through_it(front: Front, tmp_path: Path) -> None:
    env = {'SEGMESH_PEER_TOKEN': READ, 'REQUESTS_CA_BUNDLE': str(front.authority)}
    for protocol in ('auto', 'plain'):
        store = tmp_path / protocol
        outcome = run('backfiller', 'run', '--store', store, '--peer', front.url, '--once',
                      '--protocol', protocol, env=env)  # fmt: skip
        assert outcome.wait() == 0, outcome.output
        fetched = files_below(store)
        assert {each.path: each.body for each in (HELD, OTHER, BIG, STRANGE)}.items() <= fetched.items()
        assert WITHDRAWN.path not in fetched
