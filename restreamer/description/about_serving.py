"""The routes of `restreamer.serving`."""

from common.batch import CONTENT_TYPE as TAR
from common.batch import MOST_NAMES
from common.segment import MEDIA_TYPES
from restreamer.description import taken
from restreamer.description.parts import (
    SIGNED,
    Answer,
    Body,
    Route,
    Schema,
    blob_of,
    blobs_of,
    json_of,
    refused,
)  # fmt: skip
from restreamer.description.schemas import array, ref

UNCHANGED = Answer('it is what If-None-Match knows', headers=('ETag',))
PRECONDITION = refused('it is not what If-Match knows')
NO_SUCH_PART = refused('Range asks for what is not there', 'Content-Range')

_KNOWN = {304: UNCHANGED, 412: PRECONDITION}
_SUMMARIES = {
    taken.AN_HOUR: {
        'segments': 2,
        'fingerprint': 'a4d9b82f536dbb0fccaa80bf52e23b5ec0fd0099e0b4e554a739d753552db656',
    }
}
_NAMES: Schema = {**array(taken.PARTS['name'].schema), 'maxItems': MOST_NAMES}


def parts_of(*mimetypes: str) -> dict[int, Answer]:
    """What is answered besides where Range and conditions work."""
    part = blobs_of('the part that Range asks for', mimetypes, 'ETag', 'Content-Range')
    return {206: part, 416: NO_SUCH_PART, **_KNOWN}


SERVING = {
    'listings.streams': Route(
        'serving',
        {200: json_of('the streams', ref('Listing'), ['bus', 'yard'], 'ETag'), **_KNOWN},
        (taken.IF_NONE_MATCH,),
    ),
    'listings.variants': Route(
        'serving',
        {200: json_of('the variants', ref('Listing'), ['source'], 'ETag'), **_KNOWN},
        (taken.IF_NONE_MATCH,),
    ),
    'listings.hours': Route(
        'serving',
        {
            200: json_of(
                'the hours, or what `fingerprints=true` asks for',
                {'anyOf': [ref('Listing'), ref('Summaries')]},
                _SUMMARIES,
                'ETag',
                'Preference-Applied',
            ),
            **_KNOWN,
        },
        (taken.FINGERPRINTS, taken.SINCE, taken.IF_NONE_MATCH, taken.PREFER),
        asked={'fingerprints': True},
    ),
    'listings.segments': Route(
        'serving',
        {200: json_of('the names', ref('Listing'), [taken.A_SEGMENT, taken.ANOTHER], 'ETag'), **_KNOWN},
        (taken.TOMBSTONES, taken.IF_NONE_MATCH),
    ),
    'files.segment': Route(
        'serving',
        {
            200: blobs_of('the bytes, which never change', MEDIA_TYPES.values(), 'ETag'),
            **parts_of(*MEDIA_TYPES.values()),
            404: refused('it is not held here, or was withdrawn'),
        },
        (taken.RANGE, taken.IF_NONE_MATCH),
        who=SIGNED,
    ),
    'batch.segments': Route(
        'serving',
        {
            200: blob_of('a tar; one that breaks off did so in the middle of a segment', TAR),
            400: refused('the body is no JSON list of names'),
            413: refused(f'more than {MOST_NAMES} names, or more bytes than they take'),
        },
        body=Body('the names that are wanted', _NAMES, [taken.A_SEGMENT, taken.ANOTHER]),
    ),
}
