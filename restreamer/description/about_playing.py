"""The routes of `restreamer.playing`."""

from common.hls.playlist import CONTENT_TYPE as HLS
from common.segment import MEDIA_TYPES, SEGMENT_SUFFIX
from restreamer.description import taken
from restreamer.description.about_serving import parts_of
from restreamer.description.parts import SIGNED, Answer, Route, blob_of, json_of, refused, text_of
from restreamer.description.schemas import ref
from restreamer.playing.cut import MP4

TRANSPORT_STREAM = MEDIA_TYPES[SEGMENT_SUFFIX]

_RANGE = (taken.FROM, taken.UP_TO)
_CUT = (taken.CUT_FROM, taken.CUT_UP_TO, taken.MAY_HAVE_HOLES)
_WHOLE = {'start': taken.START, 'end': '2026-11-14T03:00:04Z'}
_REFUSED = {
    400: refused('the range lacks a start or an end, is empty, or longer than a day'),
    404: refused('nothing of the range is held'),
    503: refused('so many are cut that no more are begun, or the disk fails', 'Retry-After'),
}


def _conflict(meaning: str) -> Answer:
    """Of a cut: the range has holes that are not allowed, or it is what no one file can be."""
    either = {'anyOf': [ref('HolesRefused'), ref('Error')]}
    return json_of(f'it has holes, and the query has no `holes=allow`; or {meaning}', either)


PLAYING = {
    'playlists.master': Route(
        'playing',
        {
            200: text_of('a master playlist (RFC 8216)', HLS),
            404: refused('nothing of the stream is held, or nothing of the range'),
        },
        _RANGE,
        asked={'start': taken.START, 'end': taken.END},
        who=SIGNED,
    ),
    'playlists.media': Route(
        'playing',
        {
            200: text_of('a media playlist (RFC 8216)', HLS),
            404: refused('it is to be live, and nothing of the last minutes is held'),
            503: refused('so many ranges are written that no more are begun', 'Retry-After'),
        },
        _RANGE,
        asked={'start': taken.START, 'end': taken.END},
        who=SIGNED,
    ),
    'cut.transport_stream': Route(
        'playing',
        {
            200: blob_of('the segments joined', TRANSPORT_STREAM, 'ETag', 'Content-Disposition'),
            **parts_of(TRANSPORT_STREAM),
            **_REFUSED,
            409: _conflict('it has fragments of MP4, of which the `.mp4` is to be taken'),
        },
        (*_CUT, taken.RANGE, taken.IF_NONE_MATCH),
        asked=_WHOLE,
        who=SIGNED,
    ),
    'cut.mp4': Route(
        'playing',
        {
            200: blob_of('the MP4, as it is made', MP4, 'Content-Disposition'),
            **_REFUSED,
            409: _conflict('the init section of its fragments changes: cut it there'),
            422: refused('ffmpeg makes no MP4 of it'),
            501: refused('there is no ffmpeg here'),
        },
        _CUT,
        asked={'stream': 'yard', **_WHOLE},
        who=SIGNED,
    ),
}
