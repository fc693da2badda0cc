"""GET /holes: exactly what is missing, who has it, and why it was not recorded."""

from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from flask import Blueprint

from common.offload import offload
from common.times import iso
from restreamer import parameters
from restreamer.context import context
from restreamer.missing import telling
from restreamer.missing.causes import Causes
from restreamer.missing.known import Hole, Picture, segments_in
from restreamer.missing.spans import seconds
from restreamer.missing.survey import survey

MOST_HOLES = 1000
DEFAULT_LENGTH = timedelta(days=1)

blueprint = Blueprint('holes', __name__)


@blueprint.get('/holes/<stream:stream>/<variant:variant>')
def holes(stream: str, variant: str) -> dict[str, Any]:
    """What is missing of a range, who has it, and why it is not here. Of the last day, if none is given."""
    within = parameters.interval(context().clock().replace(microsecond=0), DEFAULT_LENGTH)
    asked = {'stream': stream, 'variant': variant}
    if parameters.flag('own'):
        return asked | offload(telling.encode, survey().ours(stream, variant, within), within)
    picture = survey().picture(stream, variant, within)
    return asked | offload(_answer, picture, context().disk.root, stream, variant)


def _answer(picture: Picture, root: Path, stream: str, variant: str) -> dict[str, Any]:
    missing = picture.missing(picture.ours)
    causes = Causes.read(root, stream, variant, picture.within) if missing else Causes(())
    return {
        'start': iso(picture.within.start),
        'end': iso(picture.within.end),
        'seconds': seconds(missing),
        'truncated': len(missing) > MOST_HOLES,
        'holes': [_told(hole, picture.usual_seconds, causes) for hole in islice(picture.holes(), MOST_HOLES)],
        'peers': [{'url': each.node, 'error': each.error or None} for each in picture.peers],
        'error': picture.trouble or None,
    }


def _told(hole: Hole, usual_seconds: float | None, causes: Causes) -> dict[str, Any]:
    return {
        **hole.span.told(),
        'segments': segments_in(hole.span.seconds, usual_seconds),
        'since': iso(hole.span.end),
        'where': hole.where,
        'fetchable_seconds': seconds(hole.held),
        'held_by': list(hole.held_by),
        'missing_at': list(hole.missing_at),
        'causes': dict(causes.of(hole.span)),
        'not_asked': [{'peer': node or None, 'error': error or None} for node, error in hole.not_asked],
    }
