"""Files that appear whole or not at all, and stay once they appeared.

hidden O_EXCL temp on the same file system -> write -> fsync -> rename -> fsync the directory. Folders that
are missing are made before the rename, each durable in its parent. A failed fsync is never retried: what was
written is discarded and the error raised, because the kernel may have dropped the dirty pages (Rebello et
al., "Can Applications Recover from fsync Failures?", USENIX ATC 2020).

Files of a group take each step together: all are synced, all renamed, then each directory is synced once.
"""

import fcntl
import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import RawIOBase
from itertools import count, groupby
from pathlib import Path

TEMP_FOLDER = '.temp'
_NEW_FILE = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC


class FolderError(OSError):
    """The folder as a whole takes no files."""


class AtomicFolder:
    """The folder `root`, below which files appear atomically; made when the first one does.

    Without `sync` they do so without being on disk: whole after a crash of ours, but not after a power cut.
    """

    def __init__(self, root: Path, *, sync: bool = True) -> None:
        self._root = root
        self._temps = root / TEMP_FOLDER
        self.syncs = sync
        self._durable: set[tuple[int, int]] = set()
        self._has_root = False
        self._token = secrets.token_hex(8)
        self._numbers = count()

    @contextmanager
    def group(self) -> Iterator['Group']:
        """Files that appear together, at `commit`; those that did not by the end of the block never will."""
        group = Group(self)
        try:
            yield group
        finally:
            group.discard()

    def sweep(self) -> int:
        """Removes the temps that processes which are gone left behind; returns how many."""
        if self._temps.is_symlink() or not self._temps.is_dir():
            return 0
        swept = sum(_remove_if_stale(temp) for temp in self._temps.iterdir())
        with suppress(OSError):
            self._temps.rmdir()
        return swept

    def open_temp(self) -> tuple[str, RawIOBase]:
        """A new temp, locked for as long as it is open: a lock that can be taken marks a stale one."""
        self._make_root()
        while True:
            temp = f'{self._temps}/{self._token}-{next(self._numbers)}'
            try:
                handle = os.open(temp, _NEW_FILE, 0o644)
            except FileNotFoundError:  # at first, or a sweep in another process removed the empty folder
                self._temps.mkdir(exist_ok=True)
                continue
            fcntl.flock(handle, fcntl.LOCK_EX)
            if os.fstat(handle).st_nlink:
                return temp, os.fdopen(handle, 'wb', buffering=0)
            close(handle)  # a sweep came between open and lock

    @contextmanager
    def opened(self, folder: Path) -> Iterator[int]:
        """A handle of a folder in which files can appear; none from `root` down to it may be a link."""
        levels = len(folder.relative_to(self._root).parts)
        for level in reversed([folder, *folder.parents][:levels]):
            self._make_folder(level)
            if level.is_symlink():
                raise NotADirectoryError(f'{level} is a link, and has to be a folder')
        with open_folder(folder) as handle:
            yield handle

    def sync(self, handle: int) -> None:
        """Brings a file or a folder to disk."""
        if self.syncs:
            os.fsync(handle)

    def start_sync(self, handle: int) -> None:
        """Lets the system begin with what `sync` will wait for; the advice as such is worth nothing to us."""
        if self.syncs:
            os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)

    def _make_root(self) -> None:
        if self._has_root:
            return
        if self._temps.is_symlink():
            raise NotADirectoryError(f'{self._temps} is a link, and has to be a folder')
        for ancestor in reversed([path for path in self._root.parents if not path.exists()]):
            self._make_folder(ancestor)
        self._make_folder(self._root)
        self._has_root = True

    def _make_folder(self, folder: Path) -> None:
        """Makes the folder durable in its parent, also when a process that died made it a moment ago."""
        try:
            folder.mkdir()
        except FileExistsError:
            if not folder.is_dir():
                raise NotADirectoryError(f'{folder} is a file, and has to be a folder') from None
            if _identity(folder) in self._durable:
                return
        self._sync_folder(folder.parent)
        self._durable.add(_identity(folder))

    def _sync_folder(self, folder: Path) -> None:
        with open_folder(folder) as handle:
            self.sync(handle)


