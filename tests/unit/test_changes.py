"""What is told of a store's changes, by real inotify."""

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gevent
import pytest
from gevent.event import Event

from common import changes as module
from common import watches
from common.changes import Changes
from common.segment import Hour
from common.watches import MOST_FOLDERS, NEWEST_HOURS, Watches
from tests.kit.build import HOUR, Piece, fill, piece, run_of
from tests.kit.process import eventually

PIECES = run_of(5)
OTHER = piece(stream='yard')
USED_UP = 'inotify: this user may have no more watches (fs.inotify.max_user_watches)'
QUEUE = Path('/proc/sys/fs/inotify/max_queued_events')


class Listener:
    """Somebody who waits for changes, and the hours that were told meanwhile."""

    def __init__(self, changes: Changes) -> None:
        self.changes = changes
        self.hours: list[Hour] = []
        self.event = Event()

    def concerns(self, hour: Hour) -> bool:
        self.hours.append(hour)
        return True

    def is_told_in_the_end(self, path: Path, expected: Hour) -> bool:
        """Whether that hour is told of when the file is written again and again."""

        def is_told_now() -> bool:
            path.write_bytes(b'x')
            return self.event.wait(10) and not self.event.clear() and expected in self.hours

        return bool(eventually(is_told_now))

    def is_told(self, expected: Hour | None = None) -> bool:
        """Whether that hour is told, or anything, before ten seconds are over."""
        while self.event.wait(10):
            self.event.clear()
            if expected is None or expected in self.hours:
                self.hours.clear()
                return True
        return False


@contextmanager
def listening(root: Path) -> Iterator[Listener]:
    changes = Changes(root)
    listener = Listener(changes)
    watching = gevent.spawn(changes.run)
    try:
        with changes.told_to(listener.event, listener.concerns):
            yield listener
    finally:
        watching.kill()


@contextmanager
def watched(root: Path) -> Iterator[Listener]:
    """Somebody who was told that it began."""
    with listening(root) as listener:
        assert listener.is_told()
        yield listener


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ('ANEW_SECONDS', 'REFUSED_SECONDS', 'IDLE_SECONDS'):
        monkeypatch.setattr(module, name, 0.01)


def test_each_segment_is_told_with_its_hour(store: Path) -> None:
    with watched(fill(store, PIECES[:2])) as listener:
        for each in PIECES[2:]:
            fill(store, [each])
            assert listener.is_told(HOUR)
        (store / PIECES[0].path).unlink()
        assert listener.is_told(HOUR)
        (store / PIECES[1].path).rename(store / PIECES[0].path)
        assert listener.is_told(HOUR)


@pytest.mark.parametrize('new', [piece('2026-11-14T04:00:00'), piece(variant='480p'), OTHER])
def test_what_came_into_a_new_folder_before_it_was_watched_is_told(store: Path, new: Piece) -> None:
    with watched(fill(store, PIECES)) as listener:
        fill(store, [new])
        assert listener.is_told()
        (store / new.path).unlink()
        assert listener.is_told(new.hour)
        fill(store, [new])
        assert listener.is_told(new.hour)


def test_a_store_that_is_made_later_is_noticed(store: Path, quick: None) -> None:
    with listening(store) as listener:
        gevent.sleep(0)
        assert not listener.changes.at_once
        fill(store, PIECES)
        assert listener.is_told()
        assert listener.changes.at_once


def test_what_is_private_or_no_segment_is_not_told(store: Path, tmp_path: Path) -> None:
    elsewhere = fill(tmp_path / 'elsewhere', PIECES)
    with watched(fill(store, [PIECES[0], OTHER])) as listener:
        (store / HOUR.path / '.hidden').write_bytes(b'x')
        (store / HOUR.path / 'notes.txt').write_bytes(b'x')
        fill(store / '.temp', PIECES)
        (store / 'linked').symlink_to(elsewhere / 'bus')
        (store / 'bus/source/2026-11-14T09').symlink_to(elsewhere / HOUR.path)
        (elsewhere / PIECES[0].path).write_bytes(b'x')
        (store / OTHER.path).write_bytes(b'x')
        listener.event.wait(10)
        assert listener.hours == [OTHER.hour]


