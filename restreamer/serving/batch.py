"""POST /segments/STREAM/VARIANT/HOUR: the segments of a list of names, as one streamed tar archive."""

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
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
from restreamer.admission import limits
from restreamer.context import context
from restreamer.measures import Measures, measures

BLOCK_BYTES = 512 * 1024
MOST_REQUEST_BYTES = 256 * 1024

Pair = tuple[memoryview, memoryview]

SMALL_BLOCK_BYTES = 64 * 1024
MANY = 32
"""While more than so many answers are sent, the blocks of the others are small: a slow reader holds two."""

blueprint = Blueprint('batch', __name__)


class Piece(NamedTuple):
    """So many bytes of something, which `read` puts into a buffer."""

    what: str
    read: Callable[[memoryview], int | None]
    size_bytes: int


@blueprint.post('/segments/<stream:stream>/<variant:variant>/<hour:hour>')
def segments(stream: str, variant: str, hour: str) -> Response:
    """Many segments of an hour as one tar. Names that are not held are left out."""
    wanted = Hour(stream, variant, hour)
    disk, asked = context().disk, _asked(wanted)
    sizes = offload(disk.sizes_of, wanted, asked)
    body: Any = _sent(disk, wanted, sizes, measures())  # no bytes, but the server takes what a socket takes
    response = Response(body, mimetype=batch.CONTENT_TYPE, direct_passthrough=True)
    response.content_length = sum(batch.member_bytes(each.name, size) for each, size in sizes.items()) + len(
        batch.END
    )
    return response


def _asked(hour: Hour) -> list[Segment]:
    """The segments that the body of the request names."""
    body = limits.body(MOST_REQUEST_BYTES, f'ask for no more than {batch.MOST_NAMES} names at once')
    try:
        names = wire.decode_listing(body)
        if len(names) > batch.MOST_NAMES:
            raise RequestEntityTooLarge(f'ask for no more than {batch.MOST_NAMES} names at once')
        return [Segment.parse(hour, name) for name in dict.fromkeys(names)]
    except (ListingError, SegmentError) as error:
        raise BadRequest(f'the body has to be a JSON list of names: {error}') from None


def _pieces(disk: Disk, hour: Hour, sizes: Mapping[Segment, int]) -> Iterator[Piece]:
    """The archive in parts; raises SegmentError if a segment is not as it was a moment ago."""
    for segment, file in disk.files(hour, sizes):
        size, padding = sizes[segment], batch.padding(sizes[segment])
        if os.fstat(file.fileno()).st_size != size:
            raise _changed(segment.path)
        head = batch.header(segment.name, size)
        yield Piece(segment.path, BytesIO(head).readinto, len(head))
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
    with _PAIRS.lent() as pair:
        yield from read_ahead(_blocks(_pieces(disk, hour, sizes), pair))
    served.sent('batch', len(sizes), sum(sizes.values()))


class _Pairs:
    """The buffers of answers; a few are kept, for fresh memory would cost as much as reading the files."""

    def __init__(self) -> None:
        self._spare: deque[Pair] = deque(maxlen=4)
        self._lent = 0

    @contextmanager
    def lent(self) -> Iterator[Pair]:
        pair = self._pair()
        self._lent += 1
        try:
            yield pair
        finally:
            self._lent -= 1
            if len(pair[0]) == BLOCK_BYTES:
                self._spare.append(pair)

    def _pair(self) -> Pair:
        if self._lent < MANY and self._spare:
            return self._spare.pop()
        return _new_pair(BLOCK_BYTES if self._lent < MANY else SMALL_BLOCK_BYTES)


def _new_pair(size: int = BLOCK_BYTES) -> Pair:
    return memoryview(bytearray(size)), memoryview(bytearray(size))


_PAIRS = _Pairs()
