"""The description of the API: it says what a real restreamer answers, all of it, and nothing else."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import openapi_spec_validator
import pytest
from jsonschema import Draft202012Validator

from deploy.demo.video import ffmpeg
from restreamer.description import reading
from restreamer.description.taken import A_SEGMENT, AN_HOUR
from tests.kit.build import at, fill, piece, run_of
from tests.kit.footage import footage
from tests.kit.process import backfiller, get, restreamer, run
from tests.restreamer.client import Answer, ask

READ, ADMIN = 'read-' + 'r' * 20, 'admin-' + 'a' * 20
BEARING = {'Authorization': f'Bearer {ADMIN}'}
SETTINGS = Path(__file__).with_name('schemathesis.toml')
FEW = '5'
EXAMPLES = os.environ.get('SEGMESH_EXAMPLES', FEW)
LONGEST_SECONDS = 90 + 2 * int(EXAMPLES)
OF_THE_MOMENT = (
    'overview_overview',
    'health_readyz',
    'access_sign_stream',
    'access_sign_variant',
    'description_openapi',
)

SEGMENT = f'/segments/bus/source/{AN_HOUR}/{A_SEGMENT}'
WHOLE = 'start=2026-11-14T03:00:00Z&end=2026-11-14T03:00:04Z'
LONGER = 'start=2026-11-14T03:00:00Z&end=2026-11-14T03:00:09Z'
OTHER_ANSWERS = [
    ('listings_streams', '/files', {'X': 'no token'}, 401),
    ('listings_streams', '/files', {**BEARING, 'If-Match': '"another"'}, 412),
    ('listings_streams', f'/files?{"x" * 20_000}', BEARING, 414),
    ('listings_streams', '/files', {f'X-{number}': 'x' * 8000 for number in range(9)}, 431),
    ('files_segment', SEGMENT, {**BEARING, 'Range': 'bytes=5-9'}, 206),
    ('files_segment', SEGMENT, {**BEARING, 'Range': 'bytes=999999-'}, 416),
    ('files_segment', SEGMENT, {**BEARING, 'If-None-Match': '*'}, 304),
    ('files_segment', SEGMENT.replace('00:00-', '00:09-'), BEARING, 404),
    ('files_segment', f'{SEGMENT}?expires=1&signature={"a" * 43}', {'X': 'no token'}, 403),
    ('batch_segments', f'/segments/bus/source/{AN_HOUR}', BEARING, 413),
    ('playlists_master', '/playlist/tram.m3u8', BEARING, 404),
    ('playlists_media', '/playlist/bus/source.m3u8', BEARING, 404),
    ('cut_transport_stream', '/cut/bus/source.ts', BEARING, 400),
    ('cut_transport_stream', f'/cut/tram/source.ts?{WHOLE}', BEARING, 404),
    ('cut_transport_stream', f'/cut/bus/source.ts?{LONGER}', BEARING, 409),
    ('cut_transport_stream', f'/cut/bus/source.ts?{WHOLE}', {**BEARING, 'Range': 'bytes=5-9'}, 206),
    ('cut_mp4', f'/cut/bus/source.mp4?{LONGER}', BEARING, 409),
    ('cut_mp4', f'/cut/bus/source.mp4?{WHOLE}', BEARING, 422),
    ('holes_holes', f'/holes/bus/source?{LONGER}', BEARING, 200),
    ('access_may', '/access', {'X-Original-URI': '/files'}, 401),
    ('page_static', '/static/none.css', BEARING, 404),
]

pytestmark = pytest.mark.timeout(LONGEST_SECONDS + 20)

Told = dict[str, Any]
Operations = dict[str, tuple[str, str, Told]]


@pytest.fixture(scope='module')
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the examples speak of: two segments of `bus`, and real video of `yard`."""
    made = footage(tmp_path_factory.mktemp('video'), at('2026-11-14T03:00:00'), seconds=4)
    bodies = [source.body for source, _ in made]
    starts = ('2026-11-14T03:00:00', '2026-11-14T03:00:02')
    video = [piece(start, body=body, stream='yard') for start, body in zip(starts, bodies, strict=True)]
    return fill(tmp_path_factory.mktemp('held') / 'store', [*run_of(2), *video])


@contextmanager
def node(store: Path) -> Iterator[str]:
    """A restreamer with all that it may have beside it; its URL."""
    with (
        backfiller(store) as (_, control),
        restreamer(store, '--backfiller', control, '--ffmpeg', ffmpeg()) as url,
    ):
        yield url


@pytest.fixture(scope='module')
def open_url(store: Path) -> Iterator[str]:
    """A node of which everybody may read everything."""
    with node(store) as url:
        yield url


@pytest.fixture(scope='module')
def closed_url(store: Path) -> Iterator[str]:
    """A node that asks for tokens."""
    with ExitStack() as stack:
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv('SEGMESH_READ_TOKEN', READ)
            environment.setenv('SEGMESH_ADMIN_TOKEN', ADMIN)
            url = stack.enter_context(node(store))
        yield url


@pytest.fixture(scope='module')
def document(closed_url: str) -> Told:
    found: Told = get(f'{closed_url}/openapi.json').json()
    return found


@pytest.fixture(scope='module')
def operations(document: Told) -> Operations:
    """Operation -> method, path and what is said of it."""
    return {
        told['operationId']: (method.upper(), path, told)
        for path, methods in document['paths'].items()
        for method, told in methods.items()
    }


