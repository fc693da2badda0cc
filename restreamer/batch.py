"""POST /segments/STREAM/VARIANT/HOUR: the segments of a list of names, as one streamed tar archive."""

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from io import BytesIO
from itertools import cycle
from typing import Any, NamedTuple

from flask import Blueprint
from werkzeug import Response
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge

from common import batch, wire
from common.disk import Disk
from common.errors import ListingError, SegmentError
from common.offload import offload, read_ahead
from common.segment import Hour, Segment
from restreamer import limits
from restreamer.measures import Measures, measures
from restreamer.store import context

BLOCK_BYTES = 512 * 1024
MOST_REQUEST_BYTES = 256 * 1024

Pair = tuple[memoryview, memoryview]

_SPARE: deque[Pair] = deque(maxlen=4)
"""Buffers that nobody uses now: fresh memory for each answer would cost as much as reading the files."""

blueprint = Blueprint('batch', __name__)


class Piece(NamedTuple):
    """So many bytes of something, which `read` puts into a buffer."""

    what: str
    read: Callable[[memoryview], int | None]
    size_bytes: int


@blueprint.post('/segments/<stream:stream>/<variant:variant>/<hour:hour>')
def segments(stream: str, variant: str, hour: str) -> Response:
    """Names that are not held are left out; a stream that breaks off did so in the middle of a segment."""
    wanted = Hour(stream, variant, hour)
    disk, asked = context().disk, _asked(wanted)
    sizes = offload(disk.sizes_of, wanted, asked)
    body: Any = _sent(disk, wanted, sizes, measures())  # no bytes, but the server takes what a socket takes
    response = Response(body, mimetype=batch.CONTENT_TYPE, direct_passthrough=True)
    response.content_length = sum(map(batch.member_bytes, sizes.values())) + len(batch.END)
    return response


def _asked(hour: Hour) -> list[Segment]:
    """The segments that the body of the request names."""
    body = limits.body(MOST_REQUEST_BYTES, f'ask for no more than {batch.MOST_NAMES} names at once')
    try:
        names = dict.fromkeys(wire.decode_listing(body))
        asked = [Segment.parse(hour, name) for name in names]
    except (ListingError, SegmentError) as error:
        raise BadRequest(f'the body has to be a JSON list of names: {error}') from None
    if len(asked) > batch.MOST_NAMES:
        raise RequestEntityTooLarge(f'ask for no more than {batch.MOST_NAMES} names at once')
    return asked


def _pieces(disk: Disk, hour: Hour, sizes: Mapping[Segment, int]) -> Iterator[Piece]:
    """The archive in parts; raises SegmentError if a segment is not as it was a moment ago."""
    for segment, file in disk.files(hour, sizes):
        size, padding = sizes[segment], batch.padding(sizes[segment])
        if os.fstat(file.fileno()).st_size != size:
            raise _changed(segment.path)
        yield Piece(segment.path, BytesIO(batch.header(segment.name, size)).readinto, batch.BLOCK_BYTES)
        yield Piece(segment.path, file.readinto, size)
        yield Piece(segment.path, BytesIO(padding).readinto, len(padding))
    yield Piece('the end', BytesIO(batch.END).readinto, len(batch.END))


def _blocks(pieces: Iterable[Piece], pair: Pair) -> Generator[memoryview]:
    """The pieces joined, in blocks that are good until the next but one is asked for, each of a pair in turn.

    The first is one header: once it is out, an error breaks the answer off instead of being one. What came
    before an error comes whole.
    """
    buffers = cycle(pair)
    block, used = next(buffers)[: batch.BLOCK_BYTES], 0
    try:
        for what, read, left in pieces:
            while left:
                count = read(block[used : used + left])
                if not count:
                    raise _changed(what)
                used, left = used + count, left - count
                if used == len(block):
                    yield block
                    block, used = next(buffers), 0
    except SegmentError:
        yield block[:used]
        raise
    yield block[:used]


def _changed(what: str) -> SegmentError:
    return SegmentError('truncated', f'{what} is not as long as it was')


def _sent(disk: Disk, hour: Hour, sizes: Mapping[Segment, int], served: Measures) -> Iterator[memoryview]:
    """The blocks of the answer. When all were sent, the segments count, and others may have the buffers."""
    pair = _SPARE.pop() if _SPARE else _new_pair()
    try:
        yield from read_ahead(_blocks(_pieces(disk, hour, sizes), pair))
    finally:
        _SPARE.append(pair)
    served.sent('batch', len(sizes), sum(sizes.values()))


def _new_pair() -> Pair:
    return memoryview(bytearray(BLOCK_BYTES)), memoryview(bytearray(BLOCK_BYTES))
