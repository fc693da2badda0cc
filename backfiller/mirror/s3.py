"""The border to S3: making a client, trying again what may pass, and saying what an operator has to mend."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit

from backfiller.crowd import Crowd
from common.errors import SegmentError, SegmeshError, SourceError, StoreError, UsageError

R = TypeVar('R')

TRIES = 6
FIRST_SECONDS = 0.5
MOST_SECONDS = 20.0
CONNECTIONS = 16
FAILURES_ALLOWED = 3

_PASSING = {
    'InternalError', 'OperationAborted', 'RequestTimeout', 'ServiceUnavailable', 'SlowDown', 'Throttling',
    'ThrottlingException', 'TooManyRequests', 'TooManyRequestsException', 'RequestLimitExceeded',
}  # fmt: skip
_TOO_MUCH = {'SlowDown', 'ServiceUnavailable', 'Throttling', 'ThrottlingException', 'TooManyRequests'}
_MISSING = {'NoSuchKey', 'NoSuchUpload', '404', 'NotFound'}
_CONFLICT = {'PreconditionFailed', 'ConditionalRequestConflict', '412'}
_STALE = {'InvalidPart', 'InvalidPartOrder', 'EntityTooSmall'}
_DAMAGED = {'BadDigest', 'InvalidDigest', 'XAmzContentSHA256Mismatch', 'XAmzContentChecksumMismatch'}
_ADVICE = {
    'NoCredentialsError': 'no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile',
    'NoSuchBucket': 'the bucket does not exist: make it, or correct its name',
    'AccessDenied': 'access denied: allow s3:ListBucket, s3:GetObject, s3:PutObject and s3:DeleteObject',
    'InvalidAccessKeyId': 'the access key is not known: check AWS_ACCESS_KEY_ID and the endpoint',
    'SignatureDoesNotMatch': 'the secret key is wrong: check AWS_SECRET_ACCESS_KEY',
    'ExpiredToken': 'the session token has expired: renew the credentials',
    'ExpiredTokenException': 'the session token has expired: renew the credentials',
    'TokenRefreshRequired': 'the session token has expired: renew the credentials',
    'RequestTimeTooSkewed': "this machine's clock is wrong: set it by NTP",
    'PermanentRedirect': 'the bucket is in another region: set AWS_REGION',
    'AuthorizationHeaderMalformed': 'the bucket is in another region: set AWS_REGION',
    'IllegalLocationConstraintException': 'the bucket is in another region: set AWS_REGION',
    'CertificateUnknown': 'the certificate of the server is not trusted: renew it, or set AWS_CA_BUNDLE',
    'NoCertificates': 'the file that AWS_CA_BUNDLE names cannot be read: correct it',
    'RecursionError': 'the bucket is in another region, which the server does not tell: set AWS_REGION',
    'NotImplemented': 'the store cannot do that: if it is about parts, set layout = "segments"',
    'InvalidObjectState': 'it is archived: restore it in S3 before it can be read',
    'QuotaExceeded': 'the quota of the bucket is used up',
}
_BUCKET_WIDE = _ADVICE.keys() - {'AccessDenied', 'InvalidObjectState', 'NotImplemented'}


def new_client(endpoint_url: str, checksums: str) -> Any:
    """A boto3 S3 client that also works with servers which are not Amazon's.

    `checksums` is `when_required` or `when_supported` (botocore's request_checksum_calculation). Raises
    UsageError for a profile or an endpoint that is none.
    """
    import boto3  # takes 0.2 s, and only S3 needs it
    import botocore.session
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError

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
    try:
        bare = botocore.session.get_session()
        parsers = bare.get_component('response_parser_factory')
        parsers.set_parser_defaults(timestamp_parser=_time)
        session = boto3.session.Session(botocore_session=bare)
        region = session.region_name or 'us-east-1'
        return session.client('s3', endpoint_url=endpoint_url or None, region_name=region, config=config)
    except (BotoCoreError, ValueError) as error:
        raise UsageError(f'cannot use S3 with these settings: {error}') from error


def _time(text: str) -> datetime:
    """As botocore reads times, but for those of listings, which are many, without dateutil."""
    from botocore.utils import parse_timestamp

    try:
        return datetime.fromisoformat(text)
    except (TypeError, ValueError):
        found: datetime = parse_timestamp(text)
        return found


@dataclass
class Border:
    """Calls S3 and translates its errors: SegmentError if they concern the object `key`, else as said.

    When several objects in a row fail, it is taken to be the bucket.
    """

    url: str
    tries: int = TRIES
    sleep: Callable[[float], None] = time.sleep
    crowd: Crowd = field(default_factory=lambda: Crowd(CONNECTIONS))
    _failures: int = 0

    def reading(self, call: Callable[[], R], *, key: str = '') -> R:
        """What the call returns; raises SegmentError or SourceError."""
        return self._call(SourceError, call, key)

    def writing(self, call: Callable[[], R], *, key: str = '') -> R:
        """What the call returns; raises SegmentError or StoreError."""
        return self._call(StoreError, call, key)

    def _call(self, otherwise: type[SegmeshError], call: Callable[[], R], key: str) -> R:
        from botocore.exceptions import BotoCoreError, ClientError

        for attempt in range(1, self.tries + 1):
            try:
                with self.crowd.within():
                    answer = call()
            except (BotoCoreError, ClientError, OSError, RecursionError) as error:
                if _code(error) in _TOO_MUCH:
                    self.crowd.is_too_much()
                if attempt == self.tries or not _may_pass(error):
                    raise self._translated(error, otherwise, key) from error
            else:
                self._failures = 0
                self.crowd.went_well()
                return answer
            self.sleep(_delay(attempt))
        raise AssertionError('not reached')

    def _translated(self, error: Exception, otherwise: type[SegmeshError], key: str) -> SegmeshError:
        code = _code(error)
        if key and code in _MISSING:
            return SegmentError('missing', f'{self.url} has no {key}')
        if key and code in _CONFLICT:
            return SegmentError('conflict', f'{self.url}: somebody else was faster to write {key}')
        if key and code in _STALE:
            return SegmentError('stale', f'{self.url}: the parts of {key} are not there any more')
        if key and code in _DAMAGED:
            return SegmentError('hash', f'{self.url} refused {key}: its bytes arrived damaged')
        self._failures += 1
        told = f'{self.url}: {_ADVICE.get(code) or _told(error)}'
        if key and code not in _BUCKET_WIDE and self._failures < FAILURES_ALLOWED:
            return SegmentError('refused', f'{told} ({key})')
        return otherwise(told)


def _code(error: Exception) -> str:
    """S3's error code; for errors that are not S3's, the class of the exception."""
    response = getattr(error, 'response', None) or {}
    if 'CERTIFICATE_VERIFY_FAILED' in str(error):
        return 'CertificateUnknown'
    if 'CA certificate bundle' in str(error):
        return 'NoCertificates'
    return str(response.get('Error', {}).get('Code') or type(error).__name__)


def _told(error: Exception) -> str:
    """What it says; of a server that is not there, without the query of the listing that found that out."""
    from botocore import exceptions as boto

    if not isinstance(error, boto.EndpointConnectionError | boto.ConnectTimeoutError):
        return str(error)
    server = urlsplit(error.kwargs['endpoint_url'])
    return f'{server.scheme}://{server.netloc} cannot be reached: start it, or correct the endpoint URL'


def _may_pass(error: Exception) -> bool:
    """Whether the same request may succeed in a moment: not what somebody has to mend first."""
    from botocore import exceptions as boto

    if _code(error) in _ADVICE:
        return False
    if isinstance(error, boto.ClientError):
        status = error.response.get('ResponseMetadata', {}).get('HTTPStatusCode', 0)
        return _code(error) in _PASSING or (status >= 500 and status != 501) or status == 429
    passing = (
        boto.ConnectionError,
        boto.HTTPClientError,
        boto.IncompleteReadError,
        boto.ResponseStreamingError,
    )
    return isinstance(error, (*passing, OSError))


def _delay(attempt: int) -> float:
    return min(FIRST_SECONDS * 2.0**attempt, MOST_SECONDS) * random.uniform(0.5, 1)
