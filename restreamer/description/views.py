"""GET /openapi.json: what can be asked here, for programs."""

import json

from flask import Blueprint, Flask, Response, current_app, request

from common.digest import sha256
from restreamer.admission.access import Access
from restreamer.conditions import conditional
from restreamer.description.document import Told, document

EXTENSION = 'segmesh-description'

blueprint = Blueprint('description', __name__)


@blueprint.get('/openapi.json')
def openapi() -> Response:
    """This description in OpenAPI 3.1."""
    text = json.dumps(described())
    response = Response(text, mimetype='application/json')
    response.set_etag(sha256([text.encode()]), weak=True)
    response.cache_control.no_cache = True
    return conditional(response)


def describe(app: Flask, access: Access) -> None:
    """Makes the description of an application that has all its routes; raises UndescribedError."""
    app.extensions[EXTENSION] = document(app, access)


def described() -> Told:
    """Of the application that answers this request, as it is seen from outside of its proxy."""
    told: Told = current_app.extensions[EXTENSION]
    return {**told, 'servers': [{'url': request.script_root or '/'}]}
