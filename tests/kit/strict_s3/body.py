"""The bytes of a call: read from the wire, and taken out of aws-chunked framing with its trailers."""

import re
from collections.abc import Callable, Mapping
from io import BytesIO
from typing import Any

from tests.kit.strict_s3.answers import DroppedError, refusal
from tests.kit.strict_s3.calls import Call

_CHUNKED_HALF_BYTES = 64 * 1024
_DECODED = 'x-amz-decoded-content-length'
_SIZE = re.compile(rb'([0-9A-Fa-f]+)(;[^\r\n]*)?\r\n')
_UPLOADS = {'PutObject', 'UploadPart'}


def check_length(call: Call) -> None:
    """Refuses an upload of unknown length."""
    framed = 'transfer-encoding' in call.headers or _is_framed(call)
    wanted = _DECODED if framed else 'content-length'
    length = call.headers.get(wanted, '' if framed or call.operation in _UPLOADS else '0')
    if not length.isdecimal():
        raise refusal(411, 'MissingContentLength', f'the header {wanted} is missing or no number')


def read(environ: Mapping[str, Any], call: Call, midway: Callable[[], None]) -> bytes:
    """The body as it came; `midway` is called in its middle, and the call dropped if the client is gone."""
    length = int(environ.get('CONTENT_LENGTH') or 0)
    try:
        first = _received(environ, call, length // 2 if length else _CHUNKED_HALF_BYTES)
        midway()
        return first + _received(environ, call, None)
    except OSError as error:
        raise DroppedError from error


def payload(call: Call, raw: bytes) -> bytes:
    """What was meant to be sent; trailers join the call's headers."""
    body = _unframed(call, raw) if _is_framed(call) else raw
    promised = int(call.headers.get(_DECODED, len(body)))
    if promised != len(body):
        raise refusal(400, 'IncompleteBody', f'{len(body)} bytes came where {promised} were promised')
    return body


def _received(environ: Mapping[str, Any], call: Call, length: int | None) -> bytes:
    block: bytes = environ['wsgi.input'].read(length)
    call.received_bytes += len(block)
    return block


def _is_framed(call: Call) -> bool:
    encodings = call.headers.get('content-encoding', '').split(',')
    streaming = call.headers.get('x-amz-content-sha256', '').startswith('STREAMING-')
    return streaming or 'aws-chunked' in [each.strip() for each in encodings]


def _unframed(call: Call, raw: bytes) -> bytes:
    """The chunks joined: a size in hex, perhaps `;chunk-signature=`, the bytes, and trailers after size 0."""
    stream, blocks = BytesIO(raw), []
    while size := _size(stream.readline()):
        blocks.append(stream.read(size))
        if len(blocks[-1]) != size or stream.read(2) != b'\r\n':
            raise refusal(400, 'IncompleteBody', 'a chunk is not as long as it says')
    trailers = dict(_header(line) for line in stream.read().split(b'\r\n') if line)
    announced = {name.strip().lower() for name in call.headers.get('x-amz-trailer', '').split(',')} - {''}
    if announced != trailers.keys() - {'x-amz-trailer-signature'}:
        raise refusal(400, 'MalformedTrailerError', 'the trailers are not those that were announced')
    call.headers.update(trailers)
    return b''.join(blocks)


def _size(line: bytes) -> int:
    match = _SIZE.fullmatch(line)
    if not match:
        raise refusal(400, 'IncompleteBody', f'{line[:40]!r} where the size of a chunk belongs')
    return int(match[1], 16)


def _header(line: bytes) -> tuple[str, str]:
    name, _, value = line.decode('latin-1').partition(':')
    return name.strip().lower(), value.strip()
