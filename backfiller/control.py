"""The control port: GET /metrics and /status, POST /backfill."""

from typing import Any

from flask import Flask, request
from werkzeug.exceptions import HTTPException

from backfiller.service import Service
from common.errors import SegmentError
from common.place import Scope
from common.segment import check_label, hour_start, shown
from common.service import metrics_page


def create_app(service: Service) -> Flask:
    """The control application of a running service."""
    app = Flask('backfiller', static_folder=None)
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.add_url_rule('/metrics', 'metrics', lambda: metrics_page(service.metrics.registry))
    app.add_url_rule('/status', 'status', service.status)
    app.add_url_rule('/healthz', 'healthz', lambda: _health(service))

    @app.post('/backfill')
    def backfill() -> tuple[dict[str, Any], int]:
        """Starts a pass now, over everything or over the `stream`, `variant` and `hour` of the query."""
        return {'peers_asked': service.ask(_scope())}, 202

    @app.errorhandler(SegmentError)
    def bad_name(error: SegmentError) -> tuple[dict[str, str], int]:
        return {'error': str(error)}, 400

    @app.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> tuple[dict[str, str | None], int]:
        return {'error': error.description}, error.code or 500

    return app


def _health(service: Service) -> tuple[dict[str, bool], int]:
    healthy = service.is_healthy()
    return {'alive': True, 'healthy': healthy}, 200 if healthy else 503


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
