"""Putting many small objects by the shortest way: botocore signs and sends them, and its models are left out.

What boto3 does around a PutObject, to find the endpoint, to write and to read what S3 says, takes more time
than signing and sending it. All but a plain success and a plain error is left to boto3, which knows best.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import ClientError
from botocore.parsers import create_parser

_HEADERS = {
    'CacheControl': 'Cache-Control',
    'ChecksumSHA256': 'x-amz-checksum-sha256',
    'ContentMD5': 'Content-MD5',
    'ContentType': 'Content-Type',
    'IfNoneMatch': 'If-None-Match',
}
_ELSEWHERE = {301, 307, 308}
_ANOTHER_REGION = {'AuthorizationHeaderMalformed', 'IllegalLocationConstraintException', 'PermanentRedirect'}


class _Signer(S3SigV4Auth):  # type: ignore[misc]
    """Signs with the SHA-256 of the body that is known, instead of hashing it again."""

    def payload(self, request: Any) -> str:
        return str(request.context['sha256'])


class Direct:
    """PUTs to the bucket with the credentials, the connections and the region of the client.

    Where the bucket is, boto3 knows: the first listing shows it.
    """

    def __init__(self, client: Any, bucket: str) -> None:
        self._client = client
        self._bucket = bucket
        self._base = ''
        self._leads_there = True
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
        _Signer(self._client._request_signer._credentials, 's3', region).add_auth(request)
        answer = self._client._endpoint.http_session.send(request.prepare())
        if answer.status_code == 200:
            return {'ETag': answer.headers.get('ETag', ''), **_checksum(answer.headers)}
        told = {'body': answer.content, 'headers': answer.headers, 'status_code': answer.status_code}
        error = create_parser('rest-xml').parse(told, None)
        if answer.status_code in _ELSEWHERE or error.get('Error', {}).get('Code') in _ANOTHER_REGION:
            self._leads_there = False
            return None
        raise ClientError(error, operation)

    def _learn(self, request: Any, **_: object) -> None:
        """Unless it is another bucket of the same client."""
        parts = urlsplit(request.url)
        path = parts.path.rstrip('/')
        if path.endswith(f'/{self._bucket}') or parts.netloc.startswith(f'{self._bucket}.'):
            self._base = f'{parts.scheme}://{parts.netloc}{path}/'

    def _headers(self, arguments: Mapping[str, Any]) -> dict[str, str]:
        metadata = arguments.get('Metadata', {})
        return {
            'User-Agent': self._client.meta.config.user_agent,
            **{_HEADERS[name]: value for name, value in arguments.items() if name != 'Metadata'},
            **{f'x-amz-meta-{name}': value for name, value in metadata.items()},
        }


def _checksum(headers: Mapping[str, str]) -> dict[str, str]:
    told = headers.get('x-amz-checksum-sha256')
    return {'ChecksumSHA256': told} if told else {}
