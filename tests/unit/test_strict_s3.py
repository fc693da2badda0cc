"""The strict S3 server of the tests: it refuses what S3 refuses, and fails as it is told to."""

import hashlib
import http.client
import signal
import sys
import zlib
from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import gevent
import pytest
import requests
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    FlexibleChecksumError,
    HTTPClientError,
    IncompleteReadError,
    ResponseStreamingError,
)

from backfiller.mirror import s3 as border
from backfiller.mirror.bucket import Bucket
from tests.kit.process import eventually, get, running
from tests.kit.s3 import CREDENTIALS
from tests.kit.strict_s3.server import StrictS3, strict_s3
from tests.kit.strict_s3.state import MIN_PART_BYTES

BUCKET = 'the-bucket'
BODY = b'some bytes that matter'
SHA256 = b64encode(hashlib.sha256(BODY).digest()).decode()
OTHER_SHA256 = b64encode(hashlib.sha256(b'other').digest()).decode()
ETAG = f'"{hashlib.md5(BODY).hexdigest()}"'
BROKEN_OFF = (ResponseStreamingError, IncompleteReadError)


class Asking:
    """Calls through boto3 to one bucket; `refused` gives the status and the code of an error."""

    def __init__(self, server: StrictS3) -> None:
        self.server = server
        self.client = server.client()
        self.client.create_bucket(Bucket=BUCKET)

    def __call__(self, name: str, **arguments: Any) -> Any:
        return getattr(self.client, name)(Bucket=BUCKET, **arguments)

    def put(self, key: str = 'k', body: bytes = BODY, **arguments: Any) -> Any:
        return self('put_object', Key=key, Body=body, **arguments)

    def body(self, key: str = 'k', **arguments: Any) -> bytes:
        body: bytes = self('get_object', Key=key, **arguments)['Body'].read()
        return body

    def refused(self, name: str, **arguments: Any) -> tuple[int, str]:
        with pytest.raises(ClientError) as caught:
            self(name, **arguments)
        told = caught.value.response
        return told['ResponseMetadata']['HTTPStatusCode'], told['Error']['Code']

    def put_is_refused(self, **arguments: Any) -> tuple[int, str]:
        return self.refused('put_object', **{'Key': 'k', 'Body': BODY, **arguments})

    def begin(self, key: str = 'k', **arguments: Any) -> str:
        upload_id: str = self('create_multipart_upload', Key=key, **arguments)['UploadId']
        return upload_id

    def part(self, upload: str, number: int, body: bytes = BODY, key: str = 'k', **arguments: Any) -> Any:
        """Uploads a part, and gives what completing wants to know of it."""
        sent = self('upload_part', Key=key, UploadId=upload, PartNumber=number, Body=body, **arguments)
        sums = {name: sent[name] for name in ('ChecksumSHA256', 'ChecksumCRC32') if name in sent}
        return {'PartNumber': number, 'ETag': sent['ETag'], **sums}

    def finishing(self, upload: str, *parts: Any, key: str = 'k', **arguments: Any) -> dict[str, Any]:
        return {'Key': key, 'UploadId': upload, 'MultipartUpload': {'Parts': list(parts)}, **arguments}

    def complete(self, upload: str, *parts: Any, **arguments: Any) -> Any:
        return self('complete_multipart_upload', **self.finishing(upload, *parts, **arguments))

    def complete_is_refused(self, upload: str, *parts: Any, **arguments: Any) -> tuple[int, str]:
        return self.refused('complete_multipart_upload', **self.finishing(upload, *parts, **arguments))

    def plain(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, str]:
        """A request past boto3, signed in appearance; status and answer."""
        when = f'{self.server.clock():%Y%m%dT%H%M%SZ}'
        scope = f'test/{when[:8]}/us-east-1/s3/aws4_request'
        signed = f'AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature={"0" * 64}'
        all_headers = {
            'Authorization': signed,
            'x-amz-date': when,
            'x-amz-content-sha256': 'UNSIGNED-PAYLOAD',
        }
        all_headers |= {name.replace('_', '-'): value for name, value in headers.items()}
        connection = http.client.HTTPConnection(self.server.url.removeprefix('http://'), timeout=10)
        connection.request(method, f'/{BUCKET}{path}', body, all_headers)
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, text


@pytest.fixture
def s3() -> Iterator[StrictS3]:
    with strict_s3(min_part_bytes=10) as server:
        yield server


@pytest.fixture
def ask(s3: StrictS3) -> Asking:
    return Asking(s3)


# Buckets and objects


