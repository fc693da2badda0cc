"""GET /cut: a range of a variant as one file, segment by segment; nothing is encoded anew."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import pairwise
from typing import Any, NamedTuple

from flask import Blueprint, request
from werkzeug import Response
from werkzeug.exceptions import BadRequest, Conflict, NotFound, UnprocessableEntity
from werkzeug.exceptions import NotImplemented as NotInstalled
from werkzeug.wsgi import FileWrapper

from common import digest, timeline
from common.disk import BLOCK_BYTES, Disk
from common.errors import SegmentError
from common.offload import offload
from common.reel import covered
from common.segment import MEDIA_TYPES, SEGMENT_SUFFIX, Segment, shown
from common.timeline import Interval
from common.times import iso
from common.video.mpegts import media
from restreamer import parameters
from restreamer.admission.limits import Gate
from restreamer.conditions import conditional
from restreamer.context import context
from restreamer.playing import remux
from restreamer.playing.hours import Hours, beginnings
from restreamer.playing.joined import JoinedFile

LONGEST = timedelta(days=1)
MP4 = 'video/mp4'
AAC = ('mp4a.40.2', 'mp4a.40.5', 'mp4a.40.29')
LOOKED_AT_BYTES = 4_194_304

blueprint = Blueprint('cut', __name__)


class Cut(NamedTuple):
    """The segments of a range with their sizes in bytes, and the holes between them."""

    within: Interval
    segments: list[tuple[Segment, int]]
    holes: tuple[Interval, ...]

    @property
    def has_fragments(self) -> bool:
        return any(segment.init for segment, _ in self.segments)

    @property
    def changes(self) -> list[Segment]:
        """The segments with which another init section begins, or a transport stream after fragments."""
        pairs = pairwise(segment for segment, _ in self.segments)
        return [later for earlier, later in pairs if earlier.init != later.init]


class HolesError(Conflict):
    """What was asked for has holes, and nobody said that it may."""

    def __init__(self, holes: Sequence[Interval]) -> None:
        super().__init__('the range has holes; add holes=allow to the query to have what there is')
        self.holes = holes


@blueprint.errorhandler(HolesError)
def holes_error(error: HolesError) -> tuple[dict[str, Any], int]:
    return {'error': error.description, 'holes': [each.told() for each in error.holes]}, Conflict.code


@blueprint.get('/cut/<stream:stream>/<variant:variant>.ts')
def transport_stream(stream: str, variant: str) -> Response:
    """A range as one file of the segments that it touches. With holes only if the query has `holes=allow`."""
    cut = _cut(stream, variant)
    if cut.has_fragments:
        raise Conflict(
            f'{stream}/{variant} is fragments of MP4 here, which are no transport stream: take the .mp4'
        )
    file = JoinedFile(context().disk, cut.segments)
    response = Response(
        _Gated(file, context().cuts), mimetype=MEDIA_TYPES[SEGMENT_SUFFIX], direct_passthrough=True
    )
    _name(response, cut, stream, variant, 'ts')
    response.content_length = file.size_bytes
    response.set_etag(digest.sha256([segment.path.encode() for segment, _ in cut.segments]))
    return conditional(response, accept_ranges=True, length=file.size_bytes)


@blueprint.get('/cut/<stream:stream>/<variant:variant>.mp4')
def mp4(stream: str, variant: str) -> Response:
    """A range as an MP4 that ffmpeg makes on the way. Its length is not known before, nor any part of it."""
    program = offload(remux.found, context().ffmpeg)
    if not program:
        raise NotInstalled(f'ffmpeg: there is no {context().ffmpeg} here, which makes the MP4; take the .ts')
    cut = _cut(stream, variant)
    if cut.changes:
        raise Conflict(
            f'another init section begins at {iso(cut.changes[0].start)}, which one MP4 cannot go on with: '
            'end there, and begin there anew'
        )
    made = _remuxed(program, cut)
    try:
        first = next(made, b'') if request.method == 'GET' else b''
    except SegmentError as error:
        raise UnprocessableEntity(str(error)) from error
    response = Response(_all(first, made), mimetype=MP4, direct_passthrough=True)
    _name(response, cut, stream, variant, 'mp4')
    return response


def _remuxed(program: str, cut: Cut) -> Iterator[bytes]:
    """By ffmpeg; it is given fragments behind the one init section that they need."""
    disk, first = context().disk, cut.segments[0][0]
    section = offload(disk.sizes_of, first.hour, filter(None, [first.needs]))
    blocks = _Gated(JoinedFile(disk, [*section.items(), *cut.segments]), context().cuts)
    if first.init:
        return remux.remuxed(program, blocks, 'mp4', has_adts=False)
    return remux.remuxed(program, blocks, 'mpegts', has_adts=offload(_has_aac, disk, cut))


def _cut(stream: str, variant: str) -> Cut:
    """What the query asks for, if it can be had."""
    within, allowed = _range(), _may_have_holes()
    context().cuts.check()
    cut = offload(_look, context().disk, context().hours, stream, variant, within)
    context().cuts.check()  # others may have come in meanwhile, and after this there is no answer to give
    if not cut.segments:
        raise NotFound(f'variant: nothing of {stream}/{variant} is held of this range')
    if cut.holes and not allowed:
        raise HolesError(cut.holes)
    return cut


def _range() -> Interval:
    for name in ('start', 'end'):
        if name not in request.args:
            raise BadRequest(f'{name}: a cut needs a start and an end')
    within = parameters.interval(context().clock())
    if within.length > LONGEST:
        raise BadRequest(f'end: a cut may last for {LONGEST.days} day; ask for several')
    return within


def _may_have_holes() -> bool:
    text = request.args.get('holes', 'refuse')
    if text not in ('allow', 'refuse'):
        raise BadRequest(f'holes: {shown(text)} is not allow or refuse')
    return text == 'allow'


def _look(disk: Disk, hours: Hours, stream: str, variant: str, within: Interval) -> Cut:
    reels = hours.reels(stream, variant, within)
    spans = [span for reel in reels for span in reel.spans()]
    sized = [pair for reel in reels for pair in disk.sizes_of(reel.hour, reel.segments()).items()]
    return Cut(within, sized, timeline.coverage(covered(spans), within).holes)


def _has_aac(disk: Disk, cut: Cut) -> bool:
    """Whether its sound is AAC, as far as the first segment tells, and as it mostly is."""
    first, size = cut.segments[0]
    (data,) = beginnings(disk, first.hour, [first.name], min(size, LOOKED_AT_BYTES))
    found = media(data)
    return not found or not found.codecs or any(each in AAC for each in found.codecs)


def _name(response: Response, cut: Cut, stream: str, variant: str, suffix: str) -> None:
    """As a file that is saved under the name of what it is."""
    name = f'{stream}-{variant}-{cut.within.start:%Y%m%dT%H%M%SZ}-{cut.within.end:%Y%m%dT%H%M%SZ}.{suffix}'
    response.headers['Content-Disposition'] = f'attachment; filename="{name}"'


def _all(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


class _Gated(FileWrapper):
    """The blocks of a file, read off the hub, and in the gate from the first to the last of them."""

    def __init__(self, file: JoinedFile, gate: Gate) -> None:
        super().__init__(file, BLOCK_BYTES)  # type: ignore[arg-type]
        self._gate = gate
        self._inside = False

    def __next__(self) -> bytes:
        if not self._inside:
            self._gate.__enter__()
            self._inside = True
        if block := offload(self.file.read, self.buffer_size):
            return block
        raise StopIteration

    def close(self) -> None:
        if self._inside:
            self._gate.__exit__()
        self._inside = False
        super().close()
