"""The store on disk as a place: STORE/STREAM/VARIANT/HOUR/NAME, interoperable exactly so.

Nothing that starts with a dot is listed, and symbolic links inside the store are never followed. All
calls block; services hand them to a thread pool (see `common.offload`).
"""

import errno
import os
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from io import FileIO
from itertools import groupby
from pathlib import Path

from common.adding import Adding
from common.atomic import AtomicFolder, close, open_folder
from common.errors import ListingError, SegmentError, StoreError
from common.place import EVERYTHING, MAX_SEGMENT_BYTES, Chunks, Scope, Troubles, collected
from common.segment import Hour, Segment, is_hour, is_label, is_name, tombstone_name, without_withdrawn

BLOCK_BYTES = 256 * 1024


class Disk:
    """A store in the folder `root`, which is made when the first segment is added.

    `durability` says when an added segment is safe from a power cut: `segment` by segment, `batch` by batch,
    or `none`, when the system gets round to it. Alone, a segment is a batch. Nothing is added while less than
    `reserve_bytes` are free on the file system.
    """

    def __init__(
        self,
        root: Path,
        *,
        limit_bytes: int = MAX_SEGMENT_BYTES,
        durability: str = 'batch',
        reserve_bytes: int = 0,
    ) -> None:
        self.root = root
        self._limit_bytes = limit_bytes
        self._reserve_bytes = reserve_bytes
        self._durability = durability
        self._folder = AtomicFolder(root, sync=durability != 'none')

    def streams(self) -> list[str]:
        """The names of the streams, sorted."""
        return self._folders('', is_label)

    def variants(self, stream: str) -> list[str]:
        """The names of the stream's variants, sorted."""
        return self._folders(stream, is_label)

    def hours_of(self, stream: str, variant: str) -> list[Hour]:
        """The hours of one variant, sorted."""
        texts = self._folders(f'{stream}/{variant}', is_hour)
        return [Hour(stream, variant, text) for text in texts]

    def hours(self, scope: Scope = EVERYTHING, troubles: Troubles | None = None) -> Iterator[Hour]:
        for stream in filter(scope.admits_stream, self.streams()):
            with collected(troubles):
                for variant in filter(scope.admits_variant, self.variants(stream)):
                    with collected(troubles):
                        yield from filter(scope.admits, self.hours_of(stream, variant))

    def state(self, hour: Hour) -> tuple[int, int] | None:
        """What changes when a name in the hour does: modification time in ns and inode; None if unknown."""
        try:
            found = os.lstat(self.root / hour.path)
        except OSError:
            return None
        return found.st_mtime_ns, found.st_ino

    def names(self, hour: Hour) -> set[str]:
        if self._leads_through_a_link(hour.path):
            return set()
        with _listing(self.root / hour.path):
            return without_withdrawn(_entries(self.root / hour.path))

    def sizes(self, hour: Hour) -> dict[str, int]:
        """The members of that hour with their sizes in bytes."""
        folder = self.root / hour.path
        with _listing(folder):
            return {name: (folder / name).stat().st_size for name in self.names(hour)}

    def path(self, segment: Segment) -> Path:
        return self.root / segment.path

    def sizes_of(self, hour: Hour, segments: Iterable[Segment]) -> dict[Segment, int]:
        """Those of the hour's segments that can be read, with their sizes in bytes."""
        if self._leads_through_a_link(hour.path):
            return {}
        folder = f'{self.root}/{hour.path}'
        sizes = ((segment, _size(folder, segment)) for segment in segments if not segment.withdrawal)
        return {segment: size for segment, size in sizes if size >= 0}

    def open(self, segment: Segment) -> FileIO:
        """The file of a segment that is held and not withdrawn; raises SegmentError."""
        if self._leads_through_a_link(segment.hour.path):
            raise SegmentError('missing', f'{segment.path} is not held: links are not followed')
        return self._open(segment)

    def _open(self, segment: Segment) -> FileIO:
        """As `open`, in a folder that is no link."""
        folder = f'{self.root}/{segment.hour.path}'
        try:
            if not segment.withdrawal and _is_there(f'{folder}/{tombstone_name(segment.name)}'):
                raise SegmentError('missing', f'{segment.path} was withdrawn')
            return _regular_file(f'{folder}/{segment.name}')
        except FileNotFoundError:
            raise SegmentError('missing', f'{segment.path} is not held') from None
        except OSError as error:
            raise SegmentError('unreadable', f'cannot open {segment.path}: {error.strerror}') from error

    def files(self, hour: Hour, segments: Iterable[Segment]) -> Iterator[tuple[Segment, FileIO]]:
        """The files of segments of the hour, each closed when the next is asked for; raises SegmentError."""
        open_one = self.open if self._leads_through_a_link(hour.path) else self._open
        for segment in segments:
            with open_one(segment) as file:
                yield segment, file

    def beginnings(self, hour: Hour, names: Iterable[str], size_bytes: int) -> Iterator[bytes]:
        """At most so many first bytes of each of the segments that `names` listed; b'' of what is gone."""
        if self._leads_through_a_link(hour.path):
            yield from (b'' for _ in names)
            return
        with _listing(self.root / hour.path), open_folder(self.root / hour.path) as folder:
            for name in names:
                yield _beginning(folder, name, size_bytes)

    def read(self, segments: Iterable[Segment]) -> Iterator[tuple[Segment, Chunks]]:
        for hour, group in groupby(segments, key=lambda each: each.hour):
            open_one = self.open if self._leads_through_a_link(hour.path) else self._open
            for segment in group:
                yield segment, self._blocks(segment, open_one)

    def add(self, segment: Segment, chunks: Chunks) -> int:
        with self.adding() as adding:
            adding.add(segment, chunks)
            (outcome,) = adding.commit()
        if outcome.error:
            raise outcome.error
        return outcome.size_bytes

    @contextmanager
    def adding(self) -> Iterator[Adding]:
        """Segments that are added together; those not committed by the end of the block are discarded.

        Raises StoreError if the reserve is reached.
        """
        self._check_reserve()
        one_by_one = self._durability == 'segment'
        with self._folder.group() as group:
            yield Adding(self.root, group, limit_bytes=self._limit_bytes, one_by_one=one_by_one)

    def free_bytes(self) -> int:
        """What is free on the store's file system, also before the store is there; raises StoreError."""
        there = next(folder for folder in (self.root, *self.root.absolute().parents) if folder.is_dir())
        try:
            return shutil.disk_usage(there).free
        except OSError as error:
            raise StoreError(f'cannot tell what is free below {there}: {error.strerror}') from error

    def sweep(self) -> int:
        """Removes stale temps; returns how many."""
        return self._folder.sweep()

    def _check_reserve(self) -> None:
        if self._reserve_bytes and (free := self.free_bytes()) < self._reserve_bytes:
            raise StoreError(
                f'nothing is added below {self.root} while {free} bytes are free: min_free keeps '
                f'{self._reserve_bytes} for others'
            )

    def _blocks(self, segment: Segment, open_one: Callable[[Segment], FileIO]) -> Iterator[bytes]:
        with open_one(segment) as file:
            size = os.fstat(file.fileno()).st_size
            if size > self._limit_bytes:
                raise SegmentError('size', f'{segment.path} has {size} bytes: more than is allowed')
            try:
                while block := file.read(min(size, BLOCK_BYTES)):
                    yield block
                    size -= len(block)
            except OSError as error:
                message = f'cannot read {segment.path}: {error.strerror}'
                raise SegmentError('unreadable', message) from error

    def _folders(self, relative: str, admits: Callable[[str], bool]) -> list[str]:
        if self._leads_through_a_link(relative):
            return []
        try:
            with os.scandir(self.root / relative) as entries:
                return sorted(e.name for e in entries if admits(e.name) and e.is_dir(follow_symlinks=False))
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise ListingError(f'cannot list {self.root / relative}: {error.strerror}') from error

    def _leads_through_a_link(self, relative: str) -> bool:
        path = str(self.root)
        for part in filter(None, relative.split('/')):
            path = f'{path}/{part}'
            if os.path.islink(path):  # noqa: PTH114 (a Path for each level of each segment is felt)
                return True
        return False


