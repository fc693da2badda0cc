"""Files that appear whole or not at all, and stay once they appeared.

hidden O_EXCL temp on the same file system -> write -> fsync -> rename -> fsync the directory and every
parent just made. A failed fsync is never retried: the temp is discarded and the error raised, because the
kernel may have dropped the dirty pages (Rebello et al., "Can Applications Recover from fsync Failures?",
USENIX ATC 2020).
"""

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

TEMP_FOLDER = '.temp'


@contextmanager
def atomic_file(root: Path, path: Path) -> Iterator[BinaryIO]:
    """A binary file to write; when the block ends without error it is at `path`, durably.

    `path` lies below `root`, whose hidden temp folder holds the file until then. Raises OSError, and
    NotADirectoryError if a folder on the way is a symbolic link: nothing is written outside `root`.
    """
    temp, file = _open_temp(root / TEMP_FOLDER)
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            made = _make_folders(root, path.parent)
            temp.rename(path)
    except BaseException:
        with suppress(OSError):
            temp.unlink()
        raise
    for folder in (path.parent, *made):
        _sync_folder(folder)


def sweep(root: Path) -> int:
    """Removes the temps that processes which are gone left behind; returns how many."""
    folder = root / TEMP_FOLDER
    if not folder.is_dir():
        return 0
    swept = sum(_remove_if_stale(temp) for temp in folder.iterdir())
    with suppress(OSError):
        folder.rmdir()
    return swept


def _open_temp(folder: Path) -> tuple[Path, BinaryIO]:
    """A new temp, locked for as long as it is open: a lock that can be taken marks a stale one."""
    while True:
        temp = folder / secrets.token_hex(16)
        try:
            handle = os.open(temp, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
        except FileNotFoundError:
            folder.mkdir(parents=True, exist_ok=True)
            continue
        fcntl.flock(handle, fcntl.LOCK_EX)
        if os.fstat(handle).st_nlink:
            return temp, os.fdopen(handle, 'wb')
        os.close(handle)  # a sweep in another process came between open and lock


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


def _make_folders(root: Path, folder: Path) -> list[Path]:
    """Makes what is missing from `root` down to `folder`; returns the parents of those made."""
    parents = []
    for level in reversed([folder, *folder.parents[: len(folder.relative_to(root).parts) - 1]]):
        try:
            level.mkdir()
            parents.append(level.parent)
        except FileExistsError:
            if level.is_symlink() or not level.is_dir():
                raise NotADirectoryError(f'{level} is a link or a file, and has to be a folder') from None
    return parents


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
