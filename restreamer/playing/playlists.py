"""GET /playlist: HLS master and media playlists, for a range of time or live."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from functools import lru_cache

from flask import Blueprint, Response, request
from werkzeug.exceptions import NotFound

from common.hls import playlist
from common.offload import offload
from common.segment import Segment
from restreamer import parameters
from restreamer.admission.access import inherited_query
from restreamer.admission.limits import Gate
from restreamer.context import context
from restreamer.playing import entries
from restreamer.playing.hours import Hours, Part
from restreamer.playing.live import Windows

blueprint = Blueprint('playlists', __name__)

MOST_HOURS_AT_ONCE = 48
"""A longer range is written as it is sent: its length is not known before."""

MOST_URIS = 30_000
"""Of live playlists are remembered, since every poll lists the same: those of four hours of four variants."""

_URI_ENDS = {'.ts\n': '.ts{}\n', '.m4s\n': '.m4s{}\n', '.mp4"\n': '.mp4{}"\n'}
"""How the URIs of segments and of init sections end, and where a query goes."""


@blueprint.get('/playlist/<stream:stream>.m3u8')
def master(stream: str) -> Response:
    """The variants of a stream as a master playlist. A range is passed on to their playlists."""
    within = parameters.interval(context().clock()) if _has_range() else None
    query = f'?{request.query_string.decode("ascii", "ignore")}' if request.query_string else ''
    found = offload(context().variants.of, stream, within)
    if not found:
        raise NotFound(f'stream: nothing of {stream} is held here{" from then" if within else ""}')
    named = [replace(each, uri=f'{stream}/{name}.m3u8{query}') for name, each in found.items()]
    return _answer([playlist.master(named)], max_age_seconds=2)


@blueprint.get('/playlist/<stream:stream>/<variant:variant>.m3u8')
def media(stream: str, variant: str) -> Response:
    """A variant as a playlist, live unless there is an `end`. Live it begins at `start`."""
    if 'end' not in request.args:
        return _live(stream, variant, parameters.time('start'))
    within = parameters.interval(context().clock())
    hours = context().hours
    context().ranges.check()
    parts = offload(hours.parts, stream, variant, within)
    context().ranges.check()  # others may have come in meanwhile, and after this there is no answer to give
    blocks = _range(hours, parts, context().ranges)
    answer = _whole if len(parts) <= MOST_HOURS_AT_ONCE else _answer
    return answer(blocks, max_age_seconds=10)


def _has_range() -> bool:
    return 'start' in request.args or 'end' in request.args


def _range(hours: Hours, parts: Sequence[Part], gate: Gate) -> Iterator[str]:
    """A playlist that ends, hour by hour."""
    longest_us = max((part.longest_us for part in parts), default=1_000_000)
    with gate:
        version = playlist.version(has_fragments=any(part.has_fragments for part in parts))
        yield playlist.media_head(-(-longest_us // 1_000_000), version=version)
        yield from entries.written(filter(None, map(hours.stretch, parts)))
        yield playlist.END


def _live(stream: str, variant: str, start: datetime | None) -> Response:
    now, windows = context().clock(), context().live.of(stream, variant)
    newest = windows.longest.segments[-1:]
    if not newest or newest[0].end <= (start or now - context().live.lengths.window):
        raise NotFound(
            f'variant: nothing of {stream}/{variant} is held from the last minutes; give start and end'
        )
    return _answer([offload(_written, windows, start)], max_age_seconds=1)


def _written(windows: Windows, start: datetime | None) -> str:
    """From `start` on, or from where the longest begins; without it the usual one."""
    window = windows.longest.since(start) if start else windows.usual
    return window.playlist(uri_of)


@lru_cache(maxsize=MOST_URIS)
def uri_of(segment: Segment) -> str:
    return entries.uri_of(segment)


def _answer(parts: Iterable[str], *, max_age_seconds: int) -> Response:
    """Segments inherit the signature of their playlist, because players send no header for them."""
    query = inherited_query()
    blocks = (_with_query(part, query) for part in parts) if query else parts
    response = Response(blocks, mimetype=playlist.CONTENT_TYPE)
    response.cache_control.max_age = max_age_seconds
    return response


def _whole(parts: Iterable[str], *, max_age_seconds: int) -> Response:
    """With its length: ffmpeg 9 takes the end of a playlist that comes in chunks for an error.

    The texts are mostly those that are remembered of each hour, so that holding them costs little; what is
    made of them is made as it is sent. All of it is ASCII.
    """
    texts, query = list(parts), inherited_query()
    response = _answer(iter(texts), max_age_seconds=max_age_seconds)
    uris = sum(text.count(end) for text in texts for end in _URI_ENDS) if query else 0
    response.content_length = sum(map(len, texts)) + len(query) * uris
    return response


def _with_query(text: str, query: str) -> str:
    for end, new in _URI_ENDS.items():
        text = text.replace(end, new.format(query))
    return text
