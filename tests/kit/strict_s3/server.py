"""A small S3 server in the tests' own process: stricter than most, failing on command, hiding nothing.

    with strict_s3(page_size=2) as s3:
        bucket = s3.new_bucket()
        s3.fails('UploadPart', times=3, status=503, code='SlowDown')

It knows the operations that `calls` lists, and refuses each parameter and header that it would ignore.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from gevent.pool import Pool
from gevent.pywsgi import WSGIHandler, WSGIServer

from tests.kit import s3 as kit
from tests.kit.strict_s3 import body as bodies
from tests.kit.strict_s3 import listings, multipart, objects
from tests.kit.strict_s3.answers import Answer, AnswerError, DroppedError, unsupported
from tests.kit.strict_s3.calls import Call, Record, arrived, check_understood
from tests.kit.strict_s3.checks import check_caller, check_payload_hash, check_sums
from tests.kit.strict_s3.faults import Exchange, Moment, Script
from tests.kit.strict_s3.state import World

Operation = Callable[[World, Call, bytes], Answer]
StartResponse = Callable[[str, list[tuple[str, str]]], object]

_SINGLE: dict[str, Operation] = {
    'CreateBucket': objects.create_bucket,
    'HeadBucket': objects.head_bucket,
    'PutObject': objects.put_object,
    'GetObject': objects.get_object,
    'HeadObject': objects.get_object,
    'DeleteObject': objects.delete_object,
    'DeleteObjects': objects.delete_objects,
    'ListObjectsV2': listings.list_objects_v2,
}
_MULTIPART: dict[str, Operation] = {
    'CreateMultipartUpload': multipart.create_multipart_upload,
    'UploadPart': multipart.upload_part,
    'CompleteMultipartUpload': multipart.complete_multipart_upload,
    'AbortMultipartUpload': multipart.abort_multipart_upload,
    'ListMultipartUploads': listings.list_multipart_uploads,
    'ListParts': listings.list_parts,
}


@dataclass
class StrictS3(World, Script, Record):
    """The server as a test sees it: settings and state, faults, and the calls that came."""

    url: str = ''

    def client(self) -> Any:
        """A boto3 client on it."""
        return kit.client(self.url)

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        call = arrived(environ, environ['strict_s3.headers'])
        self.calls.append(call)
        exchange = Exchange(self, call, environ['strict_s3.socket'])
        try:
            answer = self._answer(exchange, environ)
        except AnswerError as error:
            answer = error.answer
        except DroppedError:
            call.code = 'Dropped'
            raise
        return self._said(exchange, answer, start_response)

    def _answer(self, exchange: Exchange, environ: dict[str, Any]) -> Answer:
        """What the call is answered; raises AnswerError where that ends it early."""
        call = exchange.call
        self._pass(exchange, 'unread')
        check_caller(self, call)
        check_understood(call)
        operation = self._operation(call.operation)
        bodies.check_length(call)
        raw = bodies.read(environ, call, lambda: self._pass(exchange, 'midway'))
        exchange.whole = True
        self._pass(exchange, 'read')
        check_payload_hash(self, call, raw)
        body = bodies.payload(call, raw)
        if call.operation != 'CompleteMultipartUpload':  # its checksum is that of the object
            check_sums(self, call, body)
        answer = operation(self, call, body)
        self._pass(exchange, 'done')
        return answer

    def _operation(self, name: str) -> Operation:
        if name in _MULTIPART and not self.multipart:
            raise unsupported('uploads in parts')
        return (_SINGLE | _MULTIPART)[name]

    def _pass(self, exchange: Exchange, when: Moment) -> None:
        """Lets happen what is scripted for this moment."""
        answer = self.befall(exchange, when)
        if answer:
            raise AnswerError(answer)

    def _said(self, exchange: Exchange, answer: Answer, start_response: StartResponse) -> Iterable[bytes]:
        call = exchange.call
        call.status, call.code = answer.status, answer.code
        headers = {
            'Date': objects.http_time(self.clock()),
            'x-amz-request-id': uuid4().hex[:16].upper(),
            **answer.headers,
        }
        if answer.status not in (204, 304):
            headers['Content-Length'] = str(len(answer.body))
        if not exchange.whole and call.headers.keys() & {'content-length', 'transfer-encoding'}:
            headers['Connection'] = 'close'  # the body may never come, or be taken for the next request
        start_response(answer.status_line, list(headers.items()))
        return self._blocks(exchange, b'' if call.method == 'HEAD' else answer.body)

    def _blocks(self, exchange: Exchange, body: bytes) -> Iterator[bytes]:
        half = len(body) // 2
        exchange.call.sent_bytes = half
        yield body[:half]
        self._pass(exchange, 'answering')
        exchange.call.sent_bytes = len(body)
        yield body[half:]


class _Handler(WSGIHandler):
    """Hands on the connection, and headers as they came: WSGI cannot tell `a_b` from `a-b`."""

    def get_environ(self) -> dict[str, Any]:
        environ: dict[str, Any] = super().get_environ()
        headers: dict[str, str] = {}
        for name, value in self.headers.items():
            before = headers.get(name.lower())
            headers[name.lower()] = value if before is None else f'{before},{value}'
        return environ | {'strict_s3.headers': headers, 'strict_s3.socket': self.socket}


@contextmanager
def strict_s3(**settings: Any) -> Iterator[StrictS3]:
    """The server for the length of the block; the settings are those of `state.World`."""
    s3, connections = StrictS3(**settings), Pool()
    server = WSGIServer(('127.0.0.1', 0), s3, handler_class=_Handler, log=None, spawn=connections)
    server.start()
    s3.url = f'http://127.0.0.1:{server.server_port}'
    try:
        yield s3
    finally:
        server.close()
        connections.kill()