@dataclass(eq=False, slots=True)
class _Temp:
    """A file on its way: to appear in `folder` as `name`; `temp` is where it is until then, or empty."""

    folder: Path
    name: str
    temp: str
    file: RawIOBase
    error: OSError | None = None

    def appear(self, folder: int) -> None:
        """Renames it into its folder, of which this is a handle."""
        os.rename(self.temp, self.name, dst_dir_fd=folder)
        self.temp = ''

    def discard(self) -> None:
        """Closes it, and removes what has not appeared."""
        with suppress(OSError):
            self.file.close()
        if self.temp:
            with suppress(OSError):
                os.unlink(self.temp)  # noqa: PTH108 (a Path for each file is felt)


class Group:
    """Files that are written one by one and appear together."""

    def __init__(self, folder: AtomicFolder) -> None:
        self._folder = folder
        self._written: list[_Temp] = []

    def write(self, folder: Path, name: str, chunks: Iterable[bytes | memoryview]) -> int:
        """Writes a file that shall appear in the folder, and returns its size; an error leaves nothing of it.

        Raises FolderError if nothing can be written below the root at all, any other OSError if it is this
        file, and whatever the chunks raise.
        """
        temp = self._new_temp(folder, name)
        try:
            size = sum(_write(temp.file, chunk) for chunk in chunks)
            self._folder.start_sync(temp.file.fileno())
        except BaseException:
            temp.discard()
            raise
        self._written.append(temp)
        return size

    def commit(self) -> list[OSError | None]:
        """Lets all files written since the last commit appear, durably: what came of each, in order.

        Nothing is written outside the root: a folder on the way that is a symbolic link is an error of the
        files in it.
        """
        files = self._written
        try:
            for each in files if self._folder.syncs else ():
                with _noted(each):
                    self._folder.sync(each.file.fileno())
            sound = [each for each in files if not each.error]
            for folder, alike in groupby(sound, key=lambda each: each.folder):
                self._publish(folder, list(alike))
        finally:
            self.discard()
        return [each.error for each in files]

    def _new_temp(self, folder: Path, name: str) -> _Temp:
        try:
            return _Temp(folder, name, *self._folder.open_temp())
        except OSError as error:
            raise FolderError(error.errno, error.strerror or str(error), folder / name) from error

    def discard(self) -> None:
        """Removes what was written and has not appeared."""
        files, self._written = self._written, []
        for each in files:
            each.discard()

    def _publish(self, folder: Path, files: list[_Temp]) -> None:
        """Renames the files into their folder; if that cannot be made durable, new ones are gone again."""
        with _noted(*files), self._folder.opened(folder) as handle:
            new = [each.name for each in files if not _is_there(each.name, handle)]
            for each in files:
                with _noted(each):
                    each.appear(handle)
            try:
                self._folder.sync(handle)
            except OSError:
                for name in new:
                    (folder / name).unlink(missing_ok=True)
                raise


def _write(file: RawIOBase, chunk: bytes | memoryview) -> int:
    """All of the chunk, since the system may take a part of it at a time; returns its length."""
    written = file.write(chunk) or 0
    while written < len(chunk):
        written += file.write(chunk[written:]) or 0
    return written


def _is_there(name: str, folder: int) -> bool:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _identity(folder: Path) -> tuple[int, int]:
    """A folder that was deleted and made anew is another one, and not durable yet."""
    found = folder.stat()
    return found.st_dev, found.st_ino


@contextmanager
def _noted(*files: _Temp) -> Iterator[None]:
    """Keeps an OSError with the files that it is of."""
    try:
        yield
    except OSError as error:
        for each in files:
            each.error = each.error or error


def close(handle: int) -> None:
    """Closes a handle now: gevent's `os.close` would leave it to a hub, and a thread may have none."""
    os.closerange(handle, handle + 1)


@contextmanager
def open_folder(folder: Path) -> Iterator[int]:
    """The handle of a folder, open for the block."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield handle
    finally:
        close(handle)


def _remove_if_stale(temp: Path) -> bool:
    try:
        handle = os.open(temp, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        temp.unlink()
    except OSError:
        return False
    finally:
        close(handle)
    return True
