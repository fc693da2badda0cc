"""One process at a time deletes a copy of what a store holds: its own, or the one in its mirror.

Each of them looks first whether the other copy is whole. Were both to look before either deletes, nothing
might be left.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from common.atomic import close
from common.errors import ListingError

FOLDER = '.released'
"""In the store; whoever holds the lock on it is alone."""


@contextmanager
def alone(root: Path) -> Iterator[None]:
    """For the length of the block; raises BlockingIOError for another, ListingError if it cannot lock."""
    try:
        handle = _opened(root / FOLDER)
    except OSError as error:
        raise ListingError(f'cannot lock {root / FOLDER}: {error.strerror or error}') from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        close(handle)


def _opened(folder: Path) -> int:
    folder.mkdir(exist_ok=True)
    return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
