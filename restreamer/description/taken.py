"""What requests bring: the parts of paths, queries and heads, each with an example that fits the others."""

from typing import Any

from common.segment import HOUR, LABEL, NAME
from restreamer.admission.access import MOST_SIGNED_SECONDS
from restreamer.description.parts import Parameter, Schema
from restreamer.description.schemas import COUNT, TEXT, TIME, TRUTH

STREAM, VARIANT, AN_HOUR = 'bus', 'source', '2026-11-14T03'
A_SEGMENT = '00:00-2-full-lpCIAWMp6EVDfLvAJ6_Q0r-Sc4jnujDp1a_gCSyZLnc.ts'
ANOTHER = '00:02-2-full-JPnGfKz_9A7d9kI01rUasDYq95FCqYl7nKYDrbk5-NI.ts'
START, END = '2026-11-14T03:00:00Z', '2026-11-14T03:01:00Z'

_SIGNATURE: Schema = {'type': 'string', 'pattern': '^[A-Za-z0-9_-]{43}$'}


def _whole(pattern: str) -> Schema:
    return {'type': 'string', 'pattern': f'^(?:{pattern})$'}


def _part(name: str, meaning: str, schema: Schema, example: Any) -> Parameter:
    return Parameter(name, 'path', meaning, schema, example, required=True)


def _asked(name: str, meaning: str, schema: Schema, example: Any, *, required: bool = False) -> Parameter:
    return Parameter(name, 'query', meaning, schema, example, required)


def _flag(name: str, meaning: str) -> Parameter:
    return _asked(name, meaning, {**TRUTH, 'default': False}, example=True)


PARTS = {
    each.name: each
    for each in (
        _part('stream', 'the name of a stream', _whole(LABEL.pattern), STREAM),
        _part('variant', 'the name of a variant of the stream', _whole(LABEL.pattern), VARIANT),
        _part('hour', 'an hour in UTC', _whole(HOUR.pattern), AN_HOUR),
        _part('name', 'the name of a segment, as it is listed', _whole(NAME.pattern), A_SEGMENT),
    )
}
"""The parts of paths by their names in the rules."""

ASSET = _part('name', 'a file of the page', TEXT, 'page.css')

FROM = _asked('start', 'from when on', TIME, START)
UP_TO = _asked('end', 'up to when; without it up to now', TIME, END)
CUT_FROM = _asked('start', 'from when on', TIME, START, required=True)
CUT_UP_TO = _asked('end', 'up to when, a day later at most', TIME, END, required=True)
SINCE = _asked('since', 'only hours that end after this time', TIME, START)
TOMBSTONES = _flag(
    'tombstones', 'all members: also fragments of MP4, init sections, and the names of what was withdrawn'
)
FINGERPRINTS = _flag('fingerprints', 'a count and a fingerprint of each hour')
OWN = _flag('own', 'what this node holds alone; no peer is asked')
MAY_HAVE_HOLES = _asked(
    'holes', 'whether a range with holes is cut all the same', {'enum': ['allow', 'refuse']}, 'allow'
)
WHERE = _asked(
    'where', 'only those holes', {'enum': ['', 'fetchable', 'everywhere', 'unknown']}, 'everywhere'
)
LISTED = _asked('holes', 'lists the holes of this variant, or of all if it is empty', TEXT, 'bus/source')
SECONDS = _asked(
    'seconds', 'for how long it opens', {**COUNT, 'minimum': 1, 'maximum': MOST_SIGNED_SECONDS}, 3600,
    required=True,
)  # fmt: skip
ONE_STREAM = _asked('stream', 'only this stream', _whole(LABEL.pattern), STREAM)
ONE_VARIANT = _asked('variant', 'only this variant', _whole(LABEL.pattern), VARIANT)
ONE_HOUR = _asked('hour', 'only this hour', _whole(HOUR.pattern), AN_HOUR)
SIGNED_QUERY = (
    _asked('expires', 'until when the signature is good, in seconds since 1970', COUNT, 1_794_625_200),
    _asked('signature', 'what opens the stream without a token', _SIGNATURE, 'a' * 43),
)

RANGE = Parameter('Range', 'header', 'one part of the bytes', TEXT, 'bytes=0-99')
IF_NONE_MATCH = Parameter(
    'If-None-Match',
    'header',
    'the ETag of what is known; if it is still the same, the answer is 304',
    TEXT,
    '"known"',
)
PREFER = Parameter(
    'Prefer', 'header', 'wait=SECONDS with If-None-Match: answer when it changes, or the time is up',
    TEXT, 'wait=1',
)  # fmt: skip
ORIGINAL_URI = Parameter(
    'X-Original-URI', 'header', 'the path, decoded, and the query that somebody asked for',
    {'type': 'string', 'pattern': '^/'}, '/files', required=True,
)  # fmt: skip
