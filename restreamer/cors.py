"""Lets players on other pages read everything that is served here (Fetch standard, CORS)."""

from flask import Response, request

ALLOWED = (
    ('Access-Control-Allow-Origin', '*'),
    ('Access-Control-Expose-Headers', 'Content-Length, Content-Range, ETag'),
)
_ON_ASKING = (
    ('Access-Control-Allow-Methods', 'GET, HEAD, OPTIONS'),
    ('Access-Control-Allow-Headers', 'Authorization, Range, If-None-Match'),
    ('Access-Control-Max-Age', '86400'),
)


def allow_players(response: Response) -> Response:
    response.headers.update(ALLOWED)
    if request.method == 'OPTIONS':
        response.headers.update(_ON_ASKING)
    return response
