"""The other routes: access, the page, health."""

from restreamer.description import taken
from restreamer.description.about_serving import PRECONDITION, UNCHANGED
from restreamer.description.parts import OPEN, Answer, Route, json_of, refused, text_of
from restreamer.description.schemas import ref

_HTML = 'text/html'
_SIGN = Route(
    'access',
    {
        200: json_of('what opens it', ref('Signed')),
        400: refused('a name is none, or the seconds are'),
        409: refused('reading needs no token here, so there is nothing to sign'),
    },
    (taken.SECONDS,),
    asked={'seconds': 3600},
)

OTHERS = {
    'access.sign': _SIGN,
    'access.may': Route(
        'access',
        {
            204: Answer('it may be read'),
            400: refused('X-Original-URI is none'),
            401: refused('it needs a token', 'WWW-Authenticate'),
            403: refused('what was sent does not open it'),
        },
        (taken.ORIGINAL_URI,),
        asked={'X-Original-URI': '/healthz'},
        who=OPEN,
    ),
    'page.page': Route('page', {200: text_of('the page', _HTML)}, (taken.LISTED, taken.WHERE), who=OPEN),
    'page.docs': Route('page', {200: text_of('this description, to be read', _HTML)}, who=OPEN),
    'description.openapi': Route(
        'page',
        {
            200: json_of('OpenAPI 3.1', {'type': 'object'}, None, 'ETag'),
            304: UNCHANGED,
            412: PRECONDITION,
        },
        (taken.IF_NONE_MATCH,),
        who=OPEN,
    ),
    'page.overview_part': Route('page', {200: text_of('a part of the page', _HTML)}),
    'page.holes_part': Route(
        'page',
        {200: text_of('a table', _HTML), 400: refused('a name is none, or the range is empty or too long')},
        (taken.FROM, taken.UP_TO, taken.WHERE),
        asked={'start': taken.START, 'end': taken.END},
    ),
    'page.static': Route(
        'page',
        {
            200: Answer('the file', {'*/*': {'type': 'string'}}, None, ('ETag',)),
            304: UNCHANGED,
            404: refused('the page has no such file'),
            412: PRECONDITION,
        },
        (taken.ASSET, taken.IF_NONE_MATCH),
        who=OPEN,
    ),
    'health.healthz': Route('health', {200: json_of('it lives', ref('Alive'), {'alive': True})}, who=OPEN),
    'health.readyz': Route(
        'health',
        {
            200: json_of('it can serve', ref('Ready')),
            503: json_of('it cannot, and why', ref('NotReady')),
        },
        who=OPEN,
    ),
    'metrics': Route('health', {200: text_of('the metrics', 'text/plain')}),
}
