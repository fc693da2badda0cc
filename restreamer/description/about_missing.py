"""The routes of `restreamer.missing`."""

from restreamer.description import taken
from restreamer.description.parts import ADMIN, Route, json_of, refused
from restreamer.description.schemas import ref

_RANGE = (taken.FROM, taken.UP_TO)
_BAD_RANGE = refused('a name is none, or the range is empty or longer than 31 days')
_ASKED = {'stream': taken.STREAM, 'variant': taken.VARIANT, 'start': taken.START, 'end': taken.END}
_WITHIN = {'start': taken.START, 'end': taken.END}
_HELD = {'start': taken.START, 'end': '2026-11-14T03:00:04Z', 'seconds': 4.0}
_LACKING = {'start': '2026-11-14T03:00:04Z', 'end': taken.END, 'seconds': 56.0}

MISSING = {
    'coverage.coverage': Route(
        'missing',
        {
            200: json_of(
                'what is covered',
                ref('Coverage'),
                {
                    **_ASKED,
                    'percent': 6.667,
                    'covered': [_HELD],
                    'holes': [_LACKING],
                    'hours': [{'start': taken.START, 'covered': 0.067}],
                    'minutes': [{'start': taken.START, 'covered': 0.067}],
                },
            ),
            400: _BAD_RANGE,
        },
        _RANGE,
        asked=_WITHIN,
    ),
    'holes.holes': Route(
        'missing',
        {
            200: json_of(
                'the holes, or with `own=true` what this node lacks',
                {'anyOf': [ref('Holes'), ref('OwnHoles')]},
                {
                    **_ASKED,
                    'oldest': taken.START,
                    'newest': _HELD['end'],
                    'usual_seconds': 2.0,
                    'kept_from': None,
                    'truncated': False,
                    'holes': [_LACKING],
                },
            ),
            400: _BAD_RANGE,
        },
        (*_RANGE, taken.OWN),
        asked={**_WITHIN, 'own': True},
    ),
    'heat.heat': Route(
        'missing',
        {
            200: json_of(
                'a row of characters for each node',
                ref('Heat'),
                {
                    **_ASKED,
                    'minutes': 1,
                    'levels': '0123456789',
                    'nodes': [{'node': 'this node', 'minutes': '9', 'error': None}],
                    'union': '9',
                    'error': None,
                },
            ),
            400: _BAD_RANGE,
        },
        (*_RANGE, taken.OWN),
        asked=_WITHIN,
    ),
    'overview.overview': Route('missing', {200: json_of('how everything is', ref('Overview'))}),
    'passes.backfill': Route(
        'missing',
        {
            202: json_of('the backfiller begins', ref('PassStarted'), {'peers_asked': 0}),
            400: refused('the backfiller does not know what is asked for'),
            502: refused('the backfiller cannot be asked, or there is none'),
        },
        (taken.ONE_STREAM, taken.ONE_VARIANT, taken.ONE_HOUR),
        asked={'stream': taken.STREAM},
        who=ADMIN,
    ),
}
