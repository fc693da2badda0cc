"""The description of the API: it says what a real restreamer answers, all of it, and nothing else."""

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import openapi_spec_validator
import pytest
from jsonschema import Draft202012Validator

from deploy.demo.video import ffmpeg
from restreamer.description import reading
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
OF_THE_MOMENT = ('overview.overview.0', 'health.readyz.0', 'access.sign.1', 'access.sign.2')

pytestmark = pytest.mark.timeout(LONGEST_SECONDS + 20)

Told = dict[str, Any]


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
def operations(document: Told) -> dict[str, tuple[str, str, Told]]:
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


def asked(url: str, method: str, path: str, told: Told) -> Answer:
    """What the node answers to the example of a route."""
    target, headers, body = reading.asked(path, told)
    return ask(
        url, target, method, {**headers, **BEARING}, b'' if body is None else json.dumps(body).encode()
    )


def test_it_is_openapi(document: Told) -> None:
    openapi_spec_validator.validate(document)


def test_every_example_is_answered_as_it_is_said(
    closed_url: str, document: Told, operations: dict[str, tuple[str, str, Told]]
) -> None:
    for name, (method, path, told) in operations.items():
        answer = asked(closed_url, method, path, told)
        said = told['responses'][str(answer.status)]
        assert 200 <= answer.status < 300, (name, answer.body)
        kind = answer.headers.get_content_type() if said.get('content') else None
        content = said.get('content', {})
        assert kind in content or '*/*' in content or not content, name
        assert {*said.get('headers', {})} - {'Preference-Applied'} <= {*answer.headers.keys()}, name
        if kind == 'application/json':
            assert_told(document, name, content[kind], answer.json)


def assert_told(document: Told, name: str, content: Told, found: Any) -> None:
    """The answer is of the form, and word for word the example, unless that is another one every time."""
    conforms(document, content['schema'], found)
    if 'example' in content:
        assert found == content['example'], name
        conforms(document, content['schema'], content['example'])
    else:
        assert name in (*OF_THE_MOMENT, 'description.openapi.0')


def test_examples_of_what_is_asked_are_of_their_form(
    document: Told, operations: dict[str, tuple[str, str, Told]]
) -> None:
    for _, _, told in operations.values():
        for each in told['parameters']:
            conforms(document, each['schema'], each['example'])
        for each in told.get('requestBody', {}).get('content', {}).values():
            conforms(document, each['schema'], each['example'])


def test_it_says_who_is_asked_for_a_token(open_url: str, document: Told) -> None:
    assert get(f'{open_url}/openapi.json').json()['paths']['/files']['get']['security'] == []
    assert document['paths']['/files']['get']['security'] == [{'bearer': []}]
    assert {'expires': [], 'signature': []} in document['paths']['/playlist/{stream}.m3u8']['get']['security']


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


def test_nothing_undocumented_is_answered_by_a_node_that_asks_for_tokens(closed_url: str) -> None:
    phases = ('--phases', 'examples,coverage') if EXAMPLES == FEW else ()
    schemathesis(closed_url, '--header', f'Authorization: Bearer {ADMIN}', *phases)
    assert get(f'{closed_url}/healthz').status_code == 200
