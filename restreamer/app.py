"""The restreamer as a Flask application: a store seen through HTTP."""

import gzip
import time

from flask import Flask, Response, g, request
from prometheus_client import CollectorRegistry, Counter, Histogram
from werkzeug.exceptions import HTTPException

from common.errors import ListingError, SegmentError
from common.segment import shown
from common.service import metrics_page
from restreamer import batch, coverage, files, health, listings, parameters, playlists, traffic
from restreamer.store import EXTENSION, Context

GZIP_FROM_BYTES = 1000
_METHODS = ('GET', 'HEAD', 'OPTIONS', 'POST', 'PUT', 'PATCH', 'DELETE')
_ERROR_HEADERS = ('Allow', 'Content-Range')
_GZIPPED = ('application/json', 'application/vnd.apple.mpegurl', 'text/')


def create_app(context: Context, registry: CollectorRegistry) -> Flask:
    """The application over one store, with its metrics in `registry`."""
    app = Flask('restreamer', static_folder=None)
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    app.url_map.converters.update(parameters.CONVERTERS)
    app.extensions[EXTENSION] = context
    app.extensions[traffic.EXTENSION] = traffic.Traffic(registry)
    for part in (listings, files, batch, playlists, coverage, health):
        app.register_blueprint(part.blueprint)
    app.add_url_rule('/metrics', 'metrics', lambda: metrics_page(registry))
    _explain_errors(app)
    _measure(app, registry)
    app.after_request(_compress)
    app.after_request(_allow_players)
    return app


def _explain_errors(app: Flask) -> None:
    """Every error is one JSON sentence."""

    @app.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> tuple[dict[str, str], int, list[tuple[str, str]]]:
        headers = [each for each in error.get_headers(request.environ) if each[0] in _ERROR_HEADERS]
        return {'error': _sentence(error)}, error.code or 500, headers

    @app.errorhandler(SegmentError)
    def segment_error(error: SegmentError) -> tuple[dict[str, str], int]:
        return {'error': str(error)}, 404 if error.reason == 'missing' else 503

    @app.errorhandler(ListingError)
    def listing_error(error: ListingError) -> tuple[dict[str, str], int]:
        return {'error': str(error)}, 503


def _sentence(error: HTTPException) -> str:
    """What we said ourselves, or what was asked for and why it cannot be had."""
    if error.description and error.description != type(error).description:
        return error.description
    return f'{shown(request.path)}: {error.name.lower()}'


def _measure(app: Flask, registry: CollectorRegistry) -> None:
    requests = Counter(
        'http_requests', 'Requests answered.', ['endpoint', 'method', 'status'], registry=registry
    )
    seconds = Histogram(
        'http_request_seconds', 'Time to the first byte of an answer.', ['endpoint'], registry=registry
    )

    @app.before_request
    def start() -> None:
        g.started = time.perf_counter()

    @app.after_request
    def count(response: Response) -> Response:
        endpoint = request.endpoint or 'none'
        method = request.method if request.method in _METHODS else 'other'
        requests.labels(endpoint, method, response.status_code).inc()
        seconds.labels(endpoint).observe(time.perf_counter() - g.started)
        return response


def _compress(response: Response) -> Response:
    """Gzips listings and playlists for those who take it; never segments, which do not shrink."""
    if not (response.mimetype or '').startswith(_GZIPPED) or response.is_streamed:
        return response
    response.vary.add('Accept-Encoding')
    if request.accept_encodings.quality('gzip') == 0:
        return response
    body = response.get_data()
    if len(body) >= GZIP_FROM_BYTES:
        response.set_data(gzip.compress(body, compresslevel=1, mtime=0))
        response.headers['Content-Encoding'] = 'gzip'
    return response


def _allow_players(response: Response) -> Response:
    """Lets players on other pages read everything that is served here (Fetch standard, CORS)."""
    response.headers['Access-Control-Allow-Origin'] = '*'
    response.headers['Access-Control-Expose-Headers'] = 'Content-Length, Content-Range, ETag'
    if request.method == 'OPTIONS':
        response.headers['Access-Control-Allow-Methods'] = 'GET, HEAD, OPTIONS'
        response.headers['Access-Control-Allow-Headers'] = 'Range, If-None-Match'
        response.headers['Access-Control-Max-Age'] = '86400'
    return response
