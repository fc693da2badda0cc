"""What is watched of a store by inotify(7): the store, its streams and variants, and the hours that are busy.

A store may hold tens of thousands of hours, and the system allows so many watches. So of each variant only
the newest hours are watched, and those that are made later; of too many, the quietest is let go.
"""

import errno
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from inotify_simple import INotify, flags

from common.errors import SegmentError, SourceError
from common.segment import Hour, hour_start, is_label, is_name

NEWEST_HOURS = 6
MOST_HOURS = 3000
MOST_FOLDERS = 1000
"""Of streams and variants together: with the hours no more than half of what small systems allow a user."""

Folder = tuple[str, ...]
"""What leads from the store to a folder in it: stream, variant, hour, or the first of these, or nothing."""

_ALWAYS = flags.ONLYDIR | flags.MOVE_SELF
_IN_FOLDER = _ALWAYS | flags.CREATE | flags.DELETE | flags.MOVED_TO | flags.MOVED_FROM
_IN_HOUR = _ALWAYS | flags.CLOSE_WRITE | flags.DELETE | flags.MOVED_TO | flags.MOVED_FROM
_CAME = flags.CREATE | flags.MOVED_TO
_LOST = flags.Q_OVERFLOW | flags.UNMOUNT | flags.MOVE_SELF
_USED_UP = {errno.ENOSPC, errno.EMFILE, errno.ENFILE, errno.ENOMEM}
_HOUR_DEPTH = 3


@dataclass
class Seen:
    """What some events tell: hours whose names changed, folders that are new.

    When `lost`, events were missed or a folder was moved away with its watches: it has to begin anew.
    """

    hours: set[Hour] = field(default_factory=set)
    new: list[Folder] = field(default_factory=list)
    lost: bool = False

    @property
    def anything(self) -> bool:
        """Whether more may have changed than these hours."""
        return self.lost or any(len(folder) < _HOUR_DEPTH for folder in self.new)


class Watches:
    """The watches on one store, for one user at a time; `begin`, `add` and `is_current` wait for the disk.

    Raises SourceError where there is no inotify, or where the system allows no more of it.
    """

    def __init__(self, root: Path, *, most_hours: int = MOST_HOURS) -> None:
        self._root = root
        self._most_hours = most_hours
        self._identity: tuple[int, int] | None = None
        self._folders: dict[int, Folder] = {}
        self._hours: dict[int, Hour] = {}
        try:
            self._inotify = INotify(nonblocking=True)
        except OSError as error:
            raise SourceError(f'inotify: {_limit(error)}') from error

    def fileno(self) -> int:
        """What becomes readable when there are events."""
        number: int = self._inotify.fileno()
        return number

    def close(self) -> None:
        self._inotify.close()

    def begin(self) -> bool:
        """Watches the store; returns whether there is one."""
        self._identity = _identity(self._root)
        self._add(())
        return bool(self._folders)

    def is_current(self) -> bool:
        """Whether the store is still the folder that it was at first, and nothing was mounted over it."""
        return _identity(self._root) == self._identity

    def add(self, folders: Iterable[Folder]) -> None:
        """Watches these and what matters below them; what came into them before is for the caller to find."""
        for folder in folders:
            self._add(folder)

    def read(self) -> Seen:
        """What happened since the last call; does not block."""
        seen = Seen()
        for number, mask, _, name in self._inotify.read(timeout=0):
            if mask & _LOST:
                seen.lost = True
            elif mask & flags.IGNORED:
                self._hours.pop(number, None)
                seen.lost |= self._folders.pop(number, None) == ()
            elif number in self._hours:
                self._note_name(number, name, seen)
            elif number in self._folders and mask & flags.ISDIR:
                _note_folder((*self._folders[number], name), mask, seen)
        return seen

    def _note_name(self, number: int, name: str, seen: Seen) -> None:
        if is_name(name):
            hour = self._hours.pop(number)
            self._hours[number] = hour  # the last to be let go
            seen.hours.add(hour)

    def _add(self, folder: Folder) -> None:
        """Watches first and looks then, so that nothing is made in between."""
        if not self._watch(folder) or len(folder) == _HOUR_DEPTH:
            return
        below = sorted(_members(self._root, folder))
        for name in below[-NEWEST_HOURS:] if len(folder) == _HOUR_DEPTH - 1 else below:
            self._add((*folder, name))

    def _watch(self, folder: Folder) -> bool:
        """Returns whether it is watched; a folder that is gone, closed to us or a link by now is not."""
        is_hour = len(folder) == _HOUR_DEPTH
        mask = (_IN_HOUR if is_hour else _IN_FOLDER) | (flags.DONT_FOLLOW if folder else 0)
        try:
            number = self._inotify.add_watch(self._root.joinpath(*folder), mask)
        except OSError as error:
            if error.errno in _USED_UP:
                raise SourceError(f'inotify: {_limit(error)}') from error
            return False
        if is_hour:
            self._hours[number] = Hour(*folder)
        else:
            self._folders[number] = folder
        self._bound()
        return True

    def _bound(self) -> None:
        if len(self._folders) > MOST_FOLDERS:
            raise SourceError(f'the store has more than {MOST_FOLDERS} streams and variants')
        while len(self._hours) > self._most_hours:
            quietest = next(iter(self._hours))
            del self._hours[quietest]
            with suppress(OSError):  # the folder is gone, and its watch with it
                self._inotify.rm_watch(quietest)


def _note_folder(folder: Folder, mask: int, seen: Seen) -> None:
    if _is_member(folder):
        if len(folder) == _HOUR_DEPTH:
            seen.hours.add(Hour(*folder))
        if mask & _CAME:
            seen.new.append(folder)


def _is_member(folder: Folder) -> bool:
    """Whether the last part is a name for what lies so deep; hidden ones are not."""
    if len(folder) < _HOUR_DEPTH:
        return is_label(folder[-1])
    try:
        hour_start(folder[-1])
    except SegmentError:
        return False
    return True


def _members(root: Path, folder: Folder) -> Iterator[str]:
    try:
        with os.scandir(root.joinpath(*folder)) as entries:
            for each in entries:
                if _is_member((*folder, each.name)) and each.is_dir(follow_symlinks=False):
                    yield each.name
    except OSError:
        return  # whoever looks there will say why


def _identity(root: Path) -> tuple[int, int] | None:
    try:
        found = root.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _limit(error: OSError) -> str:
    """In words: the system speaks of space on the device, and of files, when it means these."""
    if error.errno == errno.ENOSPC:
        return 'this user may have no more watches (fs.inotify.max_user_watches)'
    if error.errno == errno.EMFILE:
        return 'this user may have no more of it (fs.inotify.max_user_instances)'
    return str(error.strerror)
