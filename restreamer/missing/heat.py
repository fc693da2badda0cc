"""GET /heat: how much of each minute every node holds, and all of them together."""

from datetime import timedelta
from typing import Any

from flask import Blueprint

from common.offload import offload
from common.timeline import Interval
from common.times import iso
from restreamer import parameters
from restreamer.context import context
from restreamer.missing.known import Known, Picture
from restreamer.missing.levels import LEVELS, MINUTE, levels, next_minute, whole_minutes
from restreamer.missing.survey import survey

DEFAULT_LENGTH = timedelta(days=7)

blueprint = Blueprint('heat', __name__)


@blueprint.get('/heat/<stream:stream>/<variant:variant>')
def heat(stream: str, variant: str) -> dict[str, Any]:
    """How much of each minute every node holds. Of the last week, if no range is given."""
    within = _range()
    if parameters.flag('own'):
        picture = Picture(within, context().clock(), survey().ours(stream, variant, within))
    else:
        picture = survey().picture(stream, variant, within)
    return {
        'stream': stream,
        'variant': variant,
        'start': iso(within.start),
        'end': iso(within.end),
        'minutes': (within.end - within.start) // MINUTE,
        'levels': LEVELS,
        **offload(_rows, picture),
    }


def _range() -> Interval:
    """Whole minutes, and no more of them than may be asked for."""
    within = whole_minutes(parameters.interval(next_minute(context().clock()), DEFAULT_LENGTH))
    return Interval(max(within.start, within.end - parameters.LONGEST_RANGE), within.end)


def _rows(picture: Picture) -> dict[str, Any]:
    return {
        'nodes': [
            {'node': node.node, 'minutes': _row(picture, node), 'error': node.error or None}
            for node in picture.nodes
        ],
        'union': _row(picture, picture.union()),
        'error': picture.trouble or None,
    }


def _row(picture: Picture, node: Known) -> str:
    return levels(picture.within, picture.window(node), picture.missing(node), node.unknown)
