"""Where the page gets what it shows: from the routes that answer everybody.

They are asked here in the name of who asks for the page, so nobody sees more on it than elsewhere.
"""

from typing import Any
from urllib.parse import urlencode

from flask import current_app, request
from werkzeug.exceptions import HTTPException

Told = dict[str, Any]

_PASSED_ON = ('HTTP_AUTHORIZATION', 'HTTP_COOKIE', 'REMOTE_ADDR', 'SERVER_NAME', 'SERVER_PORT', 'SCRIPT_NAME',
              'SERVER_PROTOCOL', 'wsgi.url_scheme', 'wsgi.input', 'wsgi.errors')  # fmt: skip


def overview() -> Told:
    """What `GET /overview` answers; raises its answer if that is an error."""
    return _answer('/overview', '')


def holes(stream: str, variant: str, **query: str) -> Told:
    """What `GET /holes/STREAM/VARIANT` answers with such a query; raises its answer if that is an error."""
    return _answer(f'/holes/{stream}/{variant}', urlencode(query))


def _answer(path: str, query: str) -> Told:
    environ = {name: request.environ[name] for name in _PASSED_ON if name in request.environ}
    environ |= {'REQUEST_METHOD': 'GET', 'PATH_INFO': path, 'QUERY_STRING': query}
    with current_app.request_context(environ):
        response = current_app.full_dispatch_request()
        if response.status_code != 200:
            raise HTTPException(response=response)
        told: Told = response.get_json()
        return told
