"""GET /playlist: HLS master and media playlists, for a range of time or live."""

from collections.abc import Iterable
from datetime import timedelta

from flask import Blueprint, Response, request
from werkzeug.exceptions import NotFound

from common import playlist, wire
from common.disk import Disk
from common.errors import SegmentError
from common.offload import offload
from common.segment import Hour, Segment
from common.timeline import Interval
from restreamer import parameters
from restreamer.store import context, readable_names, segments_within

RATE_FROM_SEGMENTS = 30
LARGEST_SKEW = timedelta(minutes=1)
"""How far a recorder's clock may be ahead: a segment once listed live holds up all that lie before it."""

blueprint = Blueprint('playlists', __name__)


@blueprint.get('/playlist/<stream:stream>.m3u8')
def master(stream: str) -> Response:
    """The variants held; a range of time in the query is passed on to their playlists."""
    disk = context().disk
    if _has_range():
        parameters.interval(context().clock())
    query = f'?{request.query_string.decode("ascii", "ignore")}' if request.query_string else ''
    rates = {name: offload(_bits_per_second, disk, stream, name) for name in offload(disk.variants, stream)}
    variants = [
        playlist.VariantStream(f'{stream}/{name}.m3u8{query}', rate) for name, rate in rates.items() if rate
    ]
    if not variants:
        raise NotFound(f'stream: nothing of {stream} is held here')
    return _answer(playlist.master(variants), max_age_seconds=2)


@blueprint.get('/playlist/<stream:stream>/<variant:variant>.m3u8')
def media(stream: str, variant: str) -> Response:
    """A range that `end` ends; with `start` alone from then on; with neither the live window."""
    if not _has_range():
        return _live(stream, variant)
    segments = segments_within(stream, variant, parameters.interval(context().clock()))
    ended = 'end' in request.args
    return _answer(playlist.media(segments, _uri, ended=ended), max_age_seconds=10 if ended else 1)


def _has_range() -> bool:
    return 'start' in request.args or 'end' in request.args


def _live(stream: str, variant: str) -> Response:
    now = context().clock()
    within = Interval(now - timedelta(seconds=context().live_window_seconds), now + LARGEST_SKEW)
    held = segments_within(stream, variant, within)
    if not held:
        raise NotFound(
            f'variant: nothing of {stream}/{variant} is held from the last minutes; give start and end'
        )
    window = context().live.moved_on(stream, variant, held, within.start)
    return _answer(window.playlist(_uri), max_age_seconds=1)


def _uri(segment: Segment) -> str:
    """Relative to /playlist/STREAM/VARIANT.m3u8, so that it also works below a proxy's path."""
    return '../..' + wire.segment_path(segment)


def _bits_per_second(disk: Disk, stream: str, variant: str) -> int:
    """The peak rate of the newest segments held (RFC 8216 section 4.3.4.2), 0 if there are none."""
    for hour in reversed(disk.hours_of(stream, variant)):
        if rates := list(_rates(disk, hour)):
            return max(rates)
    return 0


def _rates(disk: Disk, hour: Hour) -> Iterable[int]:
    for name in sorted(readable_names(disk, hour))[-RATE_FROM_SEGMENTS:]:
        segment = Segment.parse(hour, name)
        if not segment.withdrawal and segment.duration:
            yield _rate(disk, segment)


def _rate(disk: Disk, segment: Segment) -> int:
    try:
        return int(disk.path(segment).stat().st_size * 8 / segment.duration.total_seconds())
    except FileNotFoundError:
        return 0  # removed since it was listed
    except OSError as error:
        raise SegmentError('unreadable', f'cannot read {segment.path}: {error.strerror}') from error


def _answer(text: str, *, max_age_seconds: int) -> Response:
    response = Response(text, mimetype=playlist.CONTENT_TYPE)
    response.cache_control.max_age = max_age_seconds
    return response
