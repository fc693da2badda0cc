"""POST /segments/STREAM/VARIANT/HOUR: the segments of a list of names, as one streamed tar archive."""

from collections.abc import Generator, Iterator, Mapping

from flask import Blueprint, request
from werkzeug import Response
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge

from common import batch, wire
from common.disk import Disk
from common.errors import ListingError, SegmentError
from common.offload import offload, read_ahead
from common.segment import Hour, Segment
from restreamer.measures import Measures, measures
from restreamer.store import context

BLOCK_BYTES = 1024 * 1024
MOST_REQUEST_BYTES = 256 * 1024

blueprint = Blueprint('batch', __name__)


@blueprint.post('/segments/<stream:stream>/<variant:variant>/<hour:hour>')
def segments(stream: str, variant: str, hour: str) -> Response:
    """Names that are not held are left out; a stream that breaks off did so in the middle of a segment."""
    wanted = Hour(stream, variant, hour)
    disk, asked = context().disk, _asked(wanted)
    sizes = offload(disk.sizes_of, wanted, asked)
    blocks = read_ahead(_joined(_pieces(disk, sizes)))
    response = Response(
        _counted(blocks, sizes, measures()), mimetype=batch.CONTENT_TYPE, direct_passthrough=True
    )
    response.content_length = sum(map(batch.member_bytes, sizes.values())) + len(batch.END)
    return response


def _asked(hour: Hour) -> list[Segment]:
    """The segments that the body of the request names."""
    if (request.content_length or 0) > MOST_REQUEST_BYTES:
        raise RequestEntityTooLarge(f'ask for no more than {batch.MOST_NAMES} names at once')
    try:
        names = dict.fromkeys(wire.decode_listing(request.stream.read(MOST_REQUEST_BYTES)))
        asked = [Segment.parse(hour, name) for name in names]
    except (ListingError, SegmentError) as error:
        raise BadRequest(f'the body has to be a JSON list of names: {error}') from None
    if len(asked) > batch.MOST_NAMES:
        raise RequestEntityTooLarge(f'ask for no more than {batch.MOST_NAMES} names at once')
    return asked


def _pieces(disk: Disk, sizes: Mapping[Segment, int]) -> Iterator[bytes | memoryview]:
    """The archive; raises SegmentError if a segment is not as it was a moment ago, which breaks it off."""
    for segment, blocks in disk.read(sizes):
        yield batch.header(segment.name, sizes[segment])
        left = sizes[segment]
        for block in blocks:
            left -= len(block)
            if left < 0:
                break
            yield block
        if left:
            raise SegmentError('truncated', f'{segment.path} is not as long as it was')
        yield batch.padding(sizes[segment])
    yield batch.END


def _joined(pieces: Iterator[bytes | memoryview]) -> Generator[bytes]:
    """The same bytes in blocks of about one size, since each costs a change of threads.

    The first goes alone: once it is out, an error breaks the answer off instead of being one.
    """
    yield bytes(next(pieces))
    waiting: list[bytes | memoryview] = []
    size = 0
    for piece in pieces:
        waiting.append(piece)
        size += len(piece)
        if size >= BLOCK_BYTES:
            yield b''.join(waiting)
            waiting, size = [], 0
    yield b''.join(waiting)


def _counted(blocks: Iterator[bytes], sizes: Mapping[Segment, int], served: Measures) -> Iterator[bytes]:
    """The blocks; when all were sent, the segments count."""
    yield from blocks
    served.sent('batch', len(sizes), sum(sizes.values()))
