"""An S3 bucket as a place: keys are the same relative paths under a prefix.

A segment is an object of its own, or lies in the hour's one object; which, and where, the manifest says.
"""

import hashlib
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache, partial
from itertools import groupby
from typing import Any, NamedTuple

from backfiller.mirror import joined
from backfiller.mirror import manifest as manifests
from backfiller.mirror.joined import Joined, Span
from backfiller.mirror.manifest import Manifest
from backfiller.mirror.objects import Objects, Sums, etag_of, is_md5
from backfiller.mirror.probe import Guarantees, probe
from backfiller.mirror.s3 import Border
from common import digest
from common.errors import ListingError, SegmentError, SourceError, StoreError
from common.offload import Blocks
from common.place import EVERYTHING, MAX_SEGMENT_BYTES, Chunks, Scope, Troubles, verified
from common.segment import Hour, Segment, is_label, is_name, media_type, without_withdrawn

log = logging.getLogger(__name__)

IMMUTABLE = 'public, max-age=31536000, immutable'
RANGE_BYTES = 8 * 1024 * 1024
"""So much of an hour's one object is read with one request."""


class Text(NamedTuple):
    """A small text object, and the ETag by which S3 tells it from what stood there before."""

    text: str
    etag: str


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
        self.url = url
        self.calls = Objects(client, url, border)
        self.guarantees = Guarantees(conditional=False)
        self._was_probed = False
        self._max_segment_bytes = max_segment_bytes

    def find_out(self, node_id: str) -> None:
        """Learns what the store guarantees, and says what it does not; raises SourceError or StoreError."""
        if not self._was_probed:
            self.guarantees = probe(self.calls, node_id)
            self._was_probed = True
            for weakness in self.guarantees.weaker():
                log.warning('%s: %s', self.url, weakness)

    def hours(self, scope: Scope = EVERYTHING, troubles: Troubles | None = None) -> Iterator[Hour]:
        del troubles  # S3 lists all or nothing, and then raises SourceError
        for stream in filter(scope.admits_stream, filter(is_label, self.calls.folders(''))):
            for variant in filter(scope.admits_variant, filter(is_label, self.calls.folders(f'{stream}/'))):
                yield from filter(scope.admits, self._hours(stream, variant))

    def names(self, hour: Hour) -> set[str]:
        objects = self.objects(hour)
        inside = self._inside(hour) if objects.keys() & set(joined.NAMES) else None
        return without_withdrawn([*filter(is_name, objects), *(inside.spans if inside else ())])

    def objects(self, hour: Hour) -> dict[str, int]:
        """Every object of the hour, playlist and manifest among them, with its size; raises SourceError."""
        return self.calls.sizes(f'{hour.path}/')

    def manifest(self, hour: Hour) -> Manifest | None:
        """What the manifest of the hour says; None if there is none. Raises SourceError or ListingError."""
        text = self.get_text(f'{hour.path}/{manifests.NAME}')
        return None if text is None else Manifest.decode(hour, text)

    def read(self, segments: Iterable[Segment]) -> Iterator[tuple[Segment, Chunks]]:
        for hour, group in groupby(segments, key=lambda each: each.hour):
            yield from self._read(hour, list(group))

    def add(self, segment: Segment, chunks: Chunks) -> int:
        """Puts the segment with the SHA-256 that its name promises, so that S3 checks the bytes again."""
        verify = partial(_verified, segment, self._max_segment_bytes)
        body, md5 = chunks.through(verify) if isinstance(chunks, Blocks) else verify(chunks)
        headers = {'ContentType': media_type(segment.name), 'CacheControl': IMMUTABLE}
        if segment.withdrawal:
            self.calls.put(segment.path, body, **headers)
            return 0
        sums = Sums(digest.to_hex(segment.hash), md5)
        checksum = digest.to_base64(segment.hash)
        metadata = {'sha256': sums.sha256}
        self._put_checked(segment, body, sums, ChecksumSHA256=checksum, Metadata=metadata, **headers)
        return len(body)

    def get_text(self, path: str) -> str | None:
        """A small text object, or None if there is none; raises SourceError."""
        found = self.get_version(path)
        return found.text if found else None

    def put_text(self, path: str, text: str, *, content_type: str, cache_control: str) -> None:
        """A small text object; raises StoreError."""
        try:
            self.calls.put(path, text.encode(), ContentType=content_type, CacheControl=cache_control)
        except SegmentError as error:
            raise StoreError(str(error)) from error

    def _put_checked(self, segment: Segment, body: bytes, sums: Sums, **arguments: Any) -> None:
        """Puts it unless it is there; raises SegmentError if S3 does not confirm the bytes."""
        unless = {'IfNoneMatch': '*'} if self.guarantees.conditional else {}
        try:
            answer = self.calls.put_hashed(segment.path, body, sums.sha256, **arguments, **unless)
        except SegmentError as error:
            if error.reason != 'conflict':
                raise
            if self._holds(segment, len(body)):
                return
            # what is there is not what its name says
            answer = self.calls.put_hashed(segment.path, body, sums.sha256, **arguments)
        if answer.get('ChecksumSHA256', arguments['ChecksumSHA256']) != arguments['ChecksumSHA256']:
            raise SegmentError('hash', f'{self.url} stored {segment.path} with another SHA-256')
        if not self.guarantees.checks_sha256:
            self.compare(segment.path, body, sums.md5, etag_of(answer))

    def _holds(self, segment: Segment, size_bytes: int) -> bool:
        head = self.calls.head(segment.path)
        told = head.metadata.get('sha256', '') if head else ''
        return head is not None and (head.size_bytes, told) == (size_bytes, digest.to_hex(segment.hash))

    def compare(self, path: str, body: bytes, md5: str, etag: str) -> None:
        """For a store that checks nothing itself; where the ETag is no MD5, the object is read back."""
        intact = etag == md5 if is_md5(etag) else self.calls.get(path, len(body)) == body
        if not intact:
            raise SegmentError('hash', f'{self.url} stored {path} damaged')

    def get_version(self, path: str) -> Text | None:
        """A small text object with its ETag, or None if there is none; raises SourceError."""
        try:
            body, etag = self.calls.get_version(path, self._max_segment_bytes)
        except SegmentError as error:
            if error.reason == 'missing':
                return None
            raise SourceError(str(error)) from error
        return Text(body.decode('utf-8', 'replace'), etag)

    def replace_text(
        self, path: str, text: str, *, over: Text | None, content_type: str, cache_control: str
    ) -> bool:
        """Puts a small text object if `over` still stands there, or nothing if that is None; else False.

        A server that does not know of conditions puts it in any case. Raises StoreError.
        """
        conditions = {'IfNoneMatch': '*'} if over is None else {'IfMatch': over.etag} if over.etag else {}
        headers = {'ContentType': content_type, 'CacheControl': cache_control}
        try:
            self.calls.put(path, text.encode(), **headers, **conditions)
        except SegmentError as error:
            if error.reason in ('conflict', 'missing'):
                return False
            self.put_text(path, text, content_type=content_type, cache_control=cache_control)
        return True

    def put_file(self, path: str, body: bytes, *, content_type: str, cache_control: str) -> None:
        """Any object, with its SHA-256, so that S3 checks the bytes; raises SegmentError or StoreError."""
        raw = hashlib.sha256(body).digest()
        checksum = digest.to_base64(digest.from_bytes(raw))
        headers = {'ContentType': content_type, 'CacheControl': cache_control}
        self.calls.put(path, body, ChecksumSHA256=checksum, Metadata={'sha256': raw.hex()}, **headers)

    def sha256_of(self, path: str) -> str | None:
        """In hex, as it was put; empty if that was not said, None if there is no such object."""
        head = self.calls.head(path)
        return head.metadata.get('sha256', '').lower() if head else None

    def delete(self, path: str) -> None:
        """Removes an object, if there is one; raises SegmentError or StoreError."""
        self.calls.delete(path)

    def _hours(self, stream: str, variant: str) -> Iterator[Hour]:
        for text in self.calls.folders(f'{stream}/{variant}/'):
            try:
                yield Hour.parse(stream, variant, text)
            except SegmentError:
                continue  # somebody else's folder in the same bucket

    def _inside(self, hour: Hour) -> Joined | None:
        """What the hour's one object holds; None if no manifest says so. Raises SourceError, ListingError."""
        found = self.manifest(hour)
        return found.joined if found else None

    def _read(self, hour: Hour, segments: Sequence[Segment]) -> Iterator[tuple[Segment, Chunks]]:
        try:
            inside = self._inside(hour)
        except ListingError as error:  # it was not damaged when the hour was listed
            raise SourceError(str(error)) from error
        spans = inside.spans if inside else {}
        for segment in segments:
            if segment.name not in spans:
                yield segment, () if segment.withdrawal else self._body(segment)
        together = [segment for segment in segments if segment.name in spans]
        path = f'{hour.path}/{inside.name}' if inside else ''
        for run in joined.runs(together, spans, RANGE_BYTES):
            yield from self._run(path, run, spans)

    def _body(self, segment: Segment) -> Iterator[bytes]:
        yield self.calls.get(segment.path, self._max_segment_bytes)

    def _run(
        self, path: str, run: Sequence[Segment], spans: Mapping[str, Span]
    ) -> Iterator[tuple[Segment, Chunks]]:
        """Segments that lie one after the other in the hour's object, with one request."""
        start, end = spans[run[0].name].offset, spans[run[-1].name].end
        size = end - start
        fetch = cache(
            lambda: memoryview(self.calls.get(path, size, start=start, size_bytes=size) if size else b'')
        )

        def body(span: Span) -> Iterator[memoryview]:
            yield fetch()[span.offset - start : span.end - start]

        for segment in run:
            yield segment, body(spans[segment.name])


def _verified(segment: Segment, limit_bytes: int, chunks: Chunks) -> tuple[bytes, str]:
    """The bytes of a segment, and their MD5 in hex; raises SegmentError unless they are what it promises."""
    body = b''.join(verified(segment, chunks, limit_bytes))
    return body, hashlib.md5(body, usedforsecurity=False).hexdigest()
