"""Putting many small objects by the shortest way: botocore signs them, and its models are left out.

What boto3 does around a PutObject, to find the endpoint, to write and to read what S3 says, takes more time
than signing and sending it. Plain HTTP goes through our own engine besides, TLS and proxies are botocore's.
All but a plain success and a plain error is left to boto3, which knows best.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from http.client import HTTPException
from typing import Any
from urllib.parse import quote, urlsplit
from weakref import finalize

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import ClientError, ConnectionClosedError
from botocore.parsers import create_parser
from requests.structures import CaseInsensitiveDict
from requests.utils import get_environ_proxies

from backfiller.engines import Engine, Lean
from common.http.deadline import DeadlineError, deadline

_HEADERS = {
    'CacheControl': 'Cache-Control',
    'ChecksumSHA256': 'x-amz-checksum-sha256',
    'ContentMD5': 'Content-MD5',
    'ContentType': 'Content-Type',
    'IfNoneMatch': 'If-None-Match',
}
_ELSEWHERE = {301, 307, 308}
_ANOTHER_REGION = {'AuthorizationHeaderMalformed', 'IllegalLocationConstraintException', 'PermanentRedirect'}
_DIRECTORY = '--x-s3'
"""So end the names of directory buckets, which are signed for in another way."""

PIECE_BYTES = 256 * 1024
PUT_SECONDS = 300.0
WAIT_SECONDS = 30.0
MOST_TOLD_BYTES = 64 * 1024

Answered = tuple[int, Mapping[str, str], bytes]
"""Status, headers, body."""


class _Signer(S3SigV4Auth):  # type: ignore[misc]
    """Signs with the SHA-256 of the body that is known, instead of hashing it again."""

    def payload(self, request: Any) -> str:
        return str(request.context['sha256'])


class _Pieces:
    """A body that is sent piece by piece, so that the wait is for each of them and not for all."""

    def __init__(self, body: bytes) -> None:
        self._body = memoryview(body)

    def __iter__(self) -> Iterator[bytes]:
        return (bytes(self._body[at : at + PIECE_BYTES]) for at in range(0, len(self._body), PIECE_BYTES))


class Direct:
    """PUTs to the bucket with the credentials and the region of the client.

    Where the bucket is, boto3 knows: the first listing shows it. `requests` are counted by their operations.
    """

    def __init__(self, client: Any, bucket: str, requests: Counter[str]) -> None:
        self._client = client
        self._bucket = bucket
        self._requests = requests
        self._base = ''
        self._is_plain = False
        self._leads_there = True
        self._idle: list[Engine] = []
        finalize(self, _close, self._idle)  # as the connections of boto3 end with their client
        client.meta.events.register('before-send.s3.ListObjectsV2', self._learn)

    def put(
        self, operation: str, key: str, body: bytes, sha256: str, query: Mapping[str, str], **arguments: Any
    ) -> dict[str, Any] | None:
        """S3's answer as boto3 gives it; None if boto3 has to be asked. Raises what boto3 raises.

        `sha256` is that of the body, in hex; `arguments` in boto3's words.
        """
        if not (self._base and self._leads_there):
            return None
        request = AWSRequest(
            'PUT',
            self._base + quote(key, safe='/~'),
            headers=self._headers(arguments),
            data=body,
            params=query,
        )
        request.context['sha256'] = sha256
        region = self._client.meta.region_name
        credentials = self._client._request_signer._credentials
        _Signer(credentials and credentials.get_frozen_credentials(), 's3', region).add_auth(request)
        self._requests[operation] += 1
        if not (answered := self._sent(request.prepare())):
            return None
        status, headers, told = answered
        if status // 100 == 2:
            return {'ETag': headers.get('ETag', ''), **_checksum(headers)}
        answer = {'body': told, 'headers': headers, 'status_code': status}
        error = create_parser('rest-xml').parse(answer, None)
        if status in _ELSEWHERE or error.get('Error', {}).get('Code') in _ANOTHER_REGION:
            self._leads_there = False
            return None
        raise ClientError(error, operation)

    def _sent(self, request: Any) -> Answered | None:
        """What came back: by our own engine if it is plain HTTP without a proxy, else as botocore does it.

        None if the connection ended, or nothing moved for a while: boto3, which asks before it sends, and is
        more patient, may hear why.
        """
        if not self._is_plain:
            answer = self._client._endpoint.http_session.send(request)
            return answer.status_code, answer.headers, answer.content
        engine = self._idle.pop() if self._idle else Lean()
        try:
            answered = _exchanged(engine, request)
        except (ConnectionError, TimeoutError):
            return None
        except (HTTPException, DeadlineError) as error:
            raise ConnectionClosedError(endpoint_url=request.url) from error
        self._idle.append(engine)
        return answered

    def _learn(self, request: Any, **_: object) -> None:
        """Unless it is another bucket of the same client."""
        parts = urlsplit(request.url)
        path = parts.path.rstrip('/')
        if self._bucket.endswith(_DIRECTORY):
            return
        if path.endswith(f'/{self._bucket}') or parts.netloc.startswith(f'{self._bucket}.'):
            self._base = f'{parts.scheme}://{parts.netloc}{path}/'
            self._is_plain = parts.scheme == 'http' and not get_environ_proxies(self._base)

    def _headers(self, arguments: Mapping[str, Any]) -> dict[str, str]:
        metadata = arguments.get('Metadata', {})
        return {
            'User-Agent': self._client.meta.config.user_agent,
            **{_HEADERS[name]: value for name, value in arguments.items() if name != 'Metadata'},
            **{f'x-amz-meta-{name}': value for name, value in metadata.items()},
        }


def _close(engines: list[Engine]) -> None:
    for engine in engines:
        engine.close()


def _exchanged(engine: Engine, request: Any) -> Answered:
    headers, told = dict(request.headers.items()), bytearray(MOST_TOLD_BYTES)
    with (
        deadline(PUT_SECONDS, request.url),
        engine.exchange('PUT', request.url, headers, _Pieces(request.body), WAIT_SECONDS) as answer,
    ):
        size = 0
        while size < len(told) and (count := answer.read(memoryview(told)[size:])):
            size += count
        return answer.status, CaseInsensitiveDict(answer.headers.items()), bytes(told[:size])


def _checksum(headers: Mapping[str, str]) -> dict[str, str]:
    told = headers.get('x-amz-checksum-sha256')
    return {'ChecksumSHA256': told} if told else {}
