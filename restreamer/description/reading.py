"""The description as people read it: chapters of routes, each with a command that can be tried. Pure."""

import json
import shlex
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlencode

Told = dict[str, Any]

_SHARED = '#/components/responses/'


def chapters(document: Mapping[str, Any], base: str) -> Told:
    """What the docs page says; `base` is the URL that the commands ask."""
    parts = document['components']
    routes = list(_routes(document, base))
    return {
        'about': document['info'],
        'chapters': [
            {**tag, 'routes': [each for each in routes if tag['name'] in each['tags']]}
            for tag in document['tags']
        ],
        'always': parts['responses'],
        'schemas': {name: _pretty(schema) for name, schema in parts['schemas'].items()},
    }


def asked(path: str, operation: Told) -> tuple[str, dict[str, str], Any]:
    """What the example of a route asks: the path with its query, the headers, the body or None."""
    values: dict[str, dict[str, str]] = {'path': {}, 'query': {}, 'header': {}}
    for each in operation['parameters']:
        if each.get('x-asked'):
            values[each['in']][each['name']] = _text(each['example'])
    query = f'?{urlencode(values["query"], safe=":")}' if values['query'] else ''
    filled = path.format_map({name: quote(value) for name, value in values['path'].items()})
    return filled + query, values['header'], _brought(operation).get('example')


def _routes(document: Mapping[str, Any], base: str) -> Iterator[Told]:
    for path, operations in document['paths'].items():
        for method, told in operations.items():
            yield {
                **told,
                'path': path,
                'method': method.upper(),
                'who': _who(told['security']),
                'brought': _brought(told),
                'command': _command(base, path, method, told),
                'answers': [_answer(*each) for each in told['responses'].items() if _is_own(each[1])],
            }


def _answer(status: str, answer: Told) -> Told:
    """With the names of its shapes, and its example."""
    contents: Told = answer.get('content', {})
    kind = next(iter(contents), '')
    content: Told = contents.get(kind, {})
    schema = content.get('schema', {})
    refs = [each['$ref'].rpartition('/')[2] for each in (schema, *schema.get('anyOf', ())) if '$ref' in each]
    example = json.dumps(content['example']) if 'example' in content else ''
    return {**answer, 'status': status, 'kind': kind, 'shapes': refs, 'example': example}


def _is_own(answer: Told) -> bool:
    return not answer.get('$ref', '').startswith(_SHARED)


def _brought(operation: Told) -> Told:
    """The body that it takes; nothing if it takes none."""
    found: Told = operation.get('requestBody', {}).get('content', {}).get('application/json', {})
    return found


def _who(security: list[Told]) -> str:
    if not security:
        return 'open to everybody'
    names = [
        'a token' if 'bearer' in each else 'a signature' if each else 'being on this machine'
        for each in security
    ]
    return f'needs {" or ".join(names)}'


def _command(base: str, path: str, method: str, operation: Told) -> str:
    url, headers, body = asked(path, operation)
    words = ['curl']
    words += ['-X', 'POST'] if method == 'post' and body is None else []
    words += ['-H "Authorization: Bearer $TOKEN"'] if operation['security'] else []
    words += [f'-H {shlex.quote(f"{name}: {value}")}' for name, value in headers.items()]
    words += [f'-d {shlex.quote(json.dumps(body))}'] if body is not None else []
    return ' '.join([*words, shlex.quote(base + url)])


def _pretty(schema: Any) -> str:
    return json.dumps(schema, indent=1)


def _text(value: Any) -> str:
    return json.dumps(value) if isinstance(value, bool) else str(value)
