"""The calls to S3 that we make, on keys below a prefix; `backfiller.mirror.s3` translates their errors."""

import hashlib
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from backfiller.mirror.s3 import Border
from common.errors import SegmentError
from common.http.deadline import DeadlineError, deadline

GET_SECONDS = 300.0


@dataclass(frozen=True)
class Head:
    """What S3 tells of an object; the ETag without quotes, metadata keys in lower case."""

    size_bytes: int
    etag: str
    modified: datetime
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class SentPart:
    """A part of an upload, as S3 lists it."""

    size_bytes: int
    etag: str


class Sums(NamedTuple):
    """Of the bytes of an object or a part, in hex."""

    sha256: str
    md5: str

    @classmethod
    def of(cls, body: bytes) -> 'Sums':
        return cls(hashlib.sha256(body).hexdigest(), hashlib.md5(body, usedforsecurity=False).hexdigest())


class Objects:
    """`s3://BUCKET/PREFIX`, through a boto3 S3 client; paths are keys less the prefix.

    Reading raises SourceError, writing StoreError, and both SegmentError if it is about the one object.
    """

    def __init__(self, client: Any, url: str, border: Border | None = None) -> None:
        parts = urlsplit(url)
        self.url = url
        self.name = parts.netloc
        self._prefix = parts.path.strip('/') + '/' if parts.path.strip('/') else ''
        self._client = client
        self._border = border or Border(url)
        self.requests: Counter[str] = Counter()
        """How many requests were sent, also in vain, by their operations."""
        from backfiller.mirror.direct import Direct  # botocore takes 0.2 s, and only S3 needs it

        self._direct = Direct(client, self.name, self.requests)
        client.meta.events.register('before-send.s3', self._count)

    def sizes(self, folder: str) -> dict[str, int]:
        """Every object below the folder, by its path from there, with its size in bytes."""
        return {path: each['Size'] for path, each in self._listed(folder)}

    def modified(self, folder: str) -> dict[str, datetime]:
        """Every object below the folder, by its path from there, and when it was written by S3's clock."""
        return {path: each['LastModified'] for path, each in self._listed(folder)}

    def folders(self, folder: str) -> Iterator[str]:
        """The names of the folders directly below."""
        prefix = f'{self._prefix}{folder}'
        for page in self._pages(Prefix=prefix, Delimiter='/'):
            for each in page.get('CommonPrefixes', ()):
                yield each['Prefix'].removeprefix(prefix).rstrip('/')

    def head(self, path: str) -> Head | None:
        """None if there is no such object."""
        call = partial(self._client.head_object, **self._at(path))
        try:
            found = self._border.reading(call, key=path)
        except SegmentError as error:
            if error.reason == 'missing':
                return None
            raise
        metadata = {key.lower(): value for key, value in found.get('Metadata', {}).items()}
        return Head(found['ContentLength'], etag_of(found), found['LastModified'], metadata)

    def get(self, path: str, limit_bytes: int, *, start: int = 0, size_bytes: int = 0) -> bytes:
        """The object, or `size_bytes` of it from `start`; raises SegmentError if there is more or less."""
        wanted = {'Range': f'bytes={start}-{start + size_bytes - 1}'} if size_bytes else {}
        body, _ = self._read(path, size_bytes or limit_bytes, **wanted)
        if size_bytes and len(body) != size_bytes:
            message = f'{self.url}: {path} gave {len(body)} bytes instead of {size_bytes}'
            raise SegmentError('truncated', message)
        return body

    def get_version(self, path: str, limit_bytes: int) -> tuple[bytes, str]:
        """The object, and its ETag; raises SegmentError."""
        return self._read(path, limit_bytes)

    def put(self, path: str, body: bytes, **arguments: Any) -> dict[str, Any]:
        """S3's answer; `arguments` in boto3's words."""
        call = partial(self._client.put_object, **self._at(path), Body=body, **arguments)
        answer: dict[str, Any] = self._border.writing(call, key=path)
        return answer

    def put_hashed(self, path: str, body: bytes, sha256: str, **arguments: Any) -> dict[str, Any]:
        """As `put`, for many objects whose SHA-256, in hex, is known."""
        call = partial(self._client.put_object, **self._at(path), Body=body, **arguments)
        direct = partial(self._put, 'PutObject', path, body, sha256, {}, **arguments)
        answer: dict[str, Any] = self._border.writing(lambda: direct() or call(), key=path)
        return answer

    def delete(self, path: str) -> None:
        self._border.writing(partial(self._client.delete_object, **self._at(path)), key=path)

    def begin_upload(self, path: str, **arguments: Any) -> str:
        """The id of a new multipart upload."""
        call = partial(self._client.create_multipart_upload, **self._at(path), **arguments)
        return str(self._border.writing(call, key=path)['UploadId'])

    def put_part(self, path: str, upload_id: str, number: int, body: bytes, sums: Sums) -> str:
        """The ETag of the part; its MD5 lets S3 refuse bytes that arrived damaged."""
        md5 = b64encode(bytes.fromhex(sums.md5)).decode()
        at = {**self._at(path), 'UploadId': upload_id, 'PartNumber': number}
        query = {'uploadId': upload_id, 'partNumber': str(number)}
        call = partial(self._client.upload_part, **at, Body=body, ContentMD5=md5)
        direct = partial(self._put, 'UploadPart', path, body, sums.sha256, query, ContentMD5=md5)
        return etag_of(self._border.writing(lambda: direct() or call(), key=path))

    def end_upload(self, path: str, upload_id: str, etags: Sequence[str], **arguments: Any) -> str:
        """Joins the parts, numbered from 1; the ETag of the object."""
        parts = [{'PartNumber': number, 'ETag': f'"{etag}"'} for number, etag in enumerate(etags, 1)]
        call = partial(
            self._client.complete_multipart_upload,
            **self._at(path),
            UploadId=upload_id,
            MultipartUpload={'Parts': parts},
            **arguments,
        )
        return etag_of(self._border.writing(call, key=path))

    def abort_upload(self, path: str, upload_id: str) -> None:
        """Also if there is no such upload any more."""
        call = partial(self._client.abort_multipart_upload, **self._at(path), UploadId=upload_id)
        try:
            self._border.writing(call, key=path)
        except SegmentError as error:
            if error.reason != 'missing':
                raise

    def open_uploads(self, path: str) -> list[str]:
        """The ids of the uploads for just this path that were neither ended nor aborted."""
        try:
            found = [each for page in self._upload_pages(path) for each in page.get('Uploads', ())]
        except SegmentError as error:
            if error.reason != 'missing':  # which is how some stores say that there are none
                raise
            return []
        key = self._prefix + path
        return [each['UploadId'] for each in found if each['Key'] == key]

    def parts_of(self, path: str, upload_id: str) -> dict[int, SentPart]:
        """The parts that S3 has of an upload; raises SegmentError(`missing`) if there is none."""
        found: dict[int, SentPart] = {}
        marker = 0
        while True:
            call = partial(
                self._client.list_parts, **self._at(path), UploadId=upload_id, PartNumberMarker=marker
            )
            page = self._border.reading(call, key=path)
            for each in page.get('Parts', ()):
                found[each['PartNumber']] = SentPart(each['Size'], etag_of(each))
            if not page.get('IsTruncated'):
                return found
            marker = page['NextPartNumberMarker']

    def _put(
        self, operation: str, path: str, body: bytes, sha256: str, query: Mapping[str, str], **arguments: Any
    ) -> dict[str, Any] | None:
        """None if boto3 has to be asked."""
        return self._direct.put(operation, self._prefix + path, body, sha256, query, **arguments)

    def _count(self, event_name: str, **_: object) -> None:
        self.requests[event_name.rpartition('.')[2]] += 1

    def _read(self, path: str, limit_bytes: int, **wanted: str) -> tuple[bytes, str]:
        def get() -> tuple[bytes, str]:
            with deadline(GET_SECONDS, f'{self.url}: {path}'):
                answer = self._client.get_object(**self._at(path), **wanted)
                return answer['Body'].read(limit_bytes + 1), etag_of(answer)

        try:
            body, etag = self._border.reading(get, key=path)
        except DeadlineError as error:
            raise SegmentError('deadline', str(error)) from error
        if len(body) > limit_bytes:
            raise SegmentError('size', f'{path} has more than the {limit_bytes} bytes allowed')
        return body, etag

    def _listed(self, folder: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Every object below the folder, by its path from there."""
        prefix = f'{self._prefix}{folder}'
        for page in self._pages(Prefix=prefix):
            for each in page.get('Contents', ()):
                yield each['Key'].removeprefix(prefix), each

    def _at(self, path: str) -> dict[str, str]:
        return {'Bucket': self.name, 'Key': self._prefix + path}

    def _pages(self, **arguments: str) -> Iterator[dict[str, Any]]:
        """The pages of ListObjectsV2, for as long as S3 says that they are truncated."""
        arguments |= {'Bucket': self.name}
        while True:
            page: dict[str, Any] = self._border.reading(partial(self._client.list_objects_v2, **arguments))
            yield page
            if not page.get('IsTruncated'):
                return
            arguments['ContinuationToken'] = page['NextContinuationToken']

    def _upload_pages(self, path: str) -> Iterator[dict[str, Any]]:
        """The pages of ListMultipartUploads for keys that begin with the path."""
        arguments = {'Bucket': self.name, 'Prefix': self._prefix + path}
        while True:
            call = partial(self._client.list_multipart_uploads, **arguments)
            page: dict[str, Any] = self._border.reading(call, key=path)
            yield page
            if not page.get('IsTruncated'):
                return
            arguments['KeyMarker'] = page['NextKeyMarker']
            arguments['UploadIdMarker'] = page.get('NextUploadIdMarker', '')


def etag_of(answer: Mapping[str, Any]) -> str:
    """Without its quotes."""
    return str(answer.get('ETag', '')).strip('"')


def is_md5(etag: str) -> bool:
    """Whether it may be the MD5 of the bytes: stores that encrypt, or take parts, give others."""
    return len(etag) == 32 and all(each in '0123456789abcdef' for each in etag)