def test_an_object_comes_back_with_all_that_was_said_of_it(s3: StrictS3, ask: Asking) -> None:
    said: dict[str, Any] = {
        'ContentType': 'video/mp2t',
        'CacheControl': 'public, max-age=1',
        'ContentEncoding': 'gzip',
    }
    stored = ask.put(
        'a/k ü+%.ts', Metadata={'SHA256': 'x', 'under_score': 'y'}, ChecksumSHA256=SHA256, **said
    )
    assert (stored['ETag'], stored['ChecksumSHA256']) == (ETAG, SHA256)
    for name in ('get_object', 'head_object'):
        found = ask(name, Key='a/k ü+%.ts', ChecksumMode='ENABLED')
        assert found['ContentLength'] == len(BODY)
        assert found['Metadata'] == {'sha256': 'x', 'under_score': 'y'}
        assert found['ChecksumSHA256'] == SHA256
        assert {name: found[name] for name in said} == said
    assert 'ChecksumSHA256' not in ask('head_object', Key='a/k ü+%.ts')
    kept = s3.object('a/k ü+%.ts')
    assert (kept.body, kept.etag, kept.metadata['sha256']) == (BODY, ETAG, 'x')
    assert kept.headers['cache-control'] == 'public, max-age=1'


def test_what_is_not_there(ask: Asking) -> None:
    assert ask.refused('get_object', Key='k') == (404, 'NoSuchKey')
    assert ask.refused('head_object', Key='k') == (404, '404')
    assert ask('delete_object', Key='k')['ResponseMetadata']['HTTPStatusCode'] == 204
    with pytest.raises(ClientError, match='NoSuchBucket'):
        ask.client.put_object(Bucket='another', Key='k', Body=b'')
    with pytest.raises(ClientError, match='404'):
        ask.client.head_bucket(Bucket='another')


def test_a_bucket_is_made_once_and_has_a_proper_name(ask: Asking) -> None:
    assert ask.refused('create_bucket') == (409, 'BucketAlreadyOwnedByYou')
    assert ask('head_bucket')['ResponseMetadata']['HTTPHeaders']['x-amz-bucket-region'] == 'us-east-1'
    with pytest.raises(ClientError, match='InvalidBucketName'):
        ask.client.create_bucket(Bucket='Upper')


@pytest.mark.parametrize(
    ('asked', 'span'),
    [('0-3', (0, 4)), ('5-', (5, 22)), ('-4', (18, 22)), ('20-99', (20, 22)), ('-99', (0, 22))],
)
def test_a_range_is_answered_in_part(ask: Asking, asked: str, span: tuple[int, int]) -> None:
    ask.put(ChecksumSHA256=SHA256)
    found = ask('get_object', Key='k', Range=f'bytes={asked}', ChecksumMode='ENABLED')
    assert found['Body'].read() == BODY[slice(*span)]
    assert found['ContentRange'] == f'bytes {span[0]}-{span[1] - 1}/22'
    assert found['ResponseMetadata']['HTTPStatusCode'] == 206
    assert 'ChecksumSHA256' not in found


def test_a_range_beyond_the_end_is_refused_and_nonsense_ignored(ask: Asking) -> None:
    ask.put()
    assert ask.refused('get_object', Key='k', Range='bytes=22-') == (416, 'InvalidRange')
    assert ask.refused('get_object', Key='k', Range='bytes=-0') == (416, 'InvalidRange')
    assert ask.body(Range='bytes=5-2') == ask.body(Range='lines=1-2') == BODY


def test_many_are_deleted_at_once(s3: StrictS3, ask: Asking) -> None:
    for key in 'abc':
        ask.put(key)
    gone = ask('delete_objects', Delete={'Objects': [{'Key': 'a'}, {'Key': 'b'}, {'Key': 'none'}]})
    assert [each['Key'] for each in gone['Deleted']] == ['a', 'b', 'none']
    assert list(s3.objects()) == ['c']
    assert 'Deleted' not in ask('delete_objects', Delete={'Objects': [{'Key': 'c'}], 'Quiet': True})
    assert s3.objects() == {}


# Listings


