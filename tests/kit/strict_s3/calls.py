"""What is asked of the server: which operation of S3's a request is, and the record of all that came."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import parse_qsl

from tests.kit.strict_s3.answers import refusal, unsupported

_SUBRESOURCES = ('list-type', 'uploads', 'delete', 'uploadId')
_OPERATIONS = {
    ('PUT', 'bucket', ''): 'CreateBucket',
    ('HEAD', 'bucket', ''): 'HeadBucket',
    ('GET', 'bucket', 'list-type'): 'ListObjectsV2',
    ('GET', 'bucket', 'uploads'): 'ListMultipartUploads',
    ('POST', 'bucket', 'delete'): 'DeleteObjects',
    ('PUT', 'key', ''): 'PutObject',
    ('GET', 'key', ''): 'GetObject',
    ('HEAD', 'key', ''): 'HeadObject',
    ('DELETE', 'key', ''): 'DeleteObject',
    ('POST', 'key', 'uploads'): 'CreateMultipartUpload',
    ('PUT', 'key', 'uploadId'): 'UploadPart',
    ('POST', 'key', 'uploadId'): 'CompleteMultipartUpload',
    ('DELETE', 'key', 'uploadId'): 'AbortMultipartUpload',
    ('GET', 'key', 'uploadId'): 'ListParts',
}
_QUERIES = {
    'ListObjectsV2': {
        'list-type', 'prefix', 'delimiter', 'max-keys', 'continuation-token', 'start-after', 'encoding-type',
    },
    'ListMultipartUploads': {
        'uploads', 'prefix', 'max-uploads', 'key-marker', 'upload-id-marker', 'encoding-type',
    },
    'DeleteObjects': {'delete'},
    'CreateMultipartUpload': {'uploads'},
    'UploadPart': {'uploadId', 'partNumber'},
    'CompleteMultipartUpload': {'uploadId'},
    'AbortMultipartUpload': {'uploadId'},
    'ListParts': {'uploadId', 'max-parts', 'part-number-marker'},
}  # fmt: skip
_HEADERS = {
    f'x-amz-{name}'
    for name in (
        'date', 'security-token', 'user-agent', 'content-sha256', 'decoded-content-length', 'trailer', 'te',
        'sdk-checksum-algorithm', 'checksum-mode', 'checksum-algorithm', 'checksum-type', 'checksum-sha256',
        'checksum-sha1', 'checksum-crc32',
    )
}  # fmt: skip
_CONDITIONS = {'if-match', 'if-none-match', 'if-modified-since', 'if-unmodified-since', 'if-range'}
_KNOWN_CONDITIONS = {'if-match', 'if-none-match'}
_CONDITIONAL = {'PutObject', 'CompleteMultipartUpload', 'GetObject', 'HeadObject'}
_KEY_BYTES = 1024


@dataclass
class Call:
    """One request, and what came of it; `status` is 0 as long as nothing was answered.

    `operation` is AWS's name of it, `Unknown` if there is none here. `code` is S3's word for an error, or
    `Dropped` if the connection ended before the answer. Header names are in lower case.
    """

    operation: str
    bucket: str
    key: str
    method: str
    query: dict[str, str]
    headers: dict[str, str]
    status: int = 0
    code: str = ''
    received_bytes: int = 0
    sent_bytes: int = 0


@dataclass
class Record:
    """All calls, in the order in which they came."""

    calls: list[Call] = field(default_factory=list)

    def asked(
        self, operation: str = '*', *, key: str = '*', bucket: str = '*', status: int | None = None
    ) -> list[Call]:
        """The calls that match; operation, key and bucket may have wildcards."""
        return [
            call
            for call in self.calls
            if matches(call, operation, key)
            and fnmatchcase(call.bucket, bucket)
            and status in (None, call.status)
        ]

    def count(
        self, operation: str = '*', *, key: str = '*', bucket: str = '*', status: int | None = None
    ) -> int:
        """How many calls match."""
        return len(self.asked(operation, key=key, bucket=bucket, status=status))


def matches(call: Call, operation: str, key: str) -> bool:
    return fnmatchcase(call.operation, operation) and fnmatchcase(call.key, key)


def arrived(environ: Mapping[str, Any], headers: dict[str, str]) -> Call:
    """The call that a WSGI request is, whether or not it can be understood."""
    method = environ['REQUEST_METHOD']
    path = environ['PATH_INFO'].encode('latin-1').decode('utf-8', 'replace')
    bucket, _, key = path.removeprefix('/').partition('/')
    query = dict(parse_qsl(environ['QUERY_STRING'], keep_blank_values=True))
    subresource = next((name for name in _SUBRESOURCES if name in query), '')
    level = 'key' if key else 'bucket' if bucket else 'service'
    operation = _OPERATIONS.get((method, level, subresource), 'Unknown')
    return Call(operation, bucket, key, method, query, headers)


def check_understood(call: Call) -> None:
    """Refuses each wish that the server would not fulfil, instead of passing over it."""
    if call.operation == 'Unknown':
        raise unsupported(f'{call.method} of {call.bucket}/{call.key} with {sorted(call.query)}')
    for name in call.query.keys() - _QUERIES.get(call.operation, set()) - {'x-id'}:
        raise unsupported(f'the parameter {name} of {call.operation}')
    for name in call.headers.keys() - _HEADERS:
        if name.startswith('x-amz-') and not name.startswith('x-amz-meta-'):
            raise unsupported(f'the header {name} of {call.operation}')
    known = _KNOWN_CONDITIONS if call.operation in _CONDITIONAL else set()
    for name in call.headers.keys() & (_CONDITIONS - known):
        raise unsupported(f'the condition {name} of {call.operation}')
    if len(call.key.encode()) > _KEY_BYTES:
        raise refusal(400, 'KeyTooLongError', f'the key has more than {_KEY_BYTES} bytes')
