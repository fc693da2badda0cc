"""The shapes of what is answered, by name; whatever has other keys, or lacks one, is not of that shape."""

from typing import Any

from common.digest import PATTERN
from restreamer.description.parts import Schema


def told(meaning: str, schema: Schema) -> Schema:
    """The schema with a sentence on it."""
    return {**schema, 'description': meaning}


def maybe(schema: Schema) -> Schema:
    """The schema, or null where it is not known."""
    return {**schema, 'type': [schema['type'], 'null']}


def array(items: Schema) -> Schema:
    return {'type': 'array', 'items': items}


def record(**properties: Schema) -> Schema:
    """An object of exactly these keys."""
    return {
        'type': 'object',
        'properties': properties,
        'required': list(properties),
        'additionalProperties': False,
    }


def by_name(values: Schema) -> Schema:
    """An object with any keys and such values."""
    return {'type': 'object', 'additionalProperties': values}


def ref(name: str) -> Schema:
    """The schema of that name."""
    return {'$ref': f'#/components/schemas/{name}'}


TEXT: Schema = {'type': 'string'}
TRUTH: Schema = {'type': 'boolean'}
COUNT: Schema = {'type': 'integer', 'minimum': 0}
AMOUNT: Schema = {'type': 'number', 'minimum': 0}
TIME: Schema = {'type': 'string', 'format': 'date-time', 'pattern': 'Z$'}
LEVELS: Schema = {'type': 'string', 'pattern': '^[0-9.-]*$'}
HEX: Schema = {'type': 'string', 'pattern': '^[0-9a-f]{64}$'}
ANYTHING: Schema = {}

_ASKED: dict[str, Schema] = {'stream': TEXT, 'variant': TEXT, 'start': TIME, 'end': TIME}
_STATES = told('state -> hours', by_name(COUNT))
_TROUBLE = told('why it cannot tell, or null', maybe(TEXT))

_MISSING = record(
    holes=COUNT, segments=maybe(COUNT), seconds=AMOUNT, fetchable=COUNT, everywhere=COUNT, unknown=COUNT
)
_NODE_OF_VARIANT = record(node=TEXT, complete_up_to=maybe(TIME), missing_seconds=maybe(AMOUNT))
_VARIANT = record(
    stream=TEXT,
    variant=TEXT,
    path=TEXT,
    oldest=maybe(TIME),
    newest=maybe(TIME),
    age_seconds=maybe(AMOUNT),
    hours=COUNT,
    segments=COUNT,
    bits_per_second=maybe(COUNT),
    missing=_MISSING,
    percent=maybe(AMOUNT),
    nodes=array(_NODE_OF_VARIANT),
    mirror=_STATES,
)
_PEER = record(
    url=TEXT,
    id=maybe(TEXT),
    state=maybe(TEXT),
    lag_seconds=maybe(AMOUNT),
    bytes_per_second=maybe(AMOUNT),
    missing=maybe(COUNT),
    last_error=told('what went wrong last, and when', ANYTHING),
    reachable=maybe(TRUTH),
)
_MIRROR = record(
    bucket=maybe(TEXT),
    states=_STATES,
    last_error=told('what went wrong last, and when', ANYTHING),
    hours=array(record(path=TEXT, state=TEXT, problems=array(ANYTHING))),
)
_RETENTION = record(lacking_bytes=maybe(COUNT), waiting_hours=ANYTHING, last_error=ANYTHING)
_DISK = record(
    free_bytes=maybe(COUNT),
    total_bytes=maybe(COUNT),
    bytes_per_day=maybe(COUNT),
    days_left=maybe(AMOUNT),
    held_bytes=maybe(COUNT),
)
_HOLE = record(
    start=TIME,
    end=TIME,
    seconds=AMOUNT,
    segments=told('about how many', maybe(COUNT)),
    since=TIME,
    where={'enum': ['fetchable', 'everywhere', 'unknown']},
    fetchable_seconds=AMOUNT,
    held_by=array(TEXT),
    missing_at=array(TEXT),
    causes=told("why this node's capture did not take them: cause -> segments", by_name(COUNT)),
    not_asked=array(record(peer=maybe(TEXT), error=maybe(TEXT))),
)

SCHEMAS: dict[str, Any] = {
    'Error': told('one sentence: what was wrong, and what to do', record(error=TEXT)),
    'Listing': told('sorted names', array(TEXT)),
    'Summary': record(segments=COUNT, fingerprint=told('SHA-256 over the sorted names', HEX)),
    'Summaries': told('hour -> summary', by_name(ref('Summary'))),
    'Span': record(start=TIME, end=TIME, seconds=AMOUNT),
    'Coverage': record(
        **_ASKED,
        percent=AMOUNT,
        covered=array(ref('Span')),
        holes=array(ref('Span')),
        hours=told('the covered share of each', array(record(start=TIME, covered=AMOUNT))),
        minutes=told('the covered share of each', array(record(start=TIME, covered=AMOUNT))),
    ),
    'Holes': record(
        **_ASKED,
        seconds=AMOUNT,
        truncated=TRUTH,
        holes=told('the newest first', array(_HOLE)),
        peers=array(record(url=TEXT, error=_TROUBLE)),
        error=told('why the peers are not known, or null', maybe(TEXT)),
    ),
    'OwnHoles': record(
        **_ASKED,
        oldest=maybe(TIME),
        newest=maybe(TIME),
        usual_seconds=told('how long its newest segments last', maybe(AMOUNT)),
        kept_from=told('what is older was let go, and is not lacking', maybe(TIME)),
        truncated=TRUTH,
        holes=told('the newest first', array(ref('Span'))),
    ),
    'Heat': record(
        **_ASKED,
        minutes=COUNT,
        levels=told('the characters from nothing to everything', TEXT),
        nodes=array(record(node=TEXT, minutes=LEVELS, error=_TROUBLE)),
        union=told('all nodes together; - is not known, . lies outside of the recording', LEVELS),
        error=told('why the peers are not known, or null', maybe(TEXT)),
    ),
    'Overview': record(
        time=TIME,
        node=record(id=TEXT, version=TEXT, has_backfiller=TRUTH, backfiller_error=maybe(TEXT)),
        range=record(start=TIME, end=TIME),
        verdict=record(
            level={'enum': ['complete', 'missing', 'unknown', 'empty']}, text=TEXT, details=array(TEXT)
        ),
        disk=_DISK,
        variants=array(_VARIANT),
        peers=array(_PEER),
        mirror=told('null without a mirror', maybe(_MIRROR)),
        retention=told('null without limits', maybe(_RETENTION)),
    ),
    'HolesRefused': record(error=TEXT, holes=array(ref('Span'))),
    'PassStarted': record(peers_asked=COUNT),
    'Signed': record(
        query=told(
            'goes behind any playlist, segment or cut of the stream',
            {'type': 'string', 'pattern': f'^expires=[0-9]+&signature={PATTERN}$'},
        ),
        expires=told('seconds since 1970', COUNT),
    ),
    'Alive': record(alive={'const': True}),
    'Ready': record(ready={'const': True}, id=TEXT, time=TIME),
    'NotReady': record(ready={'const': False}, id=TEXT, time=TIME, reason=TEXT),
}
