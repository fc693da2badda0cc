"""POST /backfill: passes on to the backfiller beside us that a pass is wanted now."""

from flask import Blueprint, Response, request
from werkzeug.exceptions import BadGateway

from common.errors import ListingError, SourceError
from restreamer.context import context

blueprint = Blueprint('passes', __name__)


@blueprint.post('/backfill')
def backfill() -> Response:
    """Starts a pass of the backfiller beside us now. Over everything, or over what the query names."""
    query = request.query_string.decode('ascii', 'replace')
    try:
        reply = context().neighbours.start_pass(query, request.headers.get('Authorization', ''))
    except (SourceError, ListingError) as error:
        raise BadGateway(str(error)) from error
    return Response(reply.body, status=reply.status, mimetype='application/json')