@pytest.mark.parametrize('size', [1, 2, 3, 1000])
def test_a_listing_has_pages(s3: StrictS3, ask: Asking, size: int) -> None:
    s3.page_size = size
    keys = ['a/1', 'a/2', 'a0', 'b c/ü+&<', 'b/3/x', 'b/4', 'c']
    for key in reversed(keys):
        ask.put(key)
    pages = list(ask.client.get_paginator('list_objects_v2').paginate(Bucket=BUCKET))
    assert [each['Key'] for page in pages for each in page['Contents']] == keys
    assert [page['IsTruncated'] for page in pages] == [True] * (len(pages) - 1) + [False]
    assert len(pages) == -(-len(keys) // size)
    folders = list(ask.client.get_paginator('list_objects_v2').paginate(Bucket=BUCKET, Delimiter='/'))
    assert [each['Prefix'] for page in folders for each in page.get('CommonPrefixes', ())] == [
        'a/',
        'b c/',
        'b/',
    ]
    assert [each['Key'] for page in folders for each in page.get('Contents', ())] == ['a0', 'c']
    assert all(page['KeyCount'] <= size for page in folders)


def test_a_listing_below_a_prefix_and_after_a_key(ask: Asking) -> None:
    for key in ('a/1', 'a/2', 'a/b/3', 'b'):
        ask.put(key)
    found = ask('list_objects_v2', Prefix='a/', Delimiter='/', StartAfter='a/1')
    assert [each['Key'] for each in found['Contents']] == ['a/2']
    assert [each['Prefix'] for each in found['CommonPrefixes']] == ['a/b/']
    assert (found['Contents'][0]['Size'], found['Contents'][0]['ETag']) == (len(BODY), ETAG)
    assert ask('list_objects_v2', MaxKeys=0)['IsTruncated'] is False
    assert ask('list_objects_v2', MaxKeys=3)['KeyCount'] == 3


def test_a_listing_wants_proper_parameters(ask: Asking) -> None:
    assert ask.refused('list_objects_v2', ContinuationToken='a/1') == (400, 'InvalidArgument')
    assert ask.refused('list_objects_v2', MaxKeys=-1) == (400, 'InvalidArgument')
    assert ask.refused('list_objects') == (501, 'NotImplemented')


# The bytes, and who sends them


@pytest.mark.parametrize(
    ('checks', 'code'),
    [
        ({'ChecksumSHA256': OTHER_SHA256}, 'BadDigest'),
        ({'ChecksumSHA256': 'AAAA'}, 'InvalidRequest'),
        ({'ChecksumCRC32': 'AAAAAA=='}, 'BadDigest'),
        ({'ContentMD5': b64encode(hashlib.md5(b'other').digest()).decode()}, 'BadDigest'),
        ({'ContentMD5': 'nonsense'}, 'InvalidDigest'),
        ({'ChecksumSHA256': SHA256, 'ChecksumSHA1': 'AAAA'}, 'InvalidRequest'),
    ],
)
def test_other_bytes_than_promised_are_refused(s3: StrictS3, ask: Asking, checks: Any, code: str) -> None:
    assert ask.put_is_refused(**checks) == (400, code)
    assert s3.objects() == {}
    upload = ask.begin(ChecksumAlgorithm='SHA256')
    asked = {'Key': 'k', 'UploadId': upload, 'PartNumber': 1, 'Body': BODY}
    assert ask.refused('upload_part', **asked, **checks) == (400, code)
    assert s3.uploads()[0].parts == {}
    s3.checksums = 'ignored'
    assert 'ChecksumSHA256' not in ask.put(**checks)
    assert 'ChecksumSHA256' not in ask('head_object', Key='k', ChecksumMode='ENABLED')


def test_other_bytes_than_signed_are_refused(s3: StrictS3, ask: Asking) -> None:
    signed = {'x_amz_content_sha256': hashlib.sha256(BODY).hexdigest()}
    assert ask.plain('PUT', '/k', BODY, **signed) == (200, '')
    status, text = ask.plain('PUT', '/k', b'other', **signed)
    assert (status, '<Code>XAmzContentSHA256Mismatch</Code>' in text) == (400, True)
    assert 'InvalidArgument' in ask.plain('PUT', '/k', BODY, x_amz_content_sha256='sha')[1]
    assert s3.object('k').body == BODY


def test_boto3_with_all_its_checksums_is_understood(s3: StrictS3, ask: Asking) -> None:
    ask.client = border.new_client(s3.url, 'when_supported')
    assert 'ChecksumCRC32' in ask.put()
    assert ask.body() == BODY
    s3.damage('k')
    with pytest.raises(FlexibleChecksumError):
        ask.body()
    bare = ask.begin()
    assert 'ChecksumCRC32' not in ask.complete(bare, ask.part(bare, 1), ask.part(bare, 2))
    upload = ask.begin(ChecksumAlgorithm='CRC32')
    done = ask.complete(upload, ask.part(upload, 1), ask.part(upload, 2, b'end'))
    assert (done['ChecksumType'], done['ChecksumCRC32'][-2:]) == ('COMPOSITE', '-2')
    assert ask.body() == BODY + b'end'
    assert ask('delete_objects', Delete={'Objects': [{'Key': 'k'}]})['Deleted']


def framed(body: bytes, trailer: bytes, *, size: int = 9) -> bytes:
    """The body as aws-chunked, with one trailer."""
    blocks = [body[start : start + size] for start in range(0, len(body), size)]
    chunks = [b'%x\r\n%s\r\n' % (len(block), block) for block in blocks]
    return b''.join([*chunks, b'0\r\n', trailer, b'\r\n\r\n'])


CRC32 = b64encode(zlib.crc32(BODY).to_bytes(4, 'big'))
STREAMED = {
    'x_amz_content_sha256': 'STREAMING-UNSIGNED-PAYLOAD-TRAILER',
    'content_encoding': 'gzip,aws-chunked',
    'x_amz_decoded_content_length': str(len(BODY)),
    'x_amz_trailer': 'x-amz-checksum-crc32',
    'x_amz_sdk_checksum_algorithm': 'CRC32',
}


@pytest.mark.parametrize('at_once', [True, False])
def test_a_body_in_chunks_is_unpacked_and_its_trailer_checked(
    s3: StrictS3, ask: Asking, at_once: bool
) -> None:
    whole = framed(BODY, b'x-amz-checksum-crc32:' + CRC32)
    assert ask.plain('PUT', '/k', whole if at_once else iter([whole[:7], whole[7:]]), **STREAMED)[0] == 200
    assert (s3.object('k').body, s3.object('k').checksums) == (BODY, {'crc32': CRC32.decode()})
    assert s3.object('k').headers['content-encoding'] == 'gzip'


@pytest.mark.parametrize(
    ('sent', 'code'),
    [
        (framed(BODY, b'x-amz-checksum-crc32:AAAAAA=='), 'BadDigest'),
        (framed(BODY, b'x-amz-checksum-sha1:AAAA'), 'MalformedTrailerError'),
        (framed(BODY, b''), 'MalformedTrailerError'),
        (framed(BODY[:-1], b'x-amz-checksum-crc32:' + CRC32), 'IncompleteBody'),
        (BODY, 'IncompleteBody'),
        (framed(BODY, b'')[:15], 'IncompleteBody'),
    ],
    ids=['other sum', 'other trailer', 'no trailer', 'too short', 'no chunks', 'broken off'],
)
def test_a_body_in_wrong_chunks_is_refused(s3: StrictS3, ask: Asking, sent: bytes, code: str) -> None:
    status, text = ask.plain('PUT', '/k', sent, **STREAMED)
    assert (status, f'<Code>{code}</Code>' in text) == (400, True), text
    assert s3.objects() == {}


def test_an_announced_checksum_has_to_come_and_a_length_too(ask: Asking) -> None:
    assert 'InvalidRequest' in ask.plain('PUT', '/k', BODY, x_amz_sdk_checksum_algorithm='SHA256')[1]
    assert ask.plain('PUT', '/k', iter([BODY]))[0] == 411


def test_a_wish_that_is_not_known_is_refused(s3: StrictS3, ask: Asking) -> None:
    assert ask.put_is_refused(StorageClass='GLACIER') == (501, 'NotImplemented')
    assert ask.put_is_refused(ChecksumCRC32C='AAAAAA==') == (501, 'NotImplemented')
    assert ask.refused('put_object_tagging', Key='k', Tagging={'TagSet': []}) == (501, 'NotImplemented')
    assert ask.refused('copy_object', Key='k', CopySource='a/b') == (501, 'NotImplemented')
    assert ask.put_is_refused(Key='k' * 1025) == (400, 'KeyTooLongError')
    assert ask.put_is_refused(Metadata={'m': 'x' * 2048}) == (400, 'MetadataTooLarge')
    assert s3.objects() == {}


def test_who_is_not_known_or_late_is_refused(s3: StrictS3, ask: Asking) -> None:
    s3.access_keys = {'another'}
    assert ask.put_is_refused() == (403, 'InvalidAccessKeyId')
    s3.access_keys = {CREDENTIALS['AWS_ACCESS_KEY_ID']}
    assert ask.plain('GET', '/k', Authorization='')[0] == 403
    assert ask.plain('GET', '/k', Authorization='Bearer x')[0] == 400
    for minutes, refused in ((14, False), (16, True), (-16, True)):
        s3.clock = partial(later, timedelta(minutes=minutes))
        if refused:
            assert ask.put_is_refused() == (403, 'RequestTimeTooSkewed')
        else:
            ask.put()


def test_the_clock_is_the_tests(s3: StrictS3, ask: Asking) -> None:
    now = datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=3)
    s3.clock = lambda: now
    ask.put()
    ask.begin()
    assert ask('head_object', Key='k')['LastModified'] == now
    assert ask('list_objects_v2')['Contents'][0]['LastModified'] == now
    assert ask('list_multipart_uploads')['Uploads'][0]['Initiated'] == now
    assert s3.object('k').last_modified == now


