"""An encoder's output folder: what lies in it, read without ever leaving it. All of it waits for the disk.

Links are not followed, neither to files nor to folders; the folder itself may be one.
"""

import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from common.atomic import close
from common.errors import ListingError, SegmentError
from common.place import MAX_SEGMENT_BYTES
from common.segment import shown

SUFFIX = '.m3u8'
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
_BLOCK_BYTES = 1024 * 1024


class State(NamedTuple):
    """By which a file is told from what it was before."""

    size: int
    mtime_ns: int
    inode: int


class Contents(NamedTuple):
    """The bytes of a file, their SHA-256 in hex, and what the file was when they were read."""

    body: bytes
    sha256: str
    state: State


class Found(NamedTuple):
    """The playlists in a folder by their paths, and those that cannot be taken."""

    states: dict[str, State]
    refused: dict[str, SegmentError]


class Folder:
    """The folder `root`; a file of more than `limit_bytes` is refused."""

    def __init__(self, root: Path, *, limit_bytes: int = MAX_SEGMENT_BYTES) -> None:
        self.root = root
        self._limit_bytes = limit_bytes

    def folders(self) -> list[Path]:
        """The folder itself and those below it."""
        return [Path(path) for path, _, _ in self._walk()]

    def playlists(self) -> Found:
        """The playlists in it; hidden ones are none. Raises ListingError."""
        states, refused = {}, {}
        for folder, _, names in self._walk():
            for name in names:
                if not name.endswith(SUFFIX) or name.startswith('.'):
                    continue
                path = os.path.relpath(f'{folder}/{name}', self.root)
                try:
                    states[path] = self.state(path)
                except SegmentError as error:
                    refused[path] = error
        return Found(states, refused)

    def state(self, path: str) -> State:
        """What the file is now; raises SegmentError."""
        with self._opened(path) as handle:
            return _state(handle)

    def read(self, path: str) -> Contents:
        """The whole file; raises SegmentError, `truncated` if it changes meanwhile."""
        with self._opened(path) as handle:
            before = _state(handle)
            if before.size > self._limit_bytes:
                raise SegmentError('size', f'{shown(path)} has {before.size} bytes: more than is allowed')
            body = _whole(handle, before.size)
            if _state(handle) != before or len(body) != before.size:
                raise SegmentError('truncated', f'{shown(path)} is still being written')
        return Contents(body, hashlib.sha256(body).hexdigest(), before)

    def read_part(self, path: str, offset: int, length: int) -> bytes:
        """So many bytes of a file that may be growing, or those that are there; raises SegmentError."""
        with self._opened(path) as handle:
            return os.pread(handle, min(length, self._limit_bytes), offset)

    def _walk(self) -> Iterator[tuple[str, list[str], list[str]]]:
        try:
            os.stat(self.root)  # noqa: PTH116 (else a folder that is gone would be an empty one)
            for folder, folders, names in os.walk(self.root):
                folders[:] = [each for each in folders if not each.startswith('.')]
                yield folder, folders, names
        except OSError as error:
            raise ListingError(f'cannot list {self.root}: {error.strerror}') from error

    @contextmanager
    def _opened(self, path: str) -> Iterator[int]:
        """A handle of a plain file, reached from the folder step by step; raises SegmentError."""
        handles: list[int] = []
        try:
            handles.append(os.open(self.root, _FOLDER))
            *folders, name = path.split('/')
            for folder in folders:
                handles.append(os.open(folder, _FOLDER | os.O_NOFOLLOW, dir_fd=handles[-1]))
            handles.append(os.open(name, _FILE, dir_fd=handles[-1]))
            if not stat.S_ISREG(os.fstat(handles[-1]).st_mode):
                raise SegmentError('refused', f'{shown(path)} is refused: it is no file')
            yield handles[-1]
        except OSError as error:
            raise _translated(path, error) from error
        finally:
            for handle in handles:
                close(handle)


def _state(handle: int) -> State:
    found = os.fstat(handle)
    return State(found.st_size, found.st_mtime_ns, found.st_ino)


def _whole(handle: int, size: int) -> bytes:
    blocks = []
    while size and (block := os.read(handle, min(size, _BLOCK_BYTES))):
        blocks.append(block)
        size -= len(block)
    return b''.join(blocks)


def _translated(path: str, error: OSError) -> SegmentError:
    if error.errno == errno.ENOENT:
        return SegmentError('missing', f'{shown(path)} is not there')
    if error.errno in (errno.ELOOP, errno.ENOTDIR):
        return SegmentError('refused', f'{shown(path)} is refused: links are not followed')
    return SegmentError('unreadable', f'cannot read {shown(path)}: {error.strerror}')
