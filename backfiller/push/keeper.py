"""Pushing a folder again and again: woken by inotify where there is such a thing, and looking anyway."""

import logging
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import gevent
from gevent.event import Event
from gevent.socket import wait_read

from backfiller.loop import Backoff, Loop
from backfiller.push.folder import Folder
from backfiller.push.pusher import Pusher, PushResult
from common.errors import ListingError
from common.offload import offload

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
HASTY_SECONDS = 0.1
SHORTEST_SECONDS = 0.05
MOST_BACKOFF_SECONDS = 30.0


class PushKeeper:
    """Runs the pusher's passes over a folder."""

    def __init__(self, folder: Folder, pusher: Pusher) -> None:
        self._folder = folder
        self._pusher = pusher
        self._wake = Event()

    def run(self) -> None:
        """Goes on until killed."""
        backoff = Backoff(LOOK_SECONDS, MOST_BACKOFF_SECONDS)
        with self._woken():
            Loop('push', self._act, backoff=backoff, wake=self._wake).run()

    def run_to_the_end(self) -> list[str]:
        """Goes on until every media playlist has ended; returns what is left undone. Raises our errors."""
        with self._woken():
            while not (result := self._pusher.run()).ended:
                self._wake.wait(_rest_seconds(result))
                self._wake.clear()
        return list(result.undone)

    def _act(self) -> float:
        return _rest_seconds(self._pusher.run())

    @contextmanager
    def _woken(self) -> Iterator[None]:
        watching = gevent.spawn(_watch, self._folder, self._wake)
        try:
            yield
        finally:
            watching.kill()


def _rest_seconds(result: PushResult) -> float:
    return HASTY_SECONDS if result.hasty else LOOK_SECONDS


def _watch(folder: Folder, wake: Event) -> None:
    """Sets the event when a file in the folder is written or renamed, for as long as the system can tell."""
    try:
        from inotify_simple import INotify, flags
    except ImportError:
        return  # another system than Linux: looking has to do
    mask = flags.CLOSE_WRITE | flags.MOVED_TO | flags.CREATE | flags.ONLYDIR
    try:
        with closing(INotify(nonblocking=True)) as inotify:
            while True:
                for path in offload(folder.folders):
                    inotify.add_watch(path, mask)
                wake.set()
                _follow(inotify, flags, wake)
    except (OSError, ListingError) as error:
        log.info('changes are noticed by looking, not at once: %s', error)


def _follow(inotify: Any, flags: Any, wake: Event) -> None:
    """Returns when there is a new folder, or events were lost."""
    while True:
        wait_read(inotify.fileno())
        events = inotify.read(timeout=0)
        if any(mask & (flags.ISDIR | flags.Q_OVERFLOW) for _, mask, _, _ in events):
            return
        wake.set()
        gevent.sleep(SHORTEST_SECONDS)
