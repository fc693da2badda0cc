"""The API of a restreamer as OpenAPI 3.1: its rules, what their views say, and the table of routes.

Whatever route has no description, or a description no route, is an error here, so neither can go stale.
"""

import inspect
import re
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from flask import Flask
from werkzeug.routing import Rule

from restreamer.admission.access import Access
from restreamer.description.headers import HEADERS
from restreamer.description.parts import ADMIN, OPEN, SIGNED, Answer, Parameter, Route, refused
from restreamer.description.routes import CHAPTERS, ROUTES
from restreamer.description.schemas import SCHEMAS
from restreamer.description.taken import PARTS, SIGNED_QUERY

Told = dict[str, Any]

API_VERSION = '1'
"""Not that of the software, which is nothing that strangers have to know."""

_UNDERSTOOD = {'HEAD', 'OPTIONS'}
_PART = re.compile('<(?:[a-z]+:)?([a-z]+)>')

ABOUT = (
    'Everything that is recorded on a node, and what is missing of it. Times are in UTC. Every error is one '
    'sentence in JSON. HEAD answers what GET does, without the body. Queries may have other keys, too, '
    'which say nothing.'
)

ALWAYS: dict[int, Answer] = {
    400: refused('a name or a parameter is none, or the request is no HTTP'),
    404: refused('the path is none'),
    408: refused('the request did not come in time'),
    413: refused('the body is too large'),
    414: Answer('the path is too long'),
    431: refused('the headers are too large'),
    503: refused('the disk fails, or too much is asked at once', 'Retry-After'),
}
"""What any request may be answered; a route says so where it means something more special."""

REFUSALS: dict[int, Answer] = {
    401: refused('it needs a token, or another one', 'WWW-Authenticate'),
    403: refused('the token or the signature is not enough for it'),
}

_BEARER: Told = {'bearer': []}
_SIGNATURE: Told = {'expires': [], 'signature': []}


class UndescribedError(LookupError):
    """The routes and their descriptions are not the same."""


def document(app: Flask, access: Access) -> Told:
    """All that the application answers, and who may ask for it; raises UndescribedError."""
    rules = [each for each in app.url_map.iter_rules() if each.methods]
    if differing := {each.endpoint for each in rules} ^ ROUTES.keys():
        raise UndescribedError(f'a route, or its description, is missing: {", ".join(sorted(differing))}')
    return {
        'openapi': '3.1.0',
        'info': {'title': 'segmesh restreamer', 'version': API_VERSION, 'description': ABOUT},
        'servers': [{'url': '/'}],
        'tags': [{'name': name, 'description': text} for name, text in CHAPTERS.items()],
        'paths': _paths(app, rules, access),
        'components': {
            'schemas': SCHEMAS,
            'responses': {_name(status): _answer(each) for status, each in (ALWAYS | REFUSALS).items()},
            'securitySchemes': {
                'bearer': {'type': 'http', 'scheme': 'bearer', 'description': 'the read or the admin token'},
                **{each.name: _key(each) for each in SIGNED_QUERY},
            },
        },
    }


def path_of(rule: str) -> str:
    """A rule of werkzeug as a path of OpenAPI."""
    return _PART.sub(r'{\1}', rule)


def _paths(app: Flask, rules: list[Rule], access: Access) -> Told:
    paths: Told = {}
    for rule in rules:
        for method in sorted((rule.methods or set()) - _UNDERSTOOD):
            told = _operation(app, rule, ROUTES[rule.endpoint], access)
            paths.setdefault(path_of(rule.rule), {})[method.lower()] = told
    return paths


def _identity(app: Flask, rule: Rule) -> str:
    """A name for functions of clients; of several rules of a view each has its last part in it."""
    name = rule.endpoint.replace('.', '_')
    is_one = len(list(app.url_map.iter_rules(rule.endpoint))) == 1
    return name if is_one else f'{name}_{_PART.findall(rule.rule)[-1]}'


def _operation(app: Flask, rule: Rule, route: Route, access: Access) -> Told:
    told: Told = {
        'tags': [route.chapter],
        'operationId': _identity(app, rule),
        **_said(app, rule.endpoint),
        'parameters': [_parameter(each, route) for each in _taken(rule, route)],
        'responses': _answers(route),
        'security': _security(route, access),
    }
    if route.body:
        content = {'schema': route.body.schema, 'example': route.body.example}
        told['requestBody'] = {
            'description': route.body.meaning,
            'required': True,
            'content': {'application/json': content},
        }
    return told


def _said(app: Flask, endpoint: str) -> Told:
    """The first sentence of what the view says of itself, and the rest."""
    text = ' '.join((inspect.getdoc(app.view_functions[endpoint]) or '').split())
    if not text:
        raise UndescribedError(f'the view {endpoint} has no docstring')
    summary, _, rest = text.partition('. ')
    return {'summary': summary.removesuffix('.')} | ({'description': rest} if rest else {})


def _taken(rule: Rule, route: Route) -> Iterator[Parameter]:
    special = {each.name: each for each in route.takes if each.where == 'path'}
    for name in _PART.findall(rule.rule):
        yield special.get(name) or PARTS[name]
    yield from (each for each in route.takes if each.where != 'path')


def _parameter(taken: Parameter, route: Route) -> Told:
    """With an example; `x-asked` marks those that the example of the route has, for they go together."""
    told: Told = {
        'name': taken.name,
        'in': taken.where,
        'description': taken.meaning,
        'required': taken.required,
        'schema': taken.schema,
        'example': route.asked.get(taken.name, taken.example),
    }
    if taken.where == 'path' or taken.name in route.asked:
        told['x-asked'] = True
    return told


def _answers(route: Route) -> Told:
    """Those of the route, then those that it has in common with others."""
    common = ALWAYS if route.who == OPEN else ALWAYS | REFUSALS
    shared = {status: {'$ref': f'#/components/responses/{_name(status)}'} for status in common}
    found = shared | {status: _answer(each) for status, each in route.answers.items()}
    return {str(status): found[status] for status in sorted(found)}


def _answer(answer: Answer) -> Told:
    example = {} if answer.example is None else {'example': answer.example}
    told: Told = {'description': answer.meaning}
    if answer.content:
        told['content'] = {kind: {'schema': schema, **example} for kind, schema in answer.content.items()}
    if answer.headers:
        told['headers'] = {name: HEADERS[name] for name in answer.headers}
    return told


def _security(route: Route, access: Access) -> list[Told]:
    """Any one of these; nothing, where there is no token to ask for."""
    if route.who == ADMIN:
        return [_BEARER] if access.admin else [_BEARER, {}]
    if route.who == OPEN or access.is_open:
        return []
    return [_BEARER, _SIGNATURE] if route.who == SIGNED else [_BEARER]


def _key(taken: Parameter) -> Told:
    return {'type': 'apiKey', 'in': taken.where, 'name': taken.name, 'description': taken.meaning}


def _name(status: int) -> str:
    return f'{status}-{HTTPStatus(status).phrase.replace(" ", "-")}'
