"""The restreamer as a Flask application: a store seen through HTTP."""

import gzip
import time
import zlib
from collections.abc import Iterable, Iterator
from functools import partial

from flask import Flask, Response, g, request
from prometheus_client import CollectorRegistry
from werkzeug.exceptions import HTTPException

from common.disk import Disk
from common.errors import ListingError, SegmentError
from common.offload import offload
from common.segment import shown
from common.service import metrics_page
from restreamer import health, parameters
from restreamer.admission import access as accesses
from restreamer.admission.access import Access
from restreamer.context import EXTENSION, Context
from restreamer.cors import allow_players
from restreamer.description import views as description
from restreamer.measures import EXTENSION as MEASURES
from restreamer.measures import Measures
from restreamer.missing import coverage, heat, holes, overview, passes
from restreamer.missing.overview import EXTENSION as OVERVIEW
from restreamer.missing.overview import Overview
from restreamer.missing.survey import EXTENSION as SURVEY
from restreamer.missing.survey import Survey
from restreamer.page import views as page
from restreamer.playing import cut, playlists
from restreamer.serving import batch, files, listings
from restreamer.serving.quick import Quick

GZIP_FROM_BYTES = 1000
_METHODS = ('GET', 'HEAD', 'OPTIONS', 'POST', 'PUT', 'PATCH', 'DELETE')
_ERROR_HEADERS = ('Allow', 'Content-Range', 'Retry-After', 'WWW-Authenticate')
_GZIP_WBITS = 31
_GZIPPED = ('application/json', 'application/vnd.apple.mpegurl', 'text/')


def create_app(context: Context, registry: CollectorRegistry, access: Access | None = None) -> Flask:
    """The application over one store, with its metrics in `registry`; without `access` reading is open."""
    access = access or Access()
    app = Flask('restreamer', static_folder=None)
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    app.url_map.converters.update(parameters.CONVERTERS)
    app.extensions[EXTENSION] = context
    survey = app.extensions[SURVEY] = Survey(context)
    app.extensions[OVERVIEW] = Overview(context, survey)
    measures = app.extensions[MEASURES] = Measures(registry)
    for part in (
        listings,
        files,
        batch,
        playlists,
        cut,
        coverage,
        holes,
        heat,
        overview,
        passes,
        health,
        page,
        description,
    ):
        app.register_blueprint(part.blueprint)
    _tell_metrics(app, registry)
    _explain_errors(app)
    _measure(app, measures)
    accesses.guard(app, access, registry)
    description.describe(app, access)
    app.after_request(_compress)
    app.after_request(allow_players)
    _hasten(app, context.disk, measures, access)
    return app


def _tell_metrics(app: Flask, registry: CollectorRegistry) -> None:
    @app.get('/metrics')
    def metrics() -> tuple[bytes, int, dict[str, str]]:
        """What is counted and measured, in the text format of Prometheus."""
        return metrics_page(registry)


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


def _measure(app: Flask, measures: Measures) -> None:
    @app.before_request
    def start() -> None:
        g.started = time.perf_counter()

    @app.after_request
    def count(response: Response) -> Response:
        endpoint = request.endpoint or 'none'
        method = request.method if request.method in _METHODS else 'other'
        measures.answered(endpoint, method, response.status_code, time.perf_counter() - g.started)
        return response


def _hasten(app: Flask, disk: Disk, measures: Measures, access: Access) -> None:
    """Puts the short way before the application."""
    answered = partial(measures.answered, 'files.segment', 'GET', 200)
    app.wsgi_app = Quick(  # type: ignore[method-assign]
        app.wsgi_app,  # type: ignore[arg-type]
        disk,
        measures,
        answered,
        None if access.is_open else access.may_read,
    )


def _compress(response: Response) -> Response:
    """Gzips listings and playlists for those who take it; never segments, which do not shrink."""
    if not (response.mimetype or '').startswith(_GZIPPED) or response.status_code == 304:
        return response
    response.vary.add('Accept-Encoding')
    if request.accept_encodings.quality('gzip') == 0:
        return response
    if response.is_streamed:
        response.response = _gzipped(response.iter_encoded())
        response.headers.remove('Content-Length')
    elif len(body := response.get_data()) >= GZIP_FROM_BYTES:
        response.set_data(offload(gzip.compress, body, compresslevel=1, mtime=0))
    else:
        return response
    response.headers['Content-Encoding'] = 'gzip'
    return response


def _gzipped(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Each block compressed off the hub as it comes."""
    compressor = zlib.compressobj(1, wbits=_GZIP_WBITS)
    for block in blocks:
        if compressed := offload(compressor.compress, block):
            yield compressed
    yield offload(compressor.flush)
