"""The operations that list objects, uploads and parts, page by page."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar
from urllib.parse import quote

from tests.kit.strict_s3.answers import Answer, Node, refusal, told, unsupported
from tests.kit.strict_s3.calls import Call
from tests.kit.strict_s3.state import Bucket, Object, Part, Upload, World

T = TypeVar('T')

_TOKEN = b'after '


def list_objects_v2(world: World, call: Call, body: bytes) -> Answer:
    """Keys and common prefixes in one order, both counted for the page (API reference, ListObjectsV2)."""
    if call.query['list-type'] != '2':
        raise unsupported('any listing but the second version')
    bucket, query, encoded = world.bucket_of(call), call.query, _encoding(call)
    prefix, delimiter = query.get('prefix', ''), query.get('delimiter', '')
    token = query.get('continuation-token')
    limit = _limit(world, call, 'max-keys')
    entries = _entries(bucket, prefix, delimiter, query.get('start-after', '') if token is None else '')
    after = '' if token is None else _marker(token)
    page, more = _page([each for each in entries if each > after], limit)
    listed: list[Node] = [
        ('Name', bucket.name),
        ('Prefix', encoded(prefix)),
        ('MaxKeys', limit),
        ('KeyCount', len(page)),
        ('IsTruncated', more),
    ]
    for name in ('delimiter', 'start-after', 'encoding-type', 'continuation-token'):
        if name in query:
            coded = name in ('delimiter', 'start-after')
            listed.append((_camel(name), encoded(query[name]) if coded else query[name]))
    if more:
        listed.append(('NextContinuationToken', _token(page[-1])))
    for each in page:
        if _is_common(each, prefix, delimiter):
            listed.append(('CommonPrefixes', [('Prefix', encoded(each))]))
        else:
            listed.append(('Contents', _contents(encoded(each), bucket.objects[each])))
    return told('ListBucketResult', listed)


def list_multipart_uploads(world: World, call: Call, body: bytes) -> Answer:
    """By key, and those of one key as they were begun."""
    bucket, query, encoded = world.bucket_of(call), call.query, _encoding(call)
    prefix, key_marker = query.get('prefix', ''), query.get('key-marker', '')
    id_marker = query.get('upload-id-marker', '') if key_marker else ''
    limit = _limit(world, call, 'max-uploads')
    found = sorted(bucket.uploads.values(), key=lambda upload: (upload.key, upload.id))
    below = [upload for upload in found if upload.key.startswith(prefix)]
    page, more = _page([upload for upload in below if _is_past(upload, key_marker, id_marker)], limit)
    listed: list[Node] = [
        ('Bucket', bucket.name),
        ('Prefix', encoded(prefix)),
        ('KeyMarker', encoded(key_marker)),
        ('UploadIdMarker', id_marker),
        ('MaxUploads', limit),
        ('IsTruncated', more),
    ]
    if more:
        listed += [('NextKeyMarker', encoded(page[-1].key)), ('NextUploadIdMarker', page[-1].id)]
    if 'encoding-type' in query:
        listed.append(('EncodingType', query['encoding-type']))
    listed += [('Upload', _upload(encoded(upload.key), upload)) for upload in page]
    return told('ListMultipartUploadsResult', listed)


def list_parts(world: World, call: Call, body: bytes) -> Answer:
    """The parts of an open upload, by number."""
    upload, limit = world.upload_of(call), _limit(world, call, 'max-parts')
    marker = _number(call, 'part-number-marker', 0)
    parts = [upload.parts[number] for number in sorted(upload.parts) if number > marker]
    page, more = _page(parts, limit)
    listed: list[Node] = [
        ('Bucket', call.bucket),
        ('Key', call.key),
        ('UploadId', upload.id),
        ('PartNumberMarker', marker),
        ('MaxParts', limit),
        ('IsTruncated', more),
    ]
    if page:
        listed.append(('NextPartNumberMarker', page[-1].number))
    if upload.algorithm:
        listed += [
            ('ChecksumAlgorithm', upload.algorithm.upper()),
            ('ChecksumType', upload.checksum_type),
        ]
    listed += [('Part', _part(part, upload.algorithm)) for part in page]
    return told('ListPartsResult', listed)


def xml_time(time: datetime) -> str:
    return f'{time:%Y-%m-%dT%H:%M:%S}.{time.microsecond // 1000:03d}Z'


def _entries(bucket: Bucket, prefix: str, delimiter: str, start_after: str) -> list[str]:
    keys = (key for key in sorted(bucket.objects) if key.startswith(prefix) and key > start_after)
    return list(dict.fromkeys(_rolled_up(key, prefix, delimiter) for key in keys))


def _rolled_up(key: str, prefix: str, delimiter: str) -> str:
    if not _is_common(key, prefix, delimiter):
        return key
    return prefix + key[len(prefix) :].partition(delimiter)[0] + delimiter


def _is_common(entry: str, prefix: str, delimiter: str) -> bool:
    return bool(delimiter) and delimiter in entry[len(prefix) :]


def _is_past(upload: Upload, key_marker: str, id_marker: str) -> bool:
    return upload.key > key_marker or (id_marker != '' and (upload.key, upload.id) > (key_marker, id_marker))


def _page(entries: Sequence[T], limit: int) -> tuple[Sequence[T], bool]:
    """The first entries, and whether there are more; an empty page is never called truncated."""
    return entries[:limit], 0 < limit < len(entries)


def _limit(world: World, call: Call, name: str) -> int:
    return min(_number(call, name, 1000), 1000, world.page_size)


def _number(call: Call, name: str, default: int) -> int:
    text = call.query.get(name, str(default))
    if not text.isdecimal() or int(text) >= 2**31:
        raise refusal(400, 'InvalidArgument', f'{name} is no such number', ArgumentName=name)
    return int(text)


def _encoding(call: Call) -> Callable[[str], str]:
    kind = call.query.get('encoding-type')
    if kind not in (None, 'url'):
        raise refusal(400, 'InvalidArgument', 'keys can be encoded as in a URL, or not at all')
    return (lambda text: quote(text, safe='/')) if kind else str


def _token(entry: str) -> str:
    return urlsafe_b64encode(_TOKEN + entry.encode()).decode()


def _marker(token: str) -> str:
    try:
        text = urlsafe_b64decode(token)
    except ValueError:
        text = b''
    if not text.startswith(_TOKEN):
        raise refusal(400, 'InvalidArgument', 'this continuation token is none of ours')
    return text.removeprefix(_TOKEN).decode()


def _camel(name: str) -> str:
    return ''.join(word.capitalize() for word in name.split('-'))


def _contents(key: str, found: Object) -> list[Node]:
    return [
        ('Key', key),
        ('LastModified', xml_time(found.last_modified)),
        ('ETag', found.etag),
        ('Size', len(found.body)),
        ('StorageClass', 'STANDARD'),
    ]


def _upload(key: str, upload: Upload) -> list[Node]:
    listed: list[Node] = [
        ('Key', key),
        ('UploadId', upload.id),
        ('Initiated', xml_time(upload.initiated)),
        ('StorageClass', 'STANDARD'),
    ]
    return [*listed, ('ChecksumAlgorithm', upload.algorithm.upper())] if upload.algorithm else listed


def _part(part: Part, algorithm: str) -> list[Node]:
    listed: list[Node] = [
        ('PartNumber', part.number),
        ('LastModified', xml_time(part.last_modified)),
        ('ETag', part.etag),
        ('Size', len(part.body)),
    ]
    return [*listed, (f'Checksum{algorithm.upper()}', part.checksum)] if algorithm else listed
