"""The operations that upload an object in parts."""

import hashlib
from base64 import b64decode
from typing import NamedTuple

from tests.kit.strict_s3.answers import Answer, malformed, parsed, refusal, told, unsupported
from tests.kit.strict_s3.calls import Call
from tests.kit.strict_s3.checks import (
    CHECKSUMS,
    check_write_conditions,
    checksum,
    given_checksum,
    metadata_of,
)
from tests.kit.strict_s3.objects import kept_headers
from tests.kit.strict_s3.state import Object, Part, Upload, World, etag

MOST_PARTS = 10_000


class Listed(NamedTuple):
    """A part as a CompleteMultipartUpload names it; the checksum may be empty."""

    number: int
    etag: str
    checksum: str


def create_multipart_upload(world: World, call: Call, body: bytes) -> Answer:
    bucket, algorithm = world.bucket_of(call), _algorithm(world, call)
    kind = call.headers.get('x-amz-checksum-type', 'COMPOSITE').upper()
    if kind not in ('COMPOSITE', 'FULL_OBJECT') or (kind == 'FULL_OBJECT' and algorithm not in ('crc32', '')):
        raise refusal(400, 'InvalidRequest', f'there is no checksum {kind} by {algorithm}')
    upload = Upload(
        world.next_upload_id(),
        call.key,
        world.clock(),
        kept_headers(call),
        metadata_of(call),
        algorithm,
        kind,
    )
    bucket.uploads[upload.id] = upload
    answer = told(
        'InitiateMultipartUploadResult',
        [('Bucket', bucket.name), ('Key', call.key), ('UploadId', upload.id)],
    )
    if algorithm:
        answer.headers |= {'x-amz-checksum-algorithm': algorithm.upper(), 'x-amz-checksum-type': kind}
    return answer


def upload_part(world: World, call: Call, body: bytes) -> Answer:
    """A part of the same number is replaced."""
    number = call.query.get('partNumber', '')
    if not number.isdecimal() or not 1 <= int(number) <= MOST_PARTS:
        raise refusal(400, 'InvalidArgument', f'parts have numbers from 1 to {MOST_PARTS}')
    upload, given = world.upload_of(call), given_checksum(world, call)
    if upload.algorithm and (not given or given[0] != upload.algorithm):
        raise refusal(
            400,
            'InvalidRequest',
            f'the upload has checksums by {upload.algorithm}, this part has another or none',
        )
    part = Part(int(number), body, etag(body), world.clock(), given[1] if given else '')
    upload.parts[part.number] = part
    sums = {f'x-amz-checksum-{given[0]}': part.checksum} if given else {}
    return Answer(headers={'ETag': part.etag, **sums})


def complete_multipart_upload(world: World, call: Call, body: bytes) -> Answer:
    """All or nothing: the upload stays open when it is refused."""
    bucket, upload = world.bucket_of(call), world.upload_of(call)
    parts = _chosen(upload, _listed(body, upload.algorithm))
    if any(len(part.body) < world.min_part_bytes for part in parts[:-1]):
        raise refusal(
            400, 'EntityTooSmall', f'only the last part may have under {world.min_part_bytes} bytes'
        )
    whole = _joined(world, upload, parts)
    _check_whole(world, call, upload, whole)
    check_write_conditions(world, call, bucket)
    bucket.objects[call.key] = whole
    del bucket.uploads[upload.id]
    sums = [(f'Checksum{name.upper()}', value) for name, value in whole.checksums.items()]
    kind = [('ChecksumType', whole.checksum_type)] if sums else []
    names = [('Location', f'/{bucket.name}/{call.key}'), ('Bucket', bucket.name), ('Key', call.key)]
    return told('CompleteMultipartUploadResult', [*names, ('ETag', whole.etag), *sums, *kind])


def abort_multipart_upload(world: World, call: Call, body: bytes) -> Answer:
    del world.bucket_of(call).uploads[world.upload_of(call).id]
    return Answer(204)


def _algorithm(world: World, call: Call) -> str:
    algorithm = call.headers.get('x-amz-checksum-algorithm', '').lower()
    if world.checksums == 'ignored':
        return ''
    if algorithm and algorithm not in CHECKSUMS:
        raise unsupported(f'checksums by {algorithm}')
    return algorithm


def _listed(body: bytes, algorithm: str) -> list[Listed]:
    """The parts that the document names, in strictly ascending order."""
    root = parsed(body, 'CompleteMultipartUpload')
    listed = []
    for each in root:
        number, tag = each.findtext('PartNumber', ''), each.findtext('ETag', '')
        if each.tag != 'Part' or not number.isdecimal() or not tag:
            raise malformed(f'a {each.tag} without number or ETag')
        listed.append(Listed(int(number), tag.strip('"'), each.findtext(f'Checksum{algorithm.upper()}', '')))
    if not 0 < len(listed) <= MOST_PARTS:
        raise malformed(f'{len(listed)} parts')
    numbers = [each.number for each in listed]
    if numbers != sorted(set(numbers)):
        raise refusal(400, 'InvalidPartOrder', 'the numbers of the parts do not ascend')
    return listed


def _chosen(upload: Upload, listed: list[Listed]) -> list[Part]:
    for each in listed:
        part = upload.parts.get(each.number)
        if not part or part.etag.strip('"') != each.etag:
            raise refusal(400, 'InvalidPart', 'no such part was uploaded', PartNumber=str(each.number))
        if upload.algorithm and upload.checksum_type == 'COMPOSITE' and not each.checksum:
            raise refusal(400, 'InvalidRequest', f'the checksum of part {each.number} is missing')
        if each.checksum and part.checksum != each.checksum:
            raise refusal(400, 'InvalidPart', 'the checksum is of another', PartNumber=str(each.number))
    return [upload.parts[each.number] for each in listed]


def _joined(world: World, upload: Upload, parts: list[Part]) -> Object:
    """The object; its ETag and a composite checksum are of the digests of its parts, and say how many."""
    body = b''.join(part.body for part in parts)
    digests = b''.join(bytes.fromhex(part.etag.strip('"')) for part in parts)
    sums = {}
    if upload.algorithm and upload.checksum_type == 'COMPOSITE':
        joined = b''.join(b64decode(part.checksum) for part in parts)
        sums[upload.algorithm] = f'{checksum(upload.algorithm, joined)}-{len(parts)}'
    elif upload.algorithm:
        sums[upload.algorithm] = checksum(upload.algorithm, body)
    tag = f'"{hashlib.md5(digests).hexdigest()}-{len(parts)}"'
    headers, metadata = upload.headers, upload.metadata
    return Object(body, tag, world.clock(), headers, metadata, sums, upload.checksum_type)


def _check_whole(world: World, call: Call, upload: Upload, whole: Object) -> None:
    """The checksum and its type that the call promises for the whole object."""
    given = given_checksum(world, call)
    if call.headers.get('x-amz-checksum-type', upload.checksum_type).upper() != upload.checksum_type:
        raise refusal(400, 'InvalidRequest', f'the upload has a checksum {upload.checksum_type}')
    if not given:
        return
    name, value = given
    actual = whole.checksums.get(name)
    if not actual or value.partition('-')[0] != actual.partition('-')[0]:
        raise refusal(400, 'BadDigest', f'the whole object has not this checksum by {name}')
