"""The border to S3: making a client, trying again what may pass, and saying what an operator has to mend."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

from common.errors import SegmentError, SegmeshError, SourceError, StoreError

P = ParamSpec('P')
R = TypeVar('R')

TRIES = 6
FIRST_SECONDS = 0.5
MOST_SECONDS = 20.0
CONNECTIONS = 16

_PASSING = {
    'InternalError', 'OperationAborted', 'RequestTimeout', 'ServiceUnavailable', 'SlowDown', 'Throttling',
    'ThrottlingException', 'TooManyRequests', 'TooManyRequestsException', 'RequestLimitExceeded',
}  # fmt: skip
_MISSING = {'NoSuchKey', '404', 'NotFound'}
_DAMAGED = {'BadDigest', 'InvalidDigest', 'XAmzContentSHA256Mismatch', 'XAmzContentChecksumMismatch'}
_ADVICE = {
    'NoCredentialsError': 'no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile',
    'NoSuchBucket': 'the bucket does not exist: make it, or correct its name',
    'AccessDenied': 'access denied: allow s3:ListBucket, s3:GetObject and s3:PutObject',
    'InvalidAccessKeyId': 'the access key is not known: check AWS_ACCESS_KEY_ID and the endpoint',
    'SignatureDoesNotMatch': 'the secret key is wrong: check AWS_SECRET_ACCESS_KEY',
    'ExpiredToken': 'the session token has expired: renew the credentials',
    'ExpiredTokenException': 'the session token has expired: renew the credentials',
    'TokenRefreshRequired': 'the session token has expired: renew the credentials',
    'RequestTimeTooSkewed': "this machine's clock is wrong: set it by NTP",
    'PermanentRedirect': 'the bucket is in another region: set AWS_REGION',
    'AuthorizationHeaderMalformed': 'the bucket is in another region: set AWS_REGION',
    'IllegalLocationConstraintException': 'the bucket is in another region: set AWS_REGION',
    'QuotaExceeded': 'the quota of the bucket is used up',
}


def new_client(endpoint_url: str, checksums: str) -> Any:
    """A boto3 S3 client that also works with servers which are not Amazon's.

    `checksums` is `when_required` or `when_supported` (botocore's request_checksum_calculation).
    """
    import boto3
    from botocore.config import Config

    config = Config(
        signature_version='s3v4',
        s3={'addressing_style': 'path' if endpoint_url else 'auto'},
        request_checksum_calculation=checksums,
        response_checksum_validation=checksums,
        retries={'total_max_attempts': 1},
        max_pool_connections=CONNECTIONS,
        connect_timeout=10,
        read_timeout=60,
    )
    session = boto3.session.Session()
    region = session.region_name or 'us-east-1'
    return session.client('s3', endpoint_url=endpoint_url or None, region_name=region, config=config)


@dataclass(frozen=True)
class Border:
    """Calls S3 and translates its errors: SegmentError for one object, else SourceError or StoreError."""

    url: str
    tries: int = TRIES
    sleep: Callable[[float], None] = time.sleep

    def reading(self, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        return self._call(SourceError, call, *args, **kwargs)

    def writing(self, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        return self._call(StoreError, call, *args, **kwargs)

    def _call(
        self, otherwise: type[SegmeshError], call: Callable[P, R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        from botocore.exceptions import BotoCoreError, ClientError

        for attempt in range(1, self.tries + 1):
            try:
                return call(*args, **kwargs)
            except (BotoCoreError, ClientError, OSError) as error:
                if attempt == self.tries or not _may_pass(error):
                    raise self._translated(error, otherwise, kwargs.get('Key', '')) from error
            self.sleep(_delay(attempt))
        raise AssertionError('not reached')

    def _translated(self, error: Exception, otherwise: type[SegmeshError], key: object) -> SegmeshError:
        code = _code(error)
        if code in _MISSING:
            return SegmentError('missing', f'{self.url} has no {key or "such object"}')
        if code in _DAMAGED:
            return SegmentError('hash', f'{self.url} refused {key}: its bytes arrived damaged')
        return otherwise(f'{self.url}: {_ADVICE.get(code) or error}')


def _code(error: Exception) -> str:
    """S3's error code; for errors that are not S3's, the class of the exception."""
    response = getattr(error, 'response', None) or {}
    return str(response.get('Error', {}).get('Code') or type(error).__name__)


def _may_pass(error: Exception) -> bool:
    """Whether the same request may succeed in a moment: not what somebody has to mend first."""
    from botocore import exceptions as boto

    if isinstance(error, boto.ClientError):
        status = error.response.get('ResponseMetadata', {}).get('HTTPStatusCode', 0)
        return _code(error) in _PASSING or status >= 500 or status == 429
    passing = (
        boto.ConnectionError,
        boto.HTTPClientError,
        boto.IncompleteReadError,
        boto.ResponseStreamingError,
    )
    return isinstance(error, (*passing, OSError))


def _delay(attempt: int) -> float:
    return min(FIRST_SECONDS * 2.0**attempt, MOST_SECONDS) * random.uniform(0.5, 1)