def conforms(document: Told, schema: Told, value: Any) -> None:
    """Fails unless the value is of the schema, which may refer to others in the document."""
    whole = {'components': document['components'], **schema}
    Draft202012Validator(whole, format_checker=Draft202012Validator.FORMAT_CHECKER).validate(value)


def assert_documented(document: Told, told: Told, answer: Answer) -> Told:
    """The answer has a status, headers and a form that are said of the route; what is said of it."""
    said: Told = told['responses'][str(answer.status)]
    if shared := said.get('$ref'):
        said = document['components']['responses'][shared.rpartition('/')[2]]
    for name, header in said.get('headers', {}).items():
        if header['required'] or name in answer.headers:
            conforms(document, header['schema'], answer.headers[name])
    if content := said.get('content'):
        kind = answer.headers.get_content_type()
        assert kind in content or '*/*' in content
        if kind == 'application/json':
            conforms(document, content[kind]['schema'], answer.json)
    return said


def test_it_is_openapi(document: Told) -> None:
    openapi_spec_validator.validate(document)


def test_every_example_is_answered_as_it_is_said(
    closed_url: str, document: Told, operations: Operations
) -> None:
    for name, (method, path, told) in operations.items():
        target, headers, body = reading.asked(path, told)
        brought = b'' if body is None else json.dumps(body).encode()
        answer = ask(closed_url, target, method, {**headers, **BEARING}, brought)
        assert 200 <= answer.status < 300, (name, answer.body)
        said = assert_documented(document, told, answer).get('content', {}).get('application/json', {})
        if said and name not in OF_THE_MOMENT:
            assert answer.json == said['example'], name


@pytest.mark.parametrize(('operation', 'target', 'headers', 'status'), OTHER_ANSWERS)
def test_other_answers_are_as_they_are_said(
    closed_url: str,
    document: Told,
    operations: Operations,
    operation: str,
    target: str,
    headers: dict[str, str],
    status: int,
) -> None:
    method, _, told = operations[operation]
    body = json.dumps([A_SEGMENT] * 1001).encode() if method == 'POST' else b''
    answer = ask(closed_url, target, method, headers or BEARING, body)
    assert answer.status == status, answer.body
    assert_documented(document, told, answer)


def test_answers_of_a_node_that_lacks_all_are_as_they_are_said(
    tmp_path: Path, store: Path, document: Told, operations: Operations
) -> None:
    held = shutil.copytree(store, tmp_path / 'store')
    with restreamer(held, '--ffmpeg', 'no-such-program') as url:

        def assert_answered(operation: str, target: str, status: int) -> None:
            method, _, told = operations[operation]
            answer = ask(url, target, method)
            assert answer.status == status, answer.body
            assert_documented(document, told, answer)

        assert_answered('cut_mp4', f'/cut/yard/source.mp4?{WHOLE}', 501)
        assert_answered('passes_backfill', '/backfill', 502)
        assert_answered('access_sign_stream', '/sign/bus?seconds=5', 409)
        held.rename(tmp_path / 'gone')
        assert_answered('health_readyz', '/readyz', 503)


def test_examples_of_what_is_asked_are_of_their_form(document: Told, operations: Operations) -> None:
    for _, _, told in operations.values():
        for each in told['parameters']:
            conforms(document, each['schema'], each['example'])
        for each in told.get('requestBody', {}).get('content', {}).values():
            conforms(document, each['schema'], each['example'])


def test_it_says_who_is_asked_for_a_token(open_url: str, document: Told) -> None:
    assert get(f'{open_url}/openapi.json').json()['paths']['/files']['get']['security'] == []
    assert document['paths']['/files']['get']['security'] == [{'bearer': []}]
    assert {'expires': [], 'signature': []} in document['paths']['/playlist/{stream}.m3u8']['get']['security']


def test_who_has_no_token_may_read_what_can_be_asked_but_not_what_is_held(closed_url: str) -> None:
    for path in ('/docs', '/openapi.json'):
        answer = get(f'{closed_url}{path}')
        assert answer.status_code == 200
        assert version('segmesh') not in answer.text
    assert get(f'{closed_url}/parts/overview').status_code == 401


def test_it_is_not_sent_again_while_it_is_the_same(open_url: str) -> None:
    tag = ask(open_url, '/openapi.json').headers['ETag']
    assert ask(open_url, '/openapi.json', headers={'If-None-Match': tag}).status == 304


def schemathesis(url: str, *flags: str) -> None:
    """Asks for what nobody promised; fails with what was answered to that."""
    command = ('schemathesis', '--config-file', SETTINGS, 'run', f'{url}/openapi.json')
    done = run(*command, '--no-color', '--max-examples', EXAMPLES, *flags, timeout=LONGEST_SECONDS)
    assert done.wait() == 0, done.output
    assert '26 selected / 26 total' in done.output


def test_nothing_undocumented_is_answered_by_an_open_node(open_url: str) -> None:
    schemathesis(open_url)


@pytest.mark.slow
def test_nothing_undocumented_is_answered_by_a_node_that_asks_for_tokens(closed_url: str) -> None:
    phases = ('--phases', 'examples,coverage') if EXAMPLES == FEW else ()
    schemathesis(closed_url, '--header', f'Authorization: Bearer {ADMIN}', *phases)
    assert get(f'{closed_url}/healthz').status_code == 200
