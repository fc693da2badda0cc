"""GET /: the page on which an operator sees what is missing, and plays any minute.

All of it is rendered here, so it can be read without JavaScript; with it, the page asks for its parts again.
"""

from typing import Any

from flask import Blueprint, Response, render_template, request
from werkzeug.exceptions import BadRequest, HTTPException, NotFound

from common.offload import offload
from common.segment import shown
from common.times import iso
from restreamer.conditions import conditional
from restreamer.context import context
from restreamer.description import reading
from restreamer.description.views import described
from restreamer.page import sources, words
from restreamer.page.assets import assets

POLICY = (
    "default-src 'self'; media-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'self';"
    " frame-ancestors 'none'"
)

PLAYER = 'vendor/hls.js'
PLACES = ('', 'fetchable', 'everywhere', 'unknown')

blueprint = Blueprint('page', __name__, template_folder='templates')
words.add_to(blueprint)


@blueprint.get('/')
def page() -> Response:
    """The page for operators. With `holes` every hole too, for those without JavaScript."""
    plain = 'holes' in request.args
    told, lists, problem, where = None, [], '', _where()
    try:
        told = sources.overview()
        lists = _lists(told, where) if plain else []
    except HTTPException as error:
        problem = _problem(error)
    told_of = {'told': told, 'lists': lists, 'problem': problem, 'plain': plain}
    return _html('page.html', **told_of, has_player=PLAYER in offload(assets), modules=_modules())


@blueprint.get('/docs')
def docs() -> Response:
    """What can be asked here, for people."""
    return _html('docs.html', **reading.chapters(described(), request.url_root.rstrip('/')))


@blueprint.get('/parts/overview')
def overview_part() -> Response:
    """The top and the bottom of the page, anew."""
    return _html('parts.html', told=sources.overview())


@blueprint.get('/parts/holes/<stream:stream>/<variant:variant>')
def holes_part(stream: str, variant: str) -> Response:
    """The table of the holes of a variant."""
    within = {name: request.args[name] for name in ('start', 'end') if name in request.args}
    return _html('holes.html', **_listed(sources.holes(stream, variant, **within), _where()))


@blueprint.get('/static/<path:name>')
def static(name: str) -> Response:
    """A file of the page, which the browser asks for again only if it changed."""
    asset = offload(assets).get(name)
    if asset is None:
        raise NotFound(f'{shown(name)}: the page has no such file')
    response = Response(asset.body, mimetype=asset.mimetype)
    response.set_etag(asset.tag)
    response.cache_control.no_cache = True
    response.headers['X-Content-Type-Options'] = 'nosniff'
    return conditional(response)


def _modules() -> list[str]:
    """The scripts that the first one imports, so that they are asked for together."""
    return sorted(name for name in offload(assets) if name.endswith('.js') and name != PLAYER)


def _problem(error: HTTPException) -> str:
    """Why nothing can be told; nothing, if it is for the lack of a token."""
    answer = Response.force_type(error.get_response())
    return (
        '' if answer.status_code == 401 else (answer.get_json(silent=True) or {}).get('error', answer.status)
    )


def _lists(told: dict[str, Any], where: str) -> list[dict[str, Any]]:
    """The holes of the variant that the query names, or of all that have any."""
    wanted = request.args['holes']
    paths = [
        (each['stream'], each['variant'])
        for each in told['variants']
        if (each['path'] == wanted if wanted else each['missing']['holes'])
    ]
    return [_listed(sources.holes(*path, **told['range']), where) for path in paths]


def _listed(found: dict[str, Any], where: str) -> dict[str, Any]:
    chosen = [each for each in found['holes'] if where in ('', each['where'])]
    return {'found': found, 'chosen': chosen, 'where': where}


def _where() -> str:
    """Which holes are to be listed; all if it is empty."""
    where = request.args.get('where', '')
    if where not in PLACES:
        raise BadRequest(f'where: {shown(where)} is not {", ".join(PLACES[1:])} or nothing')
    return where


def _html(template: str, **values: Any) -> Response:
    now = iso(context().clock().replace(microsecond=0))
    text = render_template(template, now=now, **values)
    response = Response(text, mimetype='text/html')
    response.headers['Content-Security-Policy'] = POLICY
    response.headers['Referrer-Policy'] = 'no-referrer'
    response.headers['X-Content-Type-Options'] = 'nosniff'
    response.cache_control.no_store = True
    return response
