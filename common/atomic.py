"""Files that appear whole or not at all, and stay once they appeared.

hidden O_EXCL temp on the same file system -> write -> fsync -> rename -> fsync the directory. Folders that
are missing are made before the rename, each durable in its parent. A failed fsync is never retried: what was
written is discarded and the error raised, because the kernel may have dropped the dirty pages (Rebello et
al., "Can Applications Recover from fsync Failures?", USENIX ATC 2020).
"""

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

TEMP_FOLDER = '.temp'


class FolderError(OSError):
    """The folder as a whole takes no files."""


class AtomicFolder:
    """The folder `root`, below which files appear atomically; made when the first one does."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._temps = root / TEMP_FOLDER
        self._durable: set[Path] = set()

    @contextmanager
    def file(self, path: Path) -> Iterator[BinaryIO]:
        """A binary file to write; when the block ends without error it is at `path`, durably.

        Raises FolderError if nothing can be written below `root` at all, any other OSError if it is this
        file, and NotADirectoryError if a folder on the way to it is a symbolic link: nothing is written
        outside `root`.
        """
        try:
            temp, file = self._open_temp()
        except OSError as error:
            raise FolderError(error.errno, error.strerror or str(error), str(self._root)) from error
        try:
            with file:
                yield file
                file.flush()
                os.fsync(file.fileno())
                self._make_folders(path.parent)
                _publish(temp, path)
        except BaseException:
            with suppress(OSError):
                temp.unlink()
            raise

    def sweep(self) -> int:
        """Removes the temps that processes which are gone left behind; returns how many."""
        if self._temps.is_symlink() or not self._temps.is_dir():
            return 0
        swept = sum(_remove_if_stale(temp) for temp in self._temps.iterdir())
        with suppress(OSError):
            self._temps.rmdir()
        return swept

    def _open_temp(self) -> tuple[Path, BinaryIO]:
        """A new temp, locked for as long as it is open: a lock that can be taken marks a stale one."""
        self._make_root()
        while True:
            self._temps.mkdir(exist_ok=True)
            temp = self._temps / secrets.token_hex(16)
            try:
                flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC
                handle = os.open(temp, flags, 0o644)
            except FileNotFoundError:
                continue  # a sweep in another process removed the empty folder
            fcntl.flock(handle, fcntl.LOCK_EX)
            if os.fstat(handle).st_nlink:
                return temp, os.fdopen(handle, 'wb')
            os.close(handle)  # a sweep came between open and lock

    def _make_folders(self, folder: Path) -> None:
        """Makes what is missing from `root` down to `folder`; none of them may be a link."""
        levels = len(folder.relative_to(self._root).parts)
        for level in reversed([folder, *folder.parents][:levels]):
            self._make_folder(level)
            if level.is_symlink():
                raise NotADirectoryError(f'{level} is a link, and has to be a folder')

    def _make_root(self) -> None:
        if self._root in self._durable:
            return
        if self._temps.is_symlink():
            raise NotADirectoryError(f'{self._temps} is a link, and has to be a folder')
        for ancestor in reversed([path for path in self._root.parents if not path.exists()]):
            self._make_folder(ancestor)
        self._make_folder(self._root)

    def _make_folder(self, folder: Path) -> None:
        """Makes the folder durable in its parent, also when a process that died made it a moment ago."""
        try:
            folder.mkdir()
        except FileExistsError:
            if not folder.is_dir():
                raise NotADirectoryError(f'{folder} is a file, and has to be a folder') from None
            if folder in self._durable:
                return
        _sync_folder(folder.parent)
        self._durable.add(folder)


def _publish(temp: Path, path: Path) -> None:
    """Renames, durably; if that cannot be promised, a file that was not there before is gone again."""
    was_there = path.exists()
    temp.rename(path)
    try:
        _sync_folder(path.parent)
    except OSError:
        if not was_there:
            path.unlink(missing_ok=True)
        raise


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
        os.close(handle)
    return True


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
