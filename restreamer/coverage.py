"""GET /coverage: what of a range is held, and exactly what is missing."""

from datetime import timedelta
from typing import Any

from flask import Blueprint

from common import timeline
from common.times import iso
from restreamer import parameters
from restreamer.store import context, segments_within

blueprint = Blueprint('coverage', __name__)


@blueprint.get('/coverage/<stream:stream>/<variant:variant>')
def coverage(stream: str, variant: str) -> dict[str, Any]:
    """Covered intervals, holes, per cent and per minute; without a range, the hour that ends now."""
    end = parameters.time('end') or context().clock().replace(microsecond=0)
    start = parameters.time('start') or end - timedelta(hours=1)
    within = parameters.interval(start, end)
    found = timeline.coverage(segments_within(stream, variant, within), within)
    return {
        'stream': stream,
        'variant': variant,
        'start': iso(start),
        'end': iso(end),
        'percent': round(100 * found.ratio, 3),
        'covered': [_interval(each) for each in found.covered],
        'holes': [_interval(each) for each in found.holes],
        'minutes': [
            {'start': iso(minute), 'covered': round(share, 3)} for minute, share in found.per_minute()
        ],
    }


def _interval(interval: timeline.Interval) -> dict[str, Any]:
    return {'start': iso(interval.start), 'end': iso(interval.end), 'seconds': round(interval.seconds, 6)}
