"""The control port: GET /metrics and /status, POST /backfill."""

from typing import Any

from flask import Flask, request
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Forbidden, HTTPException, Unauthorized

from backfiller import watched
from backfiller.service import Service
from common.errors import SegmentError
from common.http.tokens import Token, bearer, is_from_elsewhere
from common.place import Scope
from common.segment import check_label, hour_start, shown


def create_app(service: Service, admin: Token | None = None, *, is_local: bool = True) -> Flask:
    """The control application of a running service; without an admin token only this machine may ask."""
    app = watched.new_app('backfiller', service.metrics.registry, service.status, service.is_healthy)

    @app.post('/backfill')
    def backfill() -> tuple[dict[str, Any], int]:
        """Starts a pass now, over everything or over the `stream`, `variant` and `hour` of the query."""
        _check_token(admin, is_local=is_local)
        return {'peers_asked': service.ask(_scope())}, 202

    @app.errorhandler(SegmentError)
    def bad_name(error: SegmentError) -> tuple[dict[str, str], int]:
        return {'error': str(error)}, 400

    @app.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> tuple[dict[str, str | None], int, list[tuple[str, str]]]:
        headers = [each for each in error.get_headers() if each[0] == 'WWW-Authenticate']
        return {'error': error.description}, error.code or 500, headers

    return app


def _check_token(admin: Token | None, *, is_local: bool) -> None:
    """Raises what is answered to those who may not ask."""
    given = bearer(request.headers.get('Authorization', ''))
    if admin is None:
        if not is_local or is_from_elsewhere(request.environ):
            raise Forbidden(
                'a pass cannot be asked for from here without an admin token: set admin_token_file'
            )
    elif given is None or not admin.equals(given):
        found = WWWAuthenticate('bearer', {'realm': 'segmesh'})
        raise Unauthorized(
            'this needs the admin token: send Authorization: Bearer TOKEN', www_authenticate=found
        )


def _scope() -> Scope:
    unknown = set(request.args) - {'stream', 'variant', 'hour'}
    if unknown:
        raise SegmentError('name', f'{shown(min(unknown))} is not stream, variant or hour')
    for hour in request.args.getlist('hour'):
        hour_start(hour)
    return Scope(
        streams=frozenset(check_label('stream', each) for each in request.args.getlist('stream')),
        variants=frozenset(check_label('variant', each) for each in request.args.getlist('variant')),
        hours=frozenset(request.args.getlist('hour')),
    )
