"""An S3 bucket as a place: keys are the same relative paths under a prefix.

botocore gives up after seconds and never retries what an operator has to mend, so retrying is ours: see
`backfiller.mirror.s3`.
"""

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from backfiller.deadline import DeadlineError, deadline
from backfiller.mirror.s3 import Border
from common import digest
from common.errors import SegmentError, SourceError
from common.place import EVERYTHING, MAX_SEGMENT_BYTES, Chunks, Scope, Troubles, verified
from common.segment import Hour, Segment, is_label, is_name, without_withdrawn

SEGMENT_TYPE = 'video/mp2t'
GET_SECONDS = 300.0
IMMUTABLE = 'public, max-age=31536000, immutable'


class Bucket:
    """`s3://BUCKET/PREFIX`, through a boto3 S3 client."""

    def __init__(
        self,
        client: Any,
        url: str,
        *,
        border: Border | None = None,
        max_segment_bytes: int = MAX_SEGMENT_BYTES,
    ) -> None:
        parts = urlsplit(url)
        self.url = url
        self.name = parts.netloc
        self._prefix = parts.path.strip('/') + '/' if parts.path.strip('/') else ''
        self._client = client
        self._border = border or Border(url)
        self._max_segment_bytes = max_segment_bytes

    def hours(self, scope: Scope = EVERYTHING, troubles: Troubles | None = None) -> Iterator[Hour]:
        del troubles  # S3 lists all or nothing, and then raises SourceError
        for stream in filter(scope.admits_stream, self._folders('')):
            for variant in filter(scope.admits_variant, self._folders(f'{stream}/')):
                yield from filter(scope.admits, self._hours(stream, variant))

    def names(self, hour: Hour) -> set[str]:
        return without_withdrawn([name for name in self.objects(hour) if is_name(name)])

    def objects(self, hour: Hour) -> dict[str, int]:
        """Every object of the hour, playlist and manifest among them, with its size; raises SourceError."""
        prefix = f'{self._prefix}{hour.path}/'
        return {
            each['Key'].removeprefix(prefix): each['Size']
            for page in self._pages(Prefix=prefix)
            for each in page.get('Contents', ())
        }

    def read(self, segments: Iterable[Segment]) -> Iterator[tuple[Segment, Chunks]]:
        for segment in segments:
            yield segment, () if segment.withdrawal else self._body(segment)

    def add(self, segment: Segment, chunks: Chunks) -> int:
        """Puts the segment with the SHA-256 that its name promises, so that S3 checks the bytes again."""
        body = b''.join(verified(segment, chunks, self._max_segment_bytes))
        call = partial(self._put, segment.path, body, content_type=SEGMENT_TYPE, cache_control=IMMUTABLE)
        if segment.withdrawal:
            self._border.writing(call, key=segment.path)
            return 0
        checksum, metadata = digest.to_base64(segment.hash), {'sha256': digest.to_hex(segment.hash)}
        call = partial(call, ChecksumSHA256=checksum, Metadata=metadata)
        answer = self._border.writing(call, key=segment.path)
        if answer.get('ChecksumSHA256', checksum) != checksum:
            raise SegmentError('hash', f'{self.url} stored {segment.path} with another SHA-256')
        return len(body)

    def get_text(self, path: str) -> str | None:
        """A small text object, or None if there is none; raises SourceError."""
        try:
            return self._get(path).decode('utf-8', 'replace')
        except SegmentError as error:
            if error.reason == 'missing':
                return None
            raise SourceError(str(error)) from error

    def put_text(self, path: str, text: str, *, content_type: str, cache_control: str) -> None:
        """A small text object; raises StoreError."""
        body = text.encode()
        self._border.writing(
            lambda: self._put(path, body, content_type=content_type, cache_control=cache_control)
        )

    def _hours(self, stream: str, variant: str) -> Iterator[Hour]:
        for text in self._folders(f'{stream}/{variant}/', labels=False):
            try:
                yield Hour.parse(stream, variant, text)
            except SegmentError:
                continue  # somebody else's folder in the same bucket

    def _folders(self, path: str, *, labels: bool = True) -> Iterator[str]:
        prefix = self._prefix + path
        for page in self._pages(Prefix=prefix, Delimiter='/'):
            for each in page.get('CommonPrefixes', ()):
                text = each['Prefix'].removeprefix(prefix).rstrip('/')
                if not labels or is_label(text):
                    yield text

    def _pages(self, **arguments: str) -> Iterator[dict[str, Any]]:
        """The pages of ListObjectsV2, for as long as S3 says that they are truncated."""
        arguments |= {'Bucket': self.name}
        while True:
            page: dict[str, Any] = self._border.reading(partial(self._client.list_objects_v2, **arguments))
            yield page
            if not page.get('IsTruncated'):
                return
            arguments['ContinuationToken'] = page['NextContinuationToken']

    def _body(self, segment: Segment) -> Iterator[bytes]:
        yield self._get(segment.path)

    def _get(self, path: str) -> bytes:
        limit_bytes = self._max_segment_bytes

        def get() -> bytes:
            with deadline(GET_SECONDS, f'{self.url}: {path}'):
                answer = self._client.get_object(Bucket=self.name, Key=self._prefix + path)
                body: bytes = answer['Body'].read(limit_bytes + 1)
            if len(body) > limit_bytes:
                raise SegmentError('size', f'{path} has more than the {limit_bytes} bytes allowed')
            return body

        try:
            return self._border.reading(get, key=path)
        except DeadlineError as error:
            raise SegmentError('deadline', str(error)) from error

    def _put(self, path: str, body: bytes, *, content_type: str, cache_control: str, **checks: Any) -> Any:
        return self._client.put_object(
            Bucket=self.name,
            Key=self._prefix + path,
            Body=body,
            ContentType=content_type,
            CacheControl=cache_control,
            **checks,
        )
