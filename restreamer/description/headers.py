"""The headers of answers that matter to whoever asks."""

from typing import Any


def _header(meaning: str, pattern: str, *, required: bool = True) -> dict[str, Any]:
    schema = {'type': 'string', 'pattern': pattern}
    return {'description': meaning, 'schema': schema, 'required': required}


HEADERS = {
    'Content-Disposition': _header('a name to save it under', '^attachment; filename="'),
    'Content-Range': _header('which bytes of how many', r'^bytes ([0-9]+-[0-9]+|\*)/[0-9]+$'),
    'ETag': _header('what it is known by: give it in If-None-Match', '^(W/)?"[^"]+"$'),
    'Preference-Applied': _header('for how long it was agreed to wait', '^wait=[0-9]+$', required=False),
    'Retry-After': _header('after how many seconds to come again', '^[0-9]+$', required=False),
    'WWW-Authenticate': _header('that a token is asked for (RFC 6750)', '^Bearer realm='),
}