def test_a_public_object_may_be_had_by_everybody_and_changed_by_nobody(s3: StrictS3, ask: Asking) -> None:
    ask.put()
    address = f'{s3.url}/{BUCKET}/k'
    assert get(address).status_code == 403
    s3.public = True
    assert get(address).content == BODY
    assert requests.put(address, b'other', timeout=10).status_code == 403
    assert get(f'{s3.url}/{BUCKET}?list-type=2').status_code == 403


# Conditions


def test_a_write_may_depend_on_what_is_there(ask: Asking) -> None:
    assert ask.put_is_refused(IfMatch=ETAG) == (404, 'NoSuchKey')
    ask.put(IfNoneMatch='*')
    assert ask.put_is_refused(IfNoneMatch='*') == (412, 'PreconditionFailed')
    assert ask.put_is_refused(IfNoneMatch=ETAG) == (501, 'NotImplemented')
    assert ask.put_is_refused(IfMatch='"other"') == (412, 'PreconditionFailed')
    ask.put(body=b'new', IfMatch=ETAG)
    assert ask.body() == b'new'


def test_a_read_may_depend_on_what_is_there(ask: Asking) -> None:
    ask.put()
    for name in ('get_object', 'head_object'):
        assert ask(name, Key='k', IfMatch=ETAG, IfNoneMatch='"x"')['ETag'] == ETAG
        assert ask.refused(name, Key='k', IfNoneMatch=ETAG) == (304, '304')
        assert ask.refused(name, Key='k', IfMatch='"x"')[0] == 412


