"""The short way of putting objects says and hears what boto3 does, and knows when to leave it to boto3."""

from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing
from hashlib import sha256
from typing import Any

import pytest

from backfiller.mirror.objects import Objects, Sums
from backfiller.mirror.s3 import Border
from common.errors import SegmentError, SegmeshError
from tests.kit.strict_s3.calls import Call
from tests.kit.strict_s3.server import StrictS3, strict_s3

PATH = "bus/source/2026-11-14T03/07:26.5-2.002-full-it's (a) test~.ts"
BODY = b'the bytes of a segment'
SHA256 = sha256(BODY).hexdigest()
ARGUMENTS: dict[str, Any] = {
    'ContentType': 'video/mp2t',
    'CacheControl': 'public, max-age=31536000, immutable',
    'ChecksumSHA256': b64encode(bytes.fromhex(SHA256)).decode(),
    'Metadata': {'sha256': SHA256},
}
OF_BOTO3 = {'amz-sdk-invocation-id', 'amz-sdk-request', 'expect'}
OF_THE_MOMENT = {'authorization', 'x-amz-date', 'user-agent'}


@pytest.fixture
def s3() -> Iterator[StrictS3]:
    with strict_s3() as server:
        yield server


@pytest.fixture
def bucket(s3: StrictS3) -> Iterator[Objects]:
    url = s3.new_bucket()
    with closing(s3.client()) as client:
        yield Objects(client, url, Border(url, tries=1))


def told(call: Call) -> tuple[str, str, dict[str, str], dict[str, str]]:
    headers = {name: value for name, value in call.headers.items() if name not in OF_BOTO3 | OF_THE_MOMENT}
    return call.method, call.key, call.query, headers


def is_direct(call: Call) -> bool:
    return not call.headers.keys() & OF_BOTO3


@pytest.mark.parametrize('more', [{}, {'IfNoneMatch': '*'}], ids=['plain', 'conditional'])
def test_it_says_what_boto3_says_and_returns_what_boto3_returns(
    s3: StrictS3, bucket: Objects, more: dict[str, str]
) -> None:
    plain = bucket.put(PATH, BODY, **ARGUMENTS, **more)
    kept = s3.object(f'archive/{PATH}')
    s3.delete(f'archive/{PATH}')
    bucket.sizes('')
    direct = bucket.put_hashed(PATH, BODY, SHA256, **ARGUMENTS, **more)
    first, second = s3.asked('PutObject')
    assert (is_direct(first), is_direct(second)) == (False, True)
    assert told(first) == told(second)
    assert direct == {name: plain[name] for name in direct}
    again = s3.object(f'archive/{PATH}')
    assert (again.body, again.headers, again.metadata) == (kept.body, kept.headers, kept.metadata)
    assert bucket.requests == {'PutObject': 2, 'ListObjectsV2': 1}


def test_parts_are_sent_as_boto3_sends_them(s3: StrictS3, bucket: Objects) -> None:
    upload_id = bucket.begin_upload(PATH)
    etags = [bucket.put_part(PATH, upload_id, number, BODY, Sums.of(BODY)) for number in (1, 1)]
    bucket.sizes('')
    etags.append(bucket.put_part(PATH, upload_id, 1, BODY, Sums.of(BODY)))
    first, _, last = s3.asked('UploadPart')
    assert (is_direct(first), is_direct(last)) == (False, True)
    assert told(first) == told(last)
    assert set(etags) == {Sums.of(BODY).md5}


def test_before_the_first_listing_boto3_is_asked(s3: StrictS3, bucket: Objects) -> None:
    bucket.put_hashed(PATH, BODY, SHA256, **ARGUMENTS)
    assert not is_direct(s3.asked('PutObject')[0])
    assert bucket.requests == {'PutObject': 1}


@pytest.mark.parametrize(
    ('status', 'code'),
    [(503, 'SlowDown'), (400, 'ExpiredToken'), (400, 'BadDigest'), (412, 'PreconditionFailed'), (403, '')],
)
def test_errors_are_those_of_boto3(s3: StrictS3, bucket: Objects, status: int, code: str) -> None:
    bucket.sizes('')
    s3.fails('PutObject', status=status, code=code)
    errors = []
    for put in (bucket.put, lambda *args, **more: bucket.put_hashed(*args, SHA256, **more)):
        with pytest.raises(SegmeshError) as error:
            put(PATH, BODY, **ARGUMENTS)
        errors.append((type(error.value), str(error.value).replace(' (reached max retries: 0)', '')))
    assert errors[0] == errors[1]
    assert s3.count('PutObject') == 2


def test_a_bucket_in_another_region_is_left_to_boto3_for_good(s3: StrictS3, bucket: Objects) -> None:
    bucket.sizes('')
    s3.region = 'eu-central-1'
    for _ in range(3):
        bucket.put_hashed(PATH, BODY, SHA256, **ARGUMENTS)
    assert [is_direct(call) for call in s3.asked('PutObject', status=400)][:1] == [True]
    assert not any(is_direct(call) for call in s3.asked('PutObject')[1:])


def test_damaged_bytes_are_refused_as_ever(s3: StrictS3, bucket: Objects) -> None:
    bucket.sizes('')
    with pytest.raises(SegmentError) as error:
        bucket.put_hashed(PATH, BODY + b'!', SHA256, **ARGUMENTS)
    assert error.value.reason == 'hash'


def test_a_connection_that_ends_is_left_to_boto3_for_once(s3: StrictS3, bucket: Objects) -> None:
    bucket.sizes('')
    s3.drops('PutObject', when='read', times=1)
    bucket.put_hashed(PATH, BODY, SHA256, **ARGUMENTS)
    assert [is_direct(call) for call in s3.asked('PutObject')] == [True, False]
    assert bucket.requests['PutObject'] == 2
    bucket.put_hashed(PATH, BODY, SHA256, **ARGUMENTS)
    assert is_direct(s3.asked('PutObject')[-1])


def test_large_bodies_go_piece_by_piece(s3: StrictS3, bucket: Objects) -> None:
    bucket.sizes('')
    body = b'0123456789' * 100_000
    bucket.put_hashed(PATH, body, sha256(body).hexdigest())
    assert s3.object(f'archive/{PATH}').body == body
    assert is_direct(s3.asked('PutObject')[0])