def _entries(folder: Path) -> list[str]:
    """The names of the segments and tombstones in an hour folder: plain files only."""
    try:
        with os.scandir(folder) as entries:
            return [
                each.name for each in entries if is_name(each.name) and each.is_file(follow_symlinks=False)
            ]
    except (FileNotFoundError, NotADirectoryError):
        return []


def _is_there(path: str) -> bool:
    return os.path.lexists(path)  # a Path for each segment is felt


def _size(folder: str, segment: Segment) -> int:
    """In bytes; negative if the segment is withdrawn, or no plain file."""
    if _is_there(f'{folder}/{tombstone_name(segment.name)}'):
        return -1
    try:
        found = os.lstat(f'{folder}/{segment.name}')
    except OSError:
        return -1
    return found.st_size if stat.S_ISREG(found.st_mode) else -1


def _beginning(folder: int, name: str, size_bytes: int) -> bytes:
    try:
        handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except OSError:
        return b''
    try:
        return os.read(handle, size_bytes)
    except OSError:
        return b''
    finally:
        close(handle)


def _regular_file(path: str) -> FileIO:
    """The file opened for reading; raises FileNotFoundError for what is no plain file, such as a pipe."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise (FileNotFoundError(path) if error.errno == errno.ELOOP else error) from None
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        close(handle)
        raise FileNotFoundError(path)
    return FileIO(handle, 'rb')


@contextmanager
def _listing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ListingError(f'cannot list {folder}: {error.strerror}') from error