def test_conditions_may_be_ignored_or_refused(s3: StrictS3, ask: Asking) -> None:
    ask.put()
    s3.conditional = 'ignored'
    ask.put(body=b'new', IfNoneMatch='*')
    s3.conditional = 'refused'
    assert ask.put_is_refused(IfNoneMatch='*', Key='free') == (501, 'NotImplemented')
    upload = ask.begin('free')
    part = ask.part(upload, 1, key='free')
    refused = ask.complete_is_refused(upload, part, key='free', IfNoneMatch='*')
    assert refused == (501, 'NotImplemented')
    assert (s3.object('k').body, len(s3.uploads())) == (b'new', 1)


# Uploads in parts


def test_parts_become_one_object(s3: StrictS3, ask: Asking) -> None:
    upload = ask.begin(ContentType='video/mp2t', Metadata={'a': 'b'}, ChecksumAlgorithm='SHA256')
    last = ask.part(upload, 7, b'end', ChecksumAlgorithm='SHA256')
    ask.part(upload, 2, b'to be replaced', ChecksumAlgorithm='SHA256')
    first = ask.part(upload, 2, ChecksumAlgorithm='SHA256')
    ask.part(upload, 4, b'left out, as it is not listed', ChecksumAlgorithm='SHA256')
    assert [part.body for part in s3.uploads()[0].parts.values()][1] == BODY
    done = ask.complete(upload, first, last)
    digests = hashlib.md5(BODY).digest() + hashlib.md5(b'end').digest()
    sums = hashlib.sha256(BODY).digest() + hashlib.sha256(b'end').digest()
    assert done['ETag'] == f'"{hashlib.md5(digests).hexdigest()}-2"'
    assert done['ChecksumSHA256'] == b64encode(hashlib.sha256(sums).digest()).decode() + '-2'
    found = ask('get_object', Key='k', ChecksumMode='ENABLED')
    assert (found['Body'].read(), found['ChecksumType']) == (BODY + b'end', 'COMPOSITE')
    assert (found['ContentType'], found['Metadata']) == ('video/mp2t', {'a': 'b'})
    assert s3.uploads() == []
    assert ask.complete_is_refused(upload, first, last) == (404, 'NoSuchUpload')


def test_completing_is_refused_unless_all_is_right(s3: StrictS3, ask: Asking) -> None:
    upload = ask.begin()
    one, two, small = ask.part(upload, 1), ask.part(upload, 2), ask.part(upload, 3, b'small')
    last = ask.part(upload, 4)
    assert ask.complete_is_refused(upload, two, one) == (400, 'InvalidPartOrder')
    assert ask.complete_is_refused(upload, one, one) == (400, 'InvalidPartOrder')
    assert ask.complete_is_refused(upload, one, {**two, 'ETag': '"x"'}) == (400, 'InvalidPart')
    assert ask.complete_is_refused(upload, one, {**two, 'PartNumber': 9}) == (400, 'InvalidPart')
    assert ask.complete_is_refused(upload, one, small, last) == (400, 'EntityTooSmall')
    assert ask.complete_is_refused(upload) == (400, 'MalformedXML')
    assert ask.complete_is_refused('none', one) == (404, 'NoSuchUpload')
    assert ask.complete_is_refused(upload, one, key='another') == (404, 'NoSuchUpload')
    assert ask.complete_is_refused(upload, one, ChecksumSHA256=OTHER_SHA256) == (400, 'BadDigest')
    assert (s3.objects(), len(s3.uploads())) == ({}, 1)
    s3.min_part_bytes = 1
    ask.complete(upload, one, small, last)


def test_parts_have_the_checksums_that_the_upload_was_begun_with(ask: Asking) -> None:
    plain, summed = ask.begin(), ask.begin(ChecksumAlgorithm='SHA256')
    asked = {'Key': 'k', 'PartNumber': 1, 'Body': BODY}
    assert ask.refused('upload_part', UploadId=summed, **asked) == (400, 'InvalidRequest')
    assert ask('upload_part', UploadId=plain, ChecksumSHA256=SHA256, **asked)['ChecksumSHA256'] == SHA256
    part = ask.part(summed, 1, ChecksumSHA256=SHA256)
    bare = {'PartNumber': 1, 'ETag': part['ETag']}
    assert ask.complete_is_refused(summed, bare) == (400, 'InvalidRequest')
    wrong = {**part, 'ChecksumSHA256': OTHER_SHA256}
    assert ask.complete_is_refused(summed, wrong) == (400, 'InvalidPart')
    assert ask.refused('upload_part', UploadId=plain, **{**asked, 'PartNumber': 10_001})[0] == 400