def test_when_events_were_missed_anything_may_have_changed(store: Path, quick: None) -> None:
    with watched(fill(store, PIECES)) as listener:
        for _ in range(int(QUEUE.read_text()) // 2 + 1):
            for each in PIECES[:2]:
                os.close(os.open(store / each.path, os.O_WRONLY))
        fill(store, [OTHER])
        assert listener.is_told()
        assert listener.hours == []
        assert listener.is_told_in_the_end(store / OTHER.path, OTHER.hour)


def test_another_folder_in_the_place_of_the_store_is_noticed(tmp_path: Path, quick: None) -> None:
    parent, store = tmp_path / 'parent', tmp_path / 'parent/store'
    parent.mkdir()
    with watched(fill(store, PIECES)) as listener:
        for moved in (store, parent):
            moved.rename(tmp_path / f'former {moved.name}')
            parent.mkdir(exist_ok=True)
            fill(store, [OTHER])
            assert listener.is_told()
            listener.hours.clear()
            assert listener.is_told_in_the_end(store / OTHER.path, OTHER.hour)


class UsedUp:
    """A system that has no watches left until `until` tries were made."""

    until = 3

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._inotify = _INotify(*args, **kwargs)
        self.close, self.fileno, self.read = self._inotify.close, self._inotify.fileno, self._inotify.read

    def add_watch(self, *args: Any) -> Any:
        UsedUp.until -= 1
        if UsedUp.until >= 0:
            raise OSError(errno.ENOSPC, 'No space left on device')
        return self._inotify.add_watch(*args)


_INotify: Any = watches.INotify


def test_without_watches_it_says_so_once_and_tries_again(
    store: Path, quick: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level('INFO')
    monkeypatch.setattr(watches, 'INotify', UsedUp)
    with watched(fill(store, PIECES)) as listener:
        assert listener.changes.at_once
    assert [each.message for each in caplog.records] == [
        f'changes are noticed by looking, not at once: {USED_UP}',
        'changes are noticed at once again',
    ]


def test_without_inotify_it_says_so_once(
    store: Path, quick: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, 'common.watches', None)
    with listening(fill(store, PIECES)) as listener:
        eventually(lambda: caplog.records)
        assert not listener.changes.at_once
    assert caplog.messages == ['changes are noticed by looking, not at once: this system has no inotify']


def test_no_instance_left_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(**_: Any) -> None:
        raise OSError(errno.EMFILE, 'Too many open files')

    monkeypatch.setattr(watches, 'INotify', refuse)
    with pytest.raises(watches.SourceError, match='inotify: this user may have no more of it'):
        Watches(tmp_path)


def hours(count: int) -> list[Piece]:
    return [piece(f'2026-11-{1 + n // 24:02}T{n % 24:02}:00:00') for n in range(count)]


@contextmanager
def begun(root: Path, **options: Any) -> Iterator[Watches]:
    found = Watches(root, **options)
    try:
        assert found.begin()
        yield found
    finally:
        found.close()


def changed(found: Watches, root: Path, pieces: list[Piece]) -> set[Hour]:
    """The hours that are told after each of the pieces was written again."""
    fill(root, pieces)
    return found.read().hours


def test_of_many_hours_the_newest_are_watched(store: Path) -> None:
    pieces = hours(100)
    with begun(fill(store, pieces)) as found:
        assert changed(found, store, pieces) == {each.hour for each in pieces[-NEWEST_HOURS:]}


def test_of_too_many_hours_the_quietest_is_let_go(store: Path) -> None:
    first, second, third, *more = hours(6)
    with begun(fill(store, [first, second, third]), most_hours=3) as found:
        assert changed(found, store, [first]) == {first.hour}
        for each in more[:2]:
            fill(store, [each])
            found.add(found.read().new)
        assert changed(found, store, [first, second, third, *more[:2]]) == {
            first.hour,
            *(each.hour for each in more[:2]),
        }


def test_more_folders_than_are_sensible_are_refused(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watches, 'MOST_FOLDERS', 2)
    assert MOST_FOLDERS > 2
    with (
        pytest.raises(watches.SourceError, match='more than 2 streams and variants'),
        begun(fill(store, PIECES)),
    ):
        pass
