"""GET /coverage: what of a range is held, and exactly what is missing."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from flask import Blueprint

from common.offload import offload
from common.timeline import Interval
from common.times import iso
from restreamer import parameters
from restreamer.context import Context, context

blueprint = Blueprint('coverage', __name__)


@blueprint.get('/coverage/<stream:stream>/<variant:variant>')
def coverage(stream: str, variant: str) -> dict[str, Any]:
    """What of a range is held here, and what is missing. Of the last hour, if none is given."""
    within = parameters.interval(context().clock().replace(microsecond=0))
    return {'stream': stream, 'variant': variant, **offload(_told, context(), stream, variant, within)}


def _told(at: Context, stream: str, variant: str, within: Interval) -> dict[str, Any]:
    found = at.hours.coverage(stream, variant, within)
    return {
        'start': iso(within.start),
        'end': iso(within.end),
        'percent': round(100 * found.ratio, 3),
        'covered': [each.told() for each in found.covered],
        'holes': [each.told() for each in found.holes],
        'hours': _shares(found.per_hour()),
        'minutes': _shares(found.per_minute()),
    }


def _shares(parts: Iterable[tuple[datetime, float]]) -> list[dict[str, Any]]:
    return [{'start': iso(start), 'covered': round(share, 3)} for start, share in parts]
