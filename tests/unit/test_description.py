"""The description of the API before anybody is asked: nothing is left out, and what it says can be read."""

from pathlib import Path

import pytest
from flask import Flask

from common.http.tokens import Token
from common.segment import Segment, is_label
from restreamer.admission.access import Access
from restreamer.description import reading, taken
from restreamer.description.document import UndescribedError, document, path_of
from restreamer.description.parts import Parameter
from tests.kit.build import HOUR, at
from tests.restreamer.client import Clock, client_of

CLOSED = Access(Token('read-' + 'r' * 20), Token('admin-' + 'a' * 20))


@pytest.fixture
def app(store: Path) -> Flask:
    store.mkdir()
    return client_of(store, Clock(at('2026-11-14T04:00:00'))).application


def test_a_route_that_is_not_described_is_an_error(app: Flask) -> None:
    app.add_url_rule('/new', 'new', lambda: 'new')
    with pytest.raises(UndescribedError, match='missing: new'):
        document(app, CLOSED)


def test_a_view_that_says_nothing_of_itself_is_an_error(app: Flask) -> None:
    app.view_functions['health.healthz'] = lambda: 'alive'
    with pytest.raises(UndescribedError, match=r'health\.healthz has no docstring'):
        document(app, CLOSED)


def test_every_route_and_method_is_there(app: Flask) -> None:
    told = {(path, method) for path, methods in document(app, CLOSED)['paths'].items() for method in methods}
    assert told == {
        (path_of(rule.rule), method.lower())
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {'HEAD', 'OPTIONS'}
    }


def test_its_summaries_are_what_the_views_say(app: Flask) -> None:
    told = document(app, CLOSED)['paths']['/cut/{stream}/{variant}.ts']['get']
    assert told['summary'] == 'A range as one file of the segments that it touches'
    assert told['description'] == 'With holes only if the query has `holes=allow`.'


def test_its_examples_are_names() -> None:
    assert is_label(taken.STREAM)
    assert is_label(taken.VARIANT)
    assert Segment.parse(HOUR, taken.A_SEGMENT).end == Segment.parse(HOUR, taken.ANOTHER).start


def commands(app: Flask, access: Access) -> dict[str, str]:
    told = reading.chapters(document(app, access), 'http://node')
    return {
        each['operationId']: each['command'] for chapter in told['chapters'] for each in chapter['routes']
    }


def test_each_route_has_a_command_to_try(app: Flask) -> None:
    found = commands(app, CLOSED)
    bearer = '-H "Authorization: Bearer $TOKEN"'
    assert found['health_healthz'] == 'curl http://node/healthz'
    assert found['holes_holes'] == (
        f"curl {bearer} 'http://node/holes/bus/source?start=2026-11-14T03:00:00Z&end=2026-11-14T03:01:00Z&own=true'"
    )
    assert found['access_sign_stream'] == f"curl -X POST {bearer} 'http://node/sign/bus?seconds=3600'"
    assert found['access_may'] == "curl -H 'X-Original-URI: /healthz' http://node/access"
    assert found['batch_segments'].startswith(f"""curl {bearer} -d '["00:00-2-full-""")


def test_where_reading_is_open_commands_send_no_token(app: Flask) -> None:
    assert commands(app, Access())['listings_streams'] == 'curl http://node/files'


def test_what_a_shell_would_take_apart_is_quoted(app: Flask) -> None:
    told = document(app, Access())
    told['paths']['/files/{stream}']['get']['parameters'] = [
        {'name': 'stream', 'in': 'path', 'example': "a'; b", 'x-asked': True}
    ]
    assert (
        reading.asked('/files/{stream}', told['paths']['/files/{stream}']['get'])[0] == '/files/a%27%3B%20b'
    )


def test_behind_a_proxy_paths_begin_where_the_proxy_says(app: Flask) -> None:
    answer = app.test_client().get('/openapi.json', environ_overrides={'SCRIPT_NAME': '/node1'})
    assert answer.json is not None
    assert answer.json['servers'] == [{'url': '/node1'}]


def test_parameters_of_paths_are_always_required() -> None:
    parts: list[Parameter] = [*taken.PARTS.values(), taken.ASSET]
    assert all(each.required for each in parts)
