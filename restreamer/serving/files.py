"""GET /segments: the bytes of a segment, with Range and conditional requests (RFC 9110)."""

import os
from functools import partial
from io import FileIO
from typing import ClassVar

from flask import Blueprint, request
from werkzeug import Response
from werkzeug.exceptions import BadRequest, NotFound

from common.errors import SegmentError
from common.http.sentfile import SentFile
from common.offload import offload
from common.segment import Hour, Segment, media_type
from restreamer.conditions import conditional
from restreamer.context import context
from restreamer.measures import measures

A_YEAR_SECONDS = 31_536_000
BLOCK_BYTES = 256 * 1024
SMALL_BLOCK_BYTES = 64 * 1024
MANY = 64
"""While more than so many are sent, each block is small: a slow reader holds one."""

blueprint = Blueprint('files', __name__)


@blueprint.get('/segments/<stream:stream>/<variant:variant>/<hour:hour>/<name>')
def segment(stream: str, variant: str, hour: str, name: str) -> Response:
    """A segment, or with Range a part of it. It may be kept for ever: other bytes have another name."""
    wanted = _segment(Hour(stream, variant, hour), name)
    file = offload(context().disk.open, wanted)
    size = os.fstat(file.fileno()).st_size
    blocks = _SegmentFile(file)
    if not request.range:
        blocks.when_sent = partial(measures().sent, 'single', 1, size)  # type: ignore[method-assign]
    response = Response(blocks, mimetype=media_type(name), direct_passthrough=True)
    response.content_length = size
    response.cache_control.max_age = A_YEAR_SECONDS
    response.cache_control.public = True
    response.cache_control.immutable = True
    response.set_etag(wanted.hash)
    length = size if _wants_a_part(size) else None
    return conditional(response, accept_ranges=True, length=length)


class _SegmentFile(SentFile):
    """The file of a segment, in small blocks while many are sent."""

    _open: ClassVar[set[int]] = set()

    def __init__(self, file: FileIO) -> None:
        self._open.add(id(self))
        super().__init__(file, BLOCK_BYTES if len(self._open) <= MANY else SMALL_BLOCK_BYTES)

    def close(self) -> None:
        self._open.discard(id(self))
        super().close()


def _segment(hour: Hour, name: str) -> Segment:
    try:
        found = Segment.parse(hour, name)
    except SegmentError as error:
        raise BadRequest(str(error)) from None
    if found.withdrawal:
        raise NotFound(f'name: {name} is a tombstone, which has no bytes')
    return found


def _wants_a_part(size: int) -> bool:
    """False for what RFC 9110 section 14 answers with the whole: HEAD, other units, a suffix of it all."""
    if request.method == 'HEAD':
        return False
    wanted = request.range
    if wanted is None:
        return True
    return wanted.units == 'bytes' and (len(wanted.ranges) > 1 or wanted.ranges[0][0] > -size)