def test_a_checksum_may_be_of_the_whole_object(ask: Asking) -> None:
    upload = ask.begin(ChecksumAlgorithm='CRC32', ChecksumType='FULL_OBJECT')
    part = ask.part(upload, 1, ChecksumAlgorithm='CRC32')
    assert ask.complete_is_refused(upload, part, ChecksumCRC32='AAAAAA==') == (400, 'BadDigest')
    assert ask.complete_is_refused(upload, part, ChecksumType='COMPOSITE') == (400, 'InvalidRequest')
    done = ask.complete(upload, part, ChecksumCRC32=CRC32.decode())
    assert (done['ChecksumCRC32'], done['ChecksumType']) == (CRC32.decode(), 'FULL_OBJECT')
    asked = {'Key': 'k', 'ChecksumAlgorithm': 'SHA256', 'ChecksumType': 'FULL_OBJECT'}
    assert ask.refused('create_multipart_upload', **asked) == (400, 'InvalidRequest')


def test_the_loser_of_two_that_complete_keeps_an_open_upload(s3: StrictS3, ask: Asking) -> None:
    first, second = ask.begin(), ask.begin()
    ask.complete(first, ask.part(first, 1), IfNoneMatch='*')
    part = ask.part(second, 1)
    assert ask.complete_is_refused(second, part, IfNoneMatch='*') == (412, 'PreconditionFailed')
    assert [upload.id for upload in s3.uploads()] == [second]
    ask('abort_multipart_upload', Key='k', UploadId=second)
    assert s3.uploads() == []
    assert ask.refused('abort_multipart_upload', Key='k', UploadId=second) == (404, 'NoSuchUpload')


