"""What is tried again, what is not, and what an operator is told."""

from collections.abc import Callable

import gevent
import pytest
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    SSLError,
)

from backfiller.crowd import Crowd
from backfiller.mirror.s3 import FAILURES_ALLOWED, Border
from backfiller.together import together
from common.errors import SegmentError, SegmeshError, SourceError, StoreError


def answer(code: str, status: int = 400) -> ClientError:
    """An error as S3 answers it."""
    response = {
        'Error': {'Code': code, 'Message': f'{code} it is'},
        'ResponseMetadata': {'HTTPStatusCode': status},
    }
    return ClientError(response, 'PutObject')  # type: ignore[arg-type]


class Calls:
    """A call that fails with the given errors, one after the other, and then succeeds."""

    def __init__(self, *errors: Exception) -> None:
        self._errors = list(errors)
        self.made = 0
        self.slept: list[float] = []
        self.border = Border('s3://b/p', tries=4, sleep=self.slept.append)

    def __call__(self) -> str:
        self.made += 1
        if self._errors:
            raise self._errors.pop(0)
        return 'done'


PASSING: list[Callable[[], Exception]] = [
    lambda: answer('SlowDown', 503),
    lambda: answer('InternalError', 500),
    lambda: answer('Unknown', 502),
    lambda: answer('RequestTimeout'),
    lambda: answer('Whatever', 429),
    lambda: EndpointConnectionError(endpoint_url='http://x'),
    lambda: ConnectTimeoutError(endpoint_url='http://x'),
    lambda: SSLError(endpoint_url='https://x', error='EOF occurred in violation of protocol'),
    lambda: ConnectionResetError('reset'),
]


@pytest.mark.parametrize('make', PASSING)
def test_what_may_pass_is_tried_again_with_growing_pauses(make: Callable[[], Exception]) -> None:
    calls = Calls(make(), make(), make())
    assert calls.border.writing(calls, key='k') == 'done'
    assert calls.made == 4
    assert 0.5 <= calls.slept[0] <= 1 <= calls.slept[1] <= 2 <= calls.slept[2] <= 4


@pytest.mark.parametrize('make', PASSING)
def test_tries_are_bounded(make: Callable[[], Exception]) -> None:
    calls = Calls(*(make() for _ in range(9)))
    with pytest.raises(StoreError, match='s3://b/p'):
        calls.border.writing(calls)
    assert calls.made == 4


def test_a_server_that_is_not_there_is_named_without_what_was_asked_of_it() -> None:
    asked = 'http://127.0.0.1:9000/b?list-type=2&prefix=p%2F'
    calls = Calls(*(EndpointConnectionError(endpoint_url=asked) for _ in range(4)))
    with pytest.raises(StoreError) as caught:
        calls.border.writing(calls)
    assert str(caught.value) == (
        's3://b/p: http://127.0.0.1:9000 cannot be reached: start it, or correct the endpoint URL'
    )


@pytest.mark.parametrize('error', [answer('SlowDown', 503), answer('AccessDenied', 403), answer('New')])
def test_an_object_that_fails_is_its_own_matter_until_several_do_in_a_row(error: Exception) -> None:
    calls = Calls(*[error] * 99)
    for _ in range(FAILURES_ALLOWED - 1):
        with pytest.raises(SegmentError, match='k'):
            calls.border.writing(calls, key='k')
    with pytest.raises(StoreError):
        calls.border.writing(calls, key='k')
    assert calls.border.writing(lambda: 'done', key='k') == 'done'
    with pytest.raises(SegmentError):
        calls.border.writing(calls, key='k')


def test_expired_credentials_are_no_objects_matter() -> None:
    calls = Calls(answer('ExpiredToken'))
    with pytest.raises(StoreError, match='renew the credentials'):
        calls.border.writing(calls, key='k')


@pytest.mark.parametrize(
    ('error', 'advice'),
    [
        (answer('ExpiredToken'), 'the session token has expired: renew the credentials'),
        (answer('AccessDenied', 403), 'access denied: allow'),
        (answer('NoSuchBucket', 404), 'the bucket does not exist'),
        (answer('RequestTimeTooSkewed', 403), 'clock is wrong'),
        (answer('PermanentRedirect', 301), 'another region'),
        (answer('SomethingNew'), 'SomethingNew it is'),
        (SSLError(endpoint_url='https://x', error='CERTIFICATE_VERIFY_FAILED'), 'set AWS_CA_BUNDLE'),
        (NoCredentialsError(), 'no credentials: set AWS_ACCESS_KEY_ID'),
        (
            OSError('Could not find a suitable TLS CA certificate bundle, invalid path: /x'),
            'that AWS_CA_BUNDLE',
        ),
        (RecursionError('of the redirects of botocore'), 'another region'),
    ],
)
def test_what_somebody_has_to_mend_is_said_at_once(error: Exception, advice: str) -> None:
    for how, kind in ((Border.reading, SourceError), (Border.writing, StoreError)):
        calls = Calls(error)
        with pytest.raises(kind, match=advice):
            how(calls.border, calls)
        assert calls.made == 1


@pytest.mark.parametrize(
    ('code', 'reason'),
    [('NoSuchKey', 'missing'), ('BadDigest', 'hash'), ('XAmzContentSHA256Mismatch', 'hash')],
)
def test_what_concerns_one_object_is_an_error_of_that_segment(code: str, reason: str) -> None:
    calls = Calls(answer(code))
    with pytest.raises(SegmentError, match='the/key') as caught:
        calls.border.writing(calls, key='the/key')
    assert caught.value.reason == reason


def test_errors_of_ours_pass_through() -> None:
    calls = Calls(SegmentError('size', 'too large'))
    with pytest.raises(SegmeshError, match='too large'):
        calls.border.reading(calls)


def test_a_listing_that_is_not_found_is_the_buckets_error() -> None:
    calls = Calls(answer('NotFound', 404))
    with pytest.raises(SourceError):
        calls.border.reading(calls)


def test_half_as_many_ask_when_it_is_too_much_and_one_more_after_each_round_that_went_well() -> None:
    crowd = Crowd(16)
    crowd.is_too_much()
    assert crowd.limit == 8
    for _ in range(10):
        crowd.is_too_much()
    assert crowd.limit == 1
    for expected in range(2, 16):
        for _ in range(expected):
            crowd.went_well()
        assert expected - 1 < crowd.limit <= 16
    for _ in range(100):
        crowd.went_well()
    assert crowd.limit == 16


def test_no_more_are_under_way_than_may_be() -> None:
    crowd, most = Crowd(3), 0
    under_way = 0

    def ask() -> None:
        nonlocal under_way, most
        with crowd.within():
            under_way += 1
            most = max(most, under_way)
            gevent.sleep(0)
            under_way -= 1

    together([ask] * 20)
    assert most == 3
