"""Uploading an hour's one object in parts, so that a crash or a broken part costs that part and no more."""

import hashlib
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from gevent.lock import BoundedSemaphore

from backfiller.mirror import joined
from backfiller.mirror.journal import Entry, Journal
from backfiller.mirror.objects import Objects, SentPart, Sums, is_md5
from backfiller.together import together
from common.errors import SegmentError, StoreError
from common.offload import offload

log = logging.getLogger(__name__)

PARTS_AT_ONCE = 4
"""Of all hours together, which bounds memory."""

Read = Callable[[joined.Part], bytes]
"""Gives the bytes of a part; called in the thread pool."""


class _Part(NamedTuple):
    """A part that S3 has."""

    etag: str
    size_bytes: int
    md5: str


class Uploads:
    """The multipart uploads of one node to one bucket."""

    def __init__(self, calls: Objects, journal: Journal) -> None:
        self._calls = calls
        self._journal = journal
        self._writing = BoundedSemaphore()
        self._room = BoundedSemaphore(PARTS_AT_ONCE)

    def send(
        self,
        path: str,
        parts: Sequence[joined.Part],
        read: Read,
        *,
        fingerprint: str,
        on_end: Mapping[str, str],
        **arguments: object,
    ) -> str:
        """Makes the object of the parts, and returns its ETag once S3 confirmed its size and its bytes.

        Goes on with an upload that a crash left. `arguments` and `on_end` are for CreateMultipartUpload and
        CompleteMultipartUpload, in boto3's words. Raises SegmentError, SourceError or StoreError, and then
        goes on the next time.
        """
        upload_id, sent = self._resumed(path, fingerprint)
        if not upload_id:
            upload_id = self._begin(path, fingerprint, arguments)
        try:
            jobs = [partial(self._part, path, upload_id, part, read, sent.get(part.number)) for part in parts]
            parts_sent = together(jobs, at_most=PARTS_AT_ONCE)
            etag = self._end(path, upload_id, [each.etag for each in parts_sent], on_end)
        except SegmentError as error:
            if error.reason in ('missing', 'conflict', 'stale'):  # this upload will never become the object
                self._abort(path, upload_id)
            raise
        etag = self._confirmed(path, etag, parts_sent, partial(_md5_of, parts, read))
        self._forget(path)
        return etag

    def sweep(self, wanted: Collection[str]) -> int:
        """Aborts what this node left open and nobody wants to go on with; returns how many."""
        left = self._entries().keys() - set(wanted)
        for path in left:
            self.drop(path)
        return len(left)

    def drop(self, path: str) -> None:
        """Aborts what this node left open for the path, if anything: the object is there without it."""
        if not (entry := self._entries().get(path)):
            return
        for upload_id in self._open(path, entry):
            log.info('%s: an upload that was left open is aborted', path)
            self._calls.abort_upload(path, upload_id)
        self._forget(path)

    def _resumed(self, path: str, fingerprint: str) -> tuple[str, dict[int, SentPart]]:
        """The upload of these very segments that was left open, and its parts; aborts any other of ours."""
        entry = self._entries().get(path)
        for upload_id in self._open(path, entry) if entry else ():
            if entry and entry.fingerprint == fingerprint and entry.upload_id:
                try:
                    return upload_id, self._calls.parts_of(path, upload_id)
                except SegmentError as error:
                    if error.reason != 'missing':
                        raise
            else:
                self._calls.abort_upload(path, upload_id)
        return '', {}

    def _open(self, path: str, entry: Entry) -> list[str]:
        """The uploads for the path that are ours: one at most, unless S3 was asked and we died."""
        if entry.upload_id:
            return [entry.upload_id]
        return [each for each in self._calls.open_uploads(path) if each not in entry.others]

    def _begin(self, path: str, fingerprint: str, arguments: dict[str, object]) -> str:
        others = tuple(self._calls.open_uploads(path))
        self._note(path, Entry(fingerprint, others=others))
        upload_id = self._calls.begin_upload(path, **arguments)
        self._note(path, Entry(fingerprint, upload_id, others))
        return upload_id

    def _part(self, path: str, upload_id: str, part: joined.Part, read: Read, sent: SentPart | None) -> _Part:
        """Sends the part, unless S3 has it."""
        with self._room:
            body, sums = offload(_with_sums, read, part)
            if sent == SentPart(len(body), sums.md5):
                return _Part(sent.etag, len(body), sums.md5)
            etag = self._calls.put_part(path, upload_id, part.number, body, sums)
        if is_md5(etag) and etag != sums.md5:
            raise SegmentError('hash', f'{self._calls.url} stored part {part.number} of {path} damaged')
        return _Part(etag, len(body), sums.md5)

    def _end(self, path: str, upload_id: str, etags: Sequence[str], on_end: Mapping[str, str]) -> str:
        """Joins the parts. An answer that was lost, or came as an error, may yet have been a success."""
        try:
            return self._calls.end_upload(path, upload_id, etags, **on_end)
        except (SegmentError, StoreError):
            head = self._calls.head(path)
            if head and all(map(is_md5, etags)) and head.etag == joined.whole_etag(etags):
                return head.etag
            raise

    def _confirmed(self, path: str, etag: str, parts: Sequence[_Part], md5: Callable[[], str]) -> str:
        """The ETag that S3 tells of the object from now on; raises SegmentError unless it is what was sent.

        Some stores give another than they promised: the MD5 of the whole, or else the object is read back.
        """
        head = self._calls.head(path)
        if not head or head.size_bytes != sum(part.size_bytes for part in parts):
            raise SegmentError('hash', f'{self._calls.url}: {path} is not what was sent')
        if head.etag == etag or (is_md5(head.etag) and head.etag == md5()) or self._reads_back(path, parts):
            return head.etag
        raise SegmentError('hash', f'{self._calls.url}: {path} is damaged, or was replaced')

    def _reads_back(self, path: str, parts: Sequence[_Part]) -> bool:
        start = 0
        for part in parts:
            body = self._calls.get(path, part.size_bytes, start=start, size_bytes=part.size_bytes)
            if hashlib.md5(body, usedforsecurity=False).hexdigest() != part.md5:
                return False
            start += part.size_bytes
        return True

    def _abort(self, path: str, upload_id: str) -> None:
        self._calls.abort_upload(path, upload_id)
        self._forget(path)

    def _entries(self) -> dict[str, Entry]:
        return offload(self._journal.entries)

    def _note(self, path: str, entry: Entry) -> None:
        with self._writing:
            offload(self._journal.note, path, entry)

    def _forget(self, path: str) -> None:
        with self._writing:
            offload(self._journal.forget, path)


def _with_sums(read: Read, part: joined.Part) -> tuple[bytes, Sums]:
    body = read(part)
    return body, Sums.of(body)


def _md5_of(parts: Sequence[joined.Part], read: Read) -> str:
    """Of all parts together, read once more, which is cheaper than to have them back from S3."""
    whole = hashlib.md5(usedforsecurity=False)
    for part in parts:
        offload(lambda part: whole.update(read(part)), part)
    return whole.hexdigest()
