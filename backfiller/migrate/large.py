"""Large objects in parts: one part in memory at a time, each asked for again by itself if it breaks off.

S3 keeps the parts of an upload that nobody ends, and charges for them. So each upload is noted in the bucket,
below `.migrate/uploads/`, before it begins; whoever comes after a crash finds the note there and aborts it.
"""

import hashlib
import json
import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial

from backfiller.migrate.errors import Cause, PieceError
from backfiller.migrate.origin import Origin, fill
from backfiller.migrate.shelf import Origins, Shelf
from backfiller.mirror.joined import MOST_PARTS
from backfiller.mirror.objects import Sums, is_md5
from common.errors import SegmentError
from common.offload import offload
from common.segment import shown

log = logging.getLogger(__name__)

PART_BYTES = 8 * 1024 * 1024
NOTES = '.migrate/uploads/'
_MOST_NOTE_BYTES = 64 * 1024
_CONTENT_RANGE = re.compile(r'bytes ([0-9]{1,15})-([0-9]{1,15})/([0-9]{1,15})')


@dataclass(frozen=True)
class Source:
    """Something large on its server; `size_bytes` is None if nobody knows."""

    url: str
    size_bytes: int | None
    has_ranges: bool
    origins: Origins


class Large:
    """Sends large objects, and aborts what was left of others."""

    def __init__(self, origin: Origin, shelf: Shelf) -> None:
        self._origin = origin
        self._shelf = shelf
        self._calls = shelf.bucket.calls

    def sweep(self) -> int:
        """Aborts what a run before this one left open, as of the shelf's last look; returns how many."""
        notes = [key for key in self._shelf.sizes if key.startswith(NOTES)]
        return sum(map(self._swept, notes))

    def send(self, key: str, source: Source, headers: Mapping[str, str]) -> int:
        """Puts the whole object and returns its size. Raises PieceError, SegmentError or StoreError."""
        with ExitStack() as undo:
            upload_id = self._begun(key, source, headers)
            undo.callback(self._abort, key, upload_id)
            etags: list[str] = []
            size = 0
            for block in self._blocks(source):
                etags.append(self._put_part(key, upload_id, len(etags) + 1, block))
                size += len(block)
            self._calls.end_upload(key, upload_id, etags)
            undo.pop_all()
        self._forget(_note(key))
        self._confirm(key, size)
        self._shelf.sizes[key] = size
        return size

    def _begun(self, key: str, source: Source, headers: Mapping[str, str]) -> str:
        """A new upload, which is noted before and after: S3 may have begun one when we die in between."""
        others = self._calls.open_uploads(key)
        self._write(key, '', others)
        upload_id = self._calls.begin_upload(key, Metadata=source.origins.metadata(), **headers)
        self._write(key, upload_id, others)
        return upload_id

    def _blocks(self, source: Source) -> Iterator[bytes]:
        is_same = source.origins.etag or source.origins.modified
        if source.size_bytes and source.has_ranges and is_same:
            return self._ranges(source, source.size_bytes)
        return self._stream(source)

    def _ranges(self, source: Source, size_bytes: int) -> Iterator[bytes]:
        """Part by part, each of which may be asked for again."""
        for start in range(0, size_bytes, PART_BYTES):
            end = min(start + PART_BYTES, size_bytes)
            yield self._origin.trying(source.url, partial(self._range, source, start, end))

    def _range(self, source: Source, start: int, end: int) -> bytes:
        strong = source.origins.etag if not source.origins.etag.startswith('W/') else ''
        same = strong or source.origins.modified
        headers = {'Range': f'bytes={start}-{end - 1}', **({'If-Range': same} if same else {})}
        with self._origin.incoming(source.url, headers) as coming:
            said = _CONTENT_RANGE.fullmatch(coming.content_range)
            expected = (start, end - 1, source.size_bytes)
            is_same = source.origins.says_the_same(coming.etag, coming.modified)
            if not (is_same and said and tuple(map(int, said.groups())) == expected):
                raise PieceError(Cause.FAILING, f'{source.url} changed while it was read, or gives no ranges')
            buffer = memoryview(bytearray(end - start))
            if fill(coming.read, buffer) != len(buffer):
                raise PieceError(Cause.FAILING, f'{source.url} broke off')
            return bytes(buffer)

    def _stream(self, source: Source) -> Iterator[bytes]:
        """All of it at one go, from a server that cannot go on where it broke off."""
        with self._origin.incoming(source.url, {}) as coming:
            buffer, size = memoryview(bytearray(PART_BYTES)), 0
            while count := fill(coming.read, buffer):
                size += count
                yield bytes(buffer[:count])
        if coming.size_bytes not in (None, size):
            raise PieceError(Cause.FAILING, f'{source.url} broke off')

    def _put_part(self, key: str, upload_id: str, number: int, block: bytes) -> str:
        if number > MOST_PARTS:
            raise PieceError(Cause.REFUSED, f'{shown(key)} is larger than {MOST_PARTS} parts')
        sums = offload(Sums.of, block)
        etag = self._calls.put_part(key, upload_id, number, block, sums)
        if is_md5(etag) and etag != sums.md5 and not self._shelf.bucket.guarantees.checks_sha256:
            raise SegmentError('hash', f'{self._calls.url} stored part {number} of {key} damaged')
        return etag

    def _confirm(self, key: str, size_bytes: int) -> None:
        head = self._calls.head(key)
        if not head or head.size_bytes != size_bytes:
            raise SegmentError('hash', f'{self._calls.url}: {key} is not what was sent')

    def _swept(self, note: str) -> int:
        """How many uploads of a note were aborted; a note that cannot be read is left alone."""
        try:
            said = json.loads(self._calls.get(note, _MOST_NOTE_BYTES))
            key, upload_id, others = str(said['key']), str(said['upload_id']), list(said['others'])
        except (ValueError, KeyError, TypeError):
            log.warning('%s in the bucket cannot be read: look for uploads that were left open', note)
            return 0
        except SegmentError:
            return 0  # somebody else was faster
        left = [upload_id] if upload_id else [e for e in self._calls.open_uploads(key) if e not in others]
        for each in left:
            self._calls.abort_upload(key, each)
        self._forget(note)
        return len(left)

    def _abort(self, key: str, upload_id: str) -> None:
        with suppress(SegmentError):  # the note stays, and with it the next run's chance
            self._calls.abort_upload(key, upload_id)
            self._forget(_note(key))

    def _forget(self, note: str) -> None:
        with suppress(SegmentError):  # a store that lets nobody delete keeps it, which does no harm
            self._calls.delete(note)

    def _write(self, key: str, upload_id: str, others: list[str]) -> None:
        text = json.dumps({'key': key, 'upload_id': upload_id, 'others': others})
        self._calls.put(_note(key), text.encode(), ContentType='application/json')


def _note(key: str) -> str:
    return f'{NOTES}{hashlib.sha256(key.encode()).hexdigest()}'
