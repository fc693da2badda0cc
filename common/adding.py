"""Adding segments to a store on disk: each checked as it is written, all of a group held at once."""

import errno
import time
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from common.atomic import FolderError, Group
from common.errors import SegmentError, StoreError
from common.place import Chunks, verified
from common.segment import Segment

MOST_SEGMENTS = 100
MOST_BYTES = 32 * 1024 * 1024
MOST_SECONDS = 0.25

_STORE_WIDE = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE, errno.ENFILE}


class Outcome(NamedTuple):
    """What came of adding a segment: it is held, unless there is an error."""

    segment: Segment
    size_bytes: int
    error: SegmentError | StoreError | None


class Adding:
    """Segments on their way into the store at `root`: written one by one, and held after `commit`."""

    def __init__(self, root: Path, group: Group, *, limit_bytes: int, one_by_one: bool) -> None:
        self._group = group
        self._limit_bytes = limit_bytes
        self._one_by_one = one_by_one
        self._written: list[tuple[Segment, int]] = []
        self._written_bytes = 0
        self._folder_of = lru_cache(maxsize=8)(lambda hour: root / hour.path)
        self._began = time.monotonic()

    def add(self, segment: Segment, chunks: Chunks) -> None:
        """Writes it; raises SegmentError if the chunks do or are not what the name says, or StoreError."""
        chunks = verified(segment, chunks, self._limit_bytes)
        try:
            size = self._group.write(self._folder_of(segment.hour), segment.name, chunks)
        except OSError as error:
            raise _error(segment, error) from error
        self._written.append((segment, size))
        self._written_bytes += size

    @property
    def is_due(self) -> bool:
        """Whether enough was written, or for long enough, that it should be held before more is."""
        return bool(self._written) and (
            self._one_by_one
            or len(self._written) >= MOST_SEGMENTS
            or self._written_bytes >= MOST_BYTES
            or time.monotonic() - self._began >= MOST_SECONDS
        )

    def commit(self) -> list[Outcome]:
        """Brings what was written to disk, under its names; says what came of each."""
        written, self._written, self._written_bytes = self._written, [], 0
        errors = self._group.commit()
        self._began = time.monotonic()
        return [
            Outcome(segment, size, _error(segment, error) if error else None)
            for (segment, size), error in zip(written, errors, strict=True)
        ]


def _error(segment: Segment, error: OSError) -> SegmentError | StoreError:
    if isinstance(error, FolderError) or error.errno in _STORE_WIDE:
        return StoreError(f'the store takes nothing: {error.strerror or error} (while adding {segment.path})')
    return SegmentError('unwritable', f'cannot store {segment.path}: {error.strerror or error}')