@pytest.mark.parametrize('size', [1, 2, 1000])
def test_open_uploads_and_their_parts_are_listed_in_pages(s3: StrictS3, ask: Asking, size: int) -> None:
    s3.page_size = size
    uploads = [(key, ask.begin(key)) for key in ('p/a', 'p/b', 'p/b', 'p/c', 'q')]
    paginate = ask.client.get_paginator('list_multipart_uploads').paginate
    pages = list(paginate(Bucket=BUCKET, Prefix='p/'))
    listed = [(each['Key'], each['UploadId']) for page in pages for each in page['Uploads']]
    assert listed == uploads[:4]
    assert len(pages) == -(-4 // size)
    after = ask('list_multipart_uploads', KeyMarker='p/b').get('Uploads', ())
    assert [each['Key'] for each in after] == ['p/c', 'q'][:size]
    for number in (5, 1, 3):
        ask.part(uploads[0][1], number, key='p/a')
    paginate = ask.client.get_paginator('list_parts').paginate
    pages = list(paginate(Bucket=BUCKET, Key='p/a', UploadId=uploads[0][1]))
    parts = [(each['PartNumber'], each['ETag']) for page in pages for each in page['Parts']]
    assert parts == [(1, ETAG), (3, ETAG), (5, ETAG)]


def test_uploads_in_parts_may_be_missing_and_are_as_large_as_with_amazon(ask: Asking) -> None:
    ask.server.multipart = False
    assert ask.refused('create_multipart_upload', Key='k') == (501, 'NotImplemented')
    assert ask.refused('list_multipart_uploads') == (501, 'NotImplemented')
    assert StrictS3().min_part_bytes == MIN_PART_BYTES == 5 << 20


@pytest.mark.parametrize(
    'text', ['', 'no XML', '<Other/>', '<CompleteMultipartUpload><Part/></CompleteMultipartUpload>']
)
def test_wrong_xml_is_refused(ask: Asking, text: str) -> None:
    upload = ask.begin()
    status, told = ask.plain('POST', f'/k?uploadId={upload}', text.encode())
    assert (status, '<Code>MalformedXML</Code>' in told) == (400, True)
    assert ask.plain('POST', '?delete', text.encode())[0] == 400


# What is recorded


def test_all_calls_are_recorded(s3: StrictS3, ask: Asking) -> None:
    ask.put('a/1')
    ask.put('a/2')
    ask.body('a/1', Range='bytes=0-4')
    ask.refused('head_object', Key='b')
    asked = [(call.operation, call.bucket, call.key, call.status) for call in s3.calls]
    assert asked == [
        ('CreateBucket', BUCKET, '', 200),
        ('PutObject', BUCKET, 'a/1', 200),
        ('PutObject', BUCKET, 'a/2', 200),
        ('GetObject', BUCKET, 'a/1', 206),
        ('HeadObject', BUCKET, 'b', 404),
    ]
    assert (s3.count(), s3.count('PutObject'), s3.count('PutObject', key='*/2')) == (5, 2, 1)
    assert (s3.count(status=404), s3.count(bucket='other')) == (1, 0)
    assert [call.received_bytes for call in s3.asked('Put*')] == [len(BODY)] * 2
    assert s3.asked('GetObject')[0].sent_bytes == 5
    assert s3.asked('HeadObject')[0].code == 'NoSuchKey'
    ask('list_objects_v2', Prefix='p')
    assert s3.calls[-1].query['prefix'] == 'p'


# Faults


def test_a_call_fails_as_it_is_told_to(s3: StrictS3, ask: Asking) -> None:
    slow = s3.fails('PutObject', key='*.ts', times=2, after=1, status=503, code='SlowDown')
    ask.put('1.ts')
    ask.put('other')
    assert [ask.put_is_refused(Key=key) for key in ('2.ts', '3.ts')] == [(503, 'SlowDown')] * 2
    ask.put('4.ts')
    assert sorted(s3.objects()) == ['1.ts', '4.ts', 'other']
    assert slow.taken == 2


@pytest.mark.parametrize(
    ('status', 'code'),
    [
        (500, 'InternalError'),
        (400, 'ExpiredToken'),
        (403, 'AccessDenied'),
        (404, 'NoSuchBucket'),
        (599, 'Odd'),
    ],
)
def test_every_call_fails_until_the_server_recovers(
    s3: StrictS3, ask: Asking, status: int, code: str
) -> None:
    s3.fails(status=status, code=code)
    assert ask.put_is_refused() == ask.refused('list_objects_v2') == (status, code)
    s3.recovers()
    ask.put()


def test_a_bucket_in_another_region_is_told_by_a_redirect(s3: StrictS3, ask: Asking) -> None:
    s3.fails('PutObject', status=301, code='PermanentRedirect')
    assert ask.put_is_refused() == (301, 'PermanentRedirect')


def test_boto3_signs_again_when_it_is_told_the_region(s3: StrictS3, ask: Asking) -> None:
    s3.region = 'eu-north-1'
    ask.put()
    calls = [(call.status, call.code) for call in s3.asked('PutObject')]
    assert calls == [(400, 'AuthorizationHeaderMalformed'), (200, '')]


def test_faults_of_the_same_call_follow_each_other(s3: StrictS3, ask: Asking) -> None:
    seen: list[str] = []
    s3.calls_back('PutObject', lambda call: seen.append(call.key), when='read')
    s3.fails('PutObject', times=1, code='First')
    s3.fails('PutObject', times=1, code='Second')
    assert [ask.put_is_refused()[1] for _ in range(2)] == ['First', 'Second']
    ask.put()
    assert seen == ['k'] * 3


@pytest.mark.parametrize('when', ['unread', 'midway', 'read', 'done'])
@pytest.mark.parametrize('size', [len(BODY), 3_000_000])
def test_a_connection_is_dropped(s3: StrictS3, ask: Asking, when: Any, size: int) -> None:
    body = (BODY * size)[:size]
    s3.drops('PutObject', when=when, times=1)
    with pytest.raises((HTTPClientError, ConnectionClosedError)):
        ask.put(body=body)
    read = {'unread': 0, 'midway': size // 2}
    call = s3.asked('PutObject')[0]
    assert (call.status, call.code, call.received_bytes) == (0, 'Dropped', read.get(when, size))
    assert ('k' in s3.objects()) == (when == 'done')
    ask.put(body=body)
    assert s3.object('k').body == body


@pytest.mark.parametrize('when', ['unread', 'midway'])
def test_an_answer_may_come_before_the_body(s3: StrictS3, ask: Asking, when: Any) -> None:
    s3.fails('PutObject', when=when, times=2, status=503, code='SlowDown')
    for _ in range(2):
        assert ask.put_is_refused(Body=BODY * 100_000) == (503, 'SlowDown')
    ask.put()
    assert ask.body() == BODY


def test_an_answer_breaks_off(s3: StrictS3, ask: Asking) -> None:
    ask.put()
    s3.drops('GetObject', when='answering', times=1)
    with pytest.raises(BROKEN_OFF):
        ask.body()
    assert ask.body() == BODY
    assert [call.sent_bytes for call in s3.asked('GetObject')] == [len(BODY) // 2, len(BODY)]


@pytest.mark.parametrize('when', ['unread', 'midway', 'read', 'done'])
def test_a_call_hangs(s3: StrictS3, ask: Asking, when: Any) -> None:
    s3.hangs('PutObject', when=when)
    hanging = gevent.spawn(ask.put)
    eventually(lambda: s3.faults[0].taken)
    assert not hanging.ready()
    assert s3.asked('PutObject')[0].status == 0
    assert ('k' in s3.objects()) == (when == 'done')
    ask.begin()
    hanging.kill()


def test_what_hangs_ends_with_the_server_and_has_no_answer() -> None:
    with strict_s3() as s3:
        ask = Asking(s3)
        s3.hangs('PutObject')
        hanging = gevent.spawn(pytest.raises, ConnectionClosedError, ask.put)
        eventually(lambda: s3.count('PutObject'))
    assert hanging.get(timeout=10)


@pytest.mark.parametrize('when', ['read', 'done'])
def test_success_is_claimed_with_an_error_in_the_body(s3: StrictS3, ask: Asking, when: Any) -> None:
    upload = ask.begin()
    part = ask.part(upload, 1)
    s3.claims_success(when=when, times=1)
    assert ask.complete_is_refused(upload, part)[1] == 'InternalError'
    call = s3.asked('CompleteMultipartUpload')[0]
    assert (call.status, call.code) == (200, 'InternalError')
    assert ('k' in s3.objects()) == (when == 'done')
    assert len(s3.uploads()) == (when == 'read')


def test_what_is_refused_is_not_done(s3: StrictS3, ask: Asking) -> None:
    fault = s3.drops('PutObject', when='done', times=1)
    assert ask.put_is_refused(ChecksumSHA256=OTHER_SHA256) == (400, 'BadDigest')
    assert fault.taken == 0


def test_a_bit_is_flipped_when_something_is_stored(s3: StrictS3, ask: Asking) -> None:
    s3.flips_a_bit(times=1)
    assert ask.put(ChecksumSHA256=SHA256)['ChecksumSHA256'] == SHA256
    assert differing_bits(ask.body(), BODY) == 1
    assert ask('head_object', Key='k')['ETag'] == ETAG
    ask.put()
    assert ask.body() == BODY
    s3.flips_a_bit('UploadPart', times=1)
    upload = ask.begin()
    ask.complete(upload, ask.part(upload, 1), ask.part(upload, 2))
    assert differing_bits(ask.body(), BODY * 2) == 1


def test_objects_change_behind_everybodys_back(s3: StrictS3, ask: Asking) -> None:
    ask.put(ChecksumSHA256=SHA256, Metadata={'a': 'b'})
    s3.damage('k')
    found = ask('head_object', Key='k', ChecksumMode='ENABLED')
    assert (found['ETag'], found['ChecksumSHA256']) == (ETAG, SHA256)
    assert differing_bits(ask.body(), BODY) == 1
    with pytest.raises(FlexibleChecksumError):
        ask.body(ChecksumMode='ENABLED')
    s3.replace('k', b'other')
    found = ask('get_object', Key='k', ChecksumMode='ENABLED')
    assert (found['Body'].read(), found['Metadata'], 'ChecksumSHA256' in found) == (b'other', {}, False)
    s3.delete('k')
    assert ask.refused('get_object', Key='k') == (404, 'NoSuchKey')


@pytest.mark.parametrize(('when', 'stored'), [('midway', [1, 2]), ('read', [1, 2, 3]), ('done', [1, 2, 3])])
def test_a_client_is_killed_at_its_third_part(s3: StrictS3, when: Any, stored: list[int]) -> None:
    name = s3.new_bucket().split('/')[2]
    with running(sys.executable, '-c', UPLOADER, s3.url, name, env=CREDENTIALS) as process:
        s3.calls_back('UploadPart', lambda _: process.stop(signal.SIGKILL), when=when, after=2, times=1)
        assert process.wait() == -signal.SIGKILL
    last = eventually(lambda: s3.asked('UploadPart')[2:])[0]
    eventually(lambda: last.status or last.code == 'Dropped')
    assert sorted(s3.uploads()[0].parts) == stored
    assert s3.count('UploadPart') == 3
    assert s3.objects() == {}


def test_a_new_bucket_is_an_address_of_the_mirror(s3: StrictS3) -> None:
    bucket = Bucket(s3.client(), s3.new_bucket())
    assert list(bucket.hours()) == []
    bucket.put_text('status.json', '{}', content_type='application/json', cache_control='no-cache')
    assert s3.object('archive/status.json').body == b'{}'


UPLOADER = """
import sys
from tests.kit import s3
client = s3.client(sys.argv[1])
key = {'Bucket': sys.argv[2], 'Key': 'k'}
upload = key | {'UploadId': client.create_multipart_upload(**key)['UploadId']}
for number in range(1, 9):
    client.upload_part(**upload, PartNumber=number, Body=b'x' * 20_000_000)
"""


def later(by: timedelta) -> datetime:
    return datetime.now(UTC) + by


def differing_bits(one: bytes, other: bytes) -> int:
    assert len(one) == len(other)
    return sum((left ^ right).bit_count() for left, right in zip(one, other, strict=True))
