"""The operations on buckets and on single objects."""

import re
from datetime import datetime

from tests.kit.strict_s3.answers import (
    Answer,
    AnswerError,
    Node,
    error,
    malformed,
    parsed,
    refusal,
    told,
)
from tests.kit.strict_s3.calls import Call
from tests.kit.strict_s3.checks import check_write_conditions, given_checksum, metadata_of, unmet
from tests.kit.strict_s3.state import Bucket, Object, World, etag

MOST_DELETED = 1000
HTTP_TIME = '%a, %d %b %Y %H:%M:%S GMT'

_BUCKET_NAME = re.compile('[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]')
_RANGE = re.compile(r'bytes=(\d*)-(\d*)')
_KEPT = {
    'content-type', 'cache-control', 'content-disposition', 'content-encoding', 'content-language', 'expires',
}  # fmt: skip


def create_bucket(world: World, call: Call, body: bytes) -> Answer:
    if body:
        parsed(body, 'CreateBucketConfiguration')
    if not _BUCKET_NAME.fullmatch(call.bucket):
        raise refusal(400, 'InvalidBucketName', 'no bucket can have this name')
    if call.bucket in world.buckets:
        raise refusal(409, 'BucketAlreadyOwnedByYou', 'there is this bucket already')
    world.buckets[call.bucket] = Bucket(call.bucket)
    return Answer(headers={'Location': f'/{call.bucket}'})


def head_bucket(world: World, call: Call, body: bytes) -> Answer:
    world.bucket_of(call)
    return Answer(headers={'x-amz-bucket-region': world.region})


def put_object(world: World, call: Call, body: bytes) -> Answer:
    bucket, given = world.bucket_of(call), given_checksum(world, call)
    check_write_conditions(world, call, bucket)
    bucket.objects[call.key] = stored = Object(
        body,
        etag(body),
        world.clock(),
        kept_headers(call),
        metadata_of(call),
        dict([given] if given else []),
    )
    return Answer(headers={'ETag': stored.etag, **checksum_headers(stored)})


def get_object(world: World, call: Call, body: bytes) -> Answer:
    """Also HeadObject: of its answer, the body is not sent."""
    found = world.bucket_of(call).objects.get(call.key)
    if not found:
        raise refusal(404, 'NoSuchKey', 'there is no such object', Key=call.key)
    _check_read_conditions(call, found)
    headers = _headers(found)
    span = _span(call, len(found.body))
    if span:
        part = found.body[span.start : span.stop]
        content_range = f'bytes {span.start}-{span.stop - 1}/{len(found.body)}'
        return Answer(206, {**headers, 'Content-Range': content_range}, part)
    if world.checksums == 'yes' and call.headers.get('x-amz-checksum-mode', '').upper() == 'ENABLED':
        headers |= checksum_headers(found)
    return Answer(headers=headers, body=found.body)


def delete_object(world: World, call: Call, body: bytes) -> Answer:
    """Whether or not there is such an object, as S3 does."""
    world.bucket_of(call).objects.pop(call.key, None)
    return Answer(204)


def delete_objects(world: World, call: Call, body: bytes) -> Answer:
    bucket, root = world.bucket_of(call), parsed(body, 'Delete')
    if world.checksums == 'yes' and 'content-md5' not in call.headers and not given_checksum(world, call):
        raise refusal(400, 'InvalidRequest', 'neither Content-MD5 nor a checksum was sent')
    keys = [each.findtext('Key') for each in root.iter('Object')]
    if not 0 < len(keys) <= MOST_DELETED or not all(keys):
        raise malformed(f'{len(keys)} keys, or one that is empty')
    for key in keys:
        bucket.objects.pop(str(key), None)
    quiet = root.findtext('Quiet') == 'true'
    deleted: list[Node] = [] if quiet else [('Deleted', [('Key', str(key))]) for key in keys]
    return told('DeleteResult', deleted)


def kept_headers(call: Call) -> dict[str, str]:
    """The headers that are stored with an object."""
    kept = {name: value for name, value in call.headers.items() if name in _KEPT}
    encodings = [each.strip() for each in kept.pop('content-encoding', '').split(',')]
    left = ','.join(each for each in encodings if each not in ('', 'aws-chunked'))
    return {'content-type': 'binary/octet-stream', **kept, **({'content-encoding': left} if left else {})}


def checksum_headers(stored: Object) -> dict[str, str]:
    found = {f'x-amz-checksum-{name}': value for name, value in stored.checksums.items()}
    return {**found, 'x-amz-checksum-type': stored.checksum_type} if found else {}


def http_time(time: datetime) -> str:
    return time.strftime(HTTP_TIME)


def _headers(stored: Object) -> dict[str, str]:
    metadata = {f'x-amz-meta-{name}': value for name, value in stored.metadata.items()}
    changed = http_time(stored.last_modified)
    return {
        **stored.headers,
        **metadata,
        'ETag': stored.etag,
        'Last-Modified': changed,
        'Accept-Ranges': 'bytes',
    }


def _check_read_conditions(call: Call, found: Object) -> None:
    match, none_match = call.headers.get('if-match'), call.headers.get('if-none-match')
    if match is not None and not _names(match, found):
        raise unmet('If-Match')
    if none_match is not None and _names(none_match, found):
        raise AnswerError(Answer(304, {'ETag': found.etag}, code='NotModified'))


def _names(condition: str, found: Object) -> bool:
    etags = [each.strip().removeprefix('W/').strip('"') for each in condition.split(',')]
    return '*' in etags or found.etag.strip('"') in etags


def _span(call: Call, size: int) -> range | None:
    """The bytes that the Range header asks for; all of them if it cannot be read, as RFC 9110 14.2 has it."""
    match = _RANGE.fullmatch(call.headers.get('range', ''))
    if not match or match[1] == match[2] == '':
        return None
    if match[1] and match[2] and int(match[1]) > int(match[2]):
        return None
    start = int(match[1]) if match[1] else max(0, size - int(match[2]))
    stop = min(size, int(match[2]) + 1) if match[1] and match[2] else size
    if start >= stop:
        refused = error(416, 'InvalidRange', 'there are no such bytes', more=[('ActualObjectSize', size)])
        refused.headers['Content-Range'] = f'bytes */{size}'
        raise AnswerError(refused)
    return range(start, stop)
