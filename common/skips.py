"""The journal of what an origin offered and nobody here took: which sequence numbers, and why.

    STORE/.skips/STREAM/VARIANT/YYYY-MM-DD.jsonl
    {"time": "2026-11-14T03:07:31Z", "sequence": 1120, "start": "2026-11-14T03:07:26Z", "duration": 2.0,
     "cause": "404"}      (in one line)

Each number stands there once; `count` is there if the line speaks of a longer run of numbers. Files are only
appended to, a line at a time, so that a process that is killed leaves a torn last line at worst, which is
passed over. They are hidden: nothing lists or serves them. Of each variant so many days and so much of a day
are kept.
"""

import errno
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from common.atomic import close
from common.errors import ListingError, StoreError, UsageError
from common.segment import check_label
from common.times import iso, parse_time

FOLDER = '.skips'
MOST_DAYS = 400
MOST_BYTES = 16 * 1024 * 1024
"""Of a day: 150,000 lines, more than there are seconds."""

_SUFFIX = '.jsonl'
_LATEST = datetime.max.replace(tzinfo=UTC)
_APPEND = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Skip:
    """One sequence number, or `count` of them from `sequence` on, that was not taken.

    `start` and `duration` are None where they are not known; `cause` is one word, such as `gone` or `404`.
    """

    sequence: int
    cause: str
    start: datetime | None = None
    duration: timedelta | None = None
    count: int = 1


@dataclass(frozen=True, slots=True)
class Noted:
    """A skip, and when it was noted."""

    time: datetime
    skip: Skip


class Skips:
    """The journals of one store, in the folder `root`; all calls wait for the disk."""

    def __init__(self, root: Path, *, most_bytes: int = MOST_BYTES, most_days: int = MOST_DAYS) -> None:
        self._root = root
        self._most_bytes = most_bytes
        self._most_days = most_days

    def append(self, stream: str, variant: str, skips: Iterable[Skip], now: datetime) -> None:
        """Notes them; what a full day has no room for is dropped. Raises StoreError."""
        lines = b''.join(_line(skip, now) for skip in skips)
        folder = self._folder(stream, variant)
        path = folder / f'{now.astimezone(UTC):%Y-%m-%d}{_SUFFIX}'
        try:
            is_new = not path.exists()
            folder.mkdir(parents=True, exist_ok=True)
            self._write(path, lines)
        except OSError as error:
            raise StoreError(f'cannot note in {path} what was skipped: {error.strerror}') from error
        if is_new:
            self._let_go(folder)

    def read(self, stream: str, variant: str, since: date | None = None) -> Iterator[Noted]:
        """What was noted, from that day on, in the order of noting; raises ListingError."""
        for path in self._files(self._folder(stream, variant)):
            if since is None or path.name >= since.isoformat():
                yield from _read(path)

    def _folder(self, stream: str, variant: str) -> Path:
        return self._root / FOLDER / check_label('stream', stream) / check_label('variant', variant)

    def _write(self, path: Path, lines: bytes) -> None:
        """In one piece, on a line of its own even if the last one is torn."""
        handle = os.open(path, _APPEND, 0o644)
        try:
            size = os.fstat(handle).st_size
            is_torn = size > 0 and os.pread(handle, 1, size - 1) != b'\n'
            if size + len(lines) <= self._most_bytes:
                _write_whole(handle, b'\n' * is_torn + lines, size)
        finally:
            close(handle)

    def _files(self, folder: Path) -> list[Path]:
        """From the oldest day to the newest."""
        try:
            return sorted(path for path in folder.iterdir() if path.name.endswith(_SUFFIX))
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise ListingError(f'cannot list {folder}: {error.strerror}') from error

    def _let_go(self, folder: Path) -> None:
        for path in self._files(folder)[: -self._most_days]:
            with suppress(OSError):
                path.unlink()


def _write_whole(handle: int, lines: bytes, size: int) -> None:
    """All of it or nothing: a disk that runs full takes the beginning, and says nothing."""
    if os.write(handle, lines) < len(lines):
        os.ftruncate(handle, size)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _line(skip: Skip, now: datetime) -> bytes:
    fields: dict[str, Any] = {
        'time': iso(now),
        'sequence': skip.sequence,
        'start': skip.start and iso(skip.start),
        'duration': None if skip.duration is None else skip.duration.total_seconds(),
        'cause': skip.cause,
    }
    if skip.count != 1:
        fields['count'] = skip.count
    return json.dumps(fields).encode() + b'\n'


def _read(path: Path) -> Iterator[Noted]:
    try:
        with path.open('rb') as file:
            for line in file:
                with suppress(ValueError, KeyError, TypeError, AttributeError, OverflowError, UsageError):
                    yield _noted(json.loads(line))
    except OSError as error:
        raise ListingError(f'cannot read {path}: {error.strerror}') from error


def _noted(fields: dict[str, Any]) -> Noted:
    """Raises ValueError, KeyError, TypeError, AttributeError, OverflowError or UsageError if it is none."""
    start, seconds = fields['start'], fields['duration']
    skip = Skip(
        int(fields['sequence']),
        str(fields['cause']),
        parse_time(start) if start is not None else None,
        timedelta(seconds=seconds) if seconds is not None else None,
        int(fields.get('count', 1)),
    )
    if skip.start and skip.duration and skip.start > _LATEST - skip.duration:
        raise OverflowError(start)
    return Noted(parse_time(fields['time']), skip)
