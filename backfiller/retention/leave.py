"""Lets go of an hour on disk: its folder vanishes by one rename, and only then its files are deleted.

STORE/.released/STREAM/VARIANT/HOUR is where it goes. Deleted is only what was there when it was checked;
whatever came later is put back, and so is all that a process which died had not deleted yet: it is judged
anew. Whoever has a file open reads it to its end. All calls block.
"""

import os
import stat
from collections.abc import Set
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from common.alone import FOLDER, alone
from common.disk import Disk
from common.errors import ListingError
from common.segment import Hour, is_init, is_name, is_tombstone, tombstone_name


class Released(NamedTuple):
    """What was deleted with an hour; tombstones and init sections are no segments."""

    segments: int
    size_bytes: int


def let_go(root: Path, hour: Hour, checked: Set[str]) -> Released:
    """Deletes the hour, whose names were found to be `checked`, and what these tombstones withdrew.

    To be called by who is `alone`. Raises ListingError, and leaves the hour as it is, if anything else lies
    in it or a link leads to it.
    """
    folder, away = root / hour.path, root / FOLDER / hour.path
    try:
        _check(root, hour, checked)
        away.parent.mkdir(parents=True, exist_ok=True)
        folder.rename(away)
        released = _delete(away, checked)
        _put_back(away, folder)
        _tidy(away)
    except OSError as error:
        raise ListingError(f'cannot let go of {hour.path}: {error.strerror or error}') from error
    return released


def put_back(root: Path) -> int:
    """Puts back the hours that a process died over; returns how many. Does nothing while one is at it.

    Raises ListingError if that cannot be done: they stay where they are.
    """
    away = Disk(root / FOLDER)
    if not away.root.is_dir() or away.root.is_symlink():
        return 0
    try:
        with alone(root):
            left = list(away.hours())
            for hour in left:
                _put_back(away.root / hour.path, root / hour.path)
                _tidy(away.root / hour.path)
    except BlockingIOError:
        return 0
    except OSError as error:
        raise ListingError(f'cannot put back what is in {away.root}: {error.strerror or error}') from error
    return len(left)


def _check(root: Path, hour: Hour, checked: Set[str]) -> None:
    folder = root / hour.path
    for level in (folder, folder.parent, folder.parent.parent):
        if not stat.S_ISDIR(level.lstat().st_mode):
            raise ListingError(f'{level} is a link or no folder: left alone')
    with os.scandir(folder) as entries:
        for each in entries:
            if not (is_name(each.name) and each.is_file(follow_symlinks=False)):
                raise ListingError(f'{folder} holds {each.name!a}, which is no segment: the hour stays')
            if not _was_checked(each.name, checked):
                raise ListingError(f'{hour.path}/{each.name} came when the hour was to go: the hour stays')


def _was_checked(name: str, checked: Set[str]) -> bool:
    return name in checked or tombstone_name(name) in checked


def _delete(folder: Path, checked: Set[str]) -> Released:
    """Tombstones last: what they withdraw is not to come back if we die in between."""
    segments = size_bytes = 0
    for name in sorted(os.listdir(folder), key=is_tombstone):
        if _was_checked(name, checked):
            path = folder / name
            size_bytes += path.lstat().st_size
            segments += not (is_tombstone(name) or is_init(name))
            path.unlink()
    return Released(segments, size_bytes)


def _put_back(away: Path, folder: Path) -> None:
    """Nothing if it is empty. Whoever held the folder open may add to it until it is gone, so look again."""
    while True:
        try:
            return away.rmdir()
        except OSError:
            names = os.listdir(away)
            if not names:
                raise
        folder.mkdir(parents=True, exist_ok=True)
        for name in sorted(names, key=is_tombstone, reverse=True):
            (away / name).rename(folder / name)


def _tidy(away: Path) -> None:
    """Removes the folders above, as far as they are empty; the one that is locked stays."""
    for folder in (away.parent, away.parent.parent):
        with suppress(OSError):
            folder.rmdir()
