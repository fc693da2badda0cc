"""GET /files: what is held, down to the names of an hour. Unknown streams, variants and hours are empty."""

from flask import Blueprint, request
from werkzeug import Response

from common import digest, wire
from common.members import plain_only
from common.offload import offload
from common.segment import Hour
from restreamer import parameters
from restreamer.conditions import conditional
from restreamer.context import context, names
from restreamer.serving.waiting import Question

blueprint = Blueprint('listings', __name__)


@blueprint.get('/files')
def streams() -> Response:
    """The names of the streams."""
    return _listing(wire.encode_listing(offload(context().disk.streams)))


@blueprint.get('/files/<stream:stream>')
def variants(stream: str) -> Response:
    """The names of the variants of a stream."""
    return _listing(wire.encode_listing(offload(context().disk.variants, stream)))


@blueprint.get('/files/<stream:stream>/<variant:variant>')
def hours(stream: str, variant: str) -> Response:
    """The hours of a variant, or with `fingerprints=true` a summary of each. With `since` the newer ones."""
    question = Question.since(stream, variant, parameters.time('since'))
    if parameters.flag('fingerprints'):
        return _fingerprints(question)
    held = offload(context().disk.hours_of, stream, variant)
    return _listing(wire.encode_listing(hour.text for hour in held if question.concerns(hour)))


@blueprint.get('/files/<stream:stream>/<variant:variant>/<hour:hour>')
def segments(stream: str, variant: str, hour: str) -> Response:
    """The names of the hour's transport streams. With `tombstones=true` the names of all that it holds."""
    found = names(Hour(stream, variant, hour))
    return _listing(wire.encode_listing(found if parameters.flag('tombstones') else plain_only(found)))


def _fingerprints(question: Question) -> Response:
    """The summaries; with `Prefer: wait=` and a known ETag, when they are others or the time is up."""

    def is_news(body: str) -> bool:
        return not request.if_none_match.contains_weak(_etag(body))

    body, agreed = context().waiters.wait(question, is_news, request.headers.get('Prefer', ''))
    response = _listing(body)
    response.vary.add('Prefer')
    if agreed:
        response.headers['Preference-Applied'] = f'wait={agreed}'
    return response


def _listing(body: str) -> Response:
    """JSON with a weak ETag (its gzipped form is the same listing), so that a poll may cost only a 304."""
    response = Response(body, mimetype='application/json')
    response.set_etag(_etag(body), weak=True)
    response.cache_control.no_cache = True
    return conditional(response)


def _etag(body: str) -> str:
    return digest.sha256([body.encode()])
