"""Tells at once what changed in a store, by inotify where there is such a thing.

It only wakes: whoever is woken looks, and whoever waits looks now and then all the same. Nothing is told of
old hours, of what other machines write to a shared disk, or while the system allows no more watches.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import gevent
from gevent.event import Event
from gevent.socket import wait_read

from common.errors import SourceError
from common.offload import offload
from common.segment import Hour

if TYPE_CHECKING:
    from common.watches import Seen, Watches

log = logging.getLogger(__name__)

SHORTEST_SECONDS = 0.02
"""Between two times of telling: events that come thick and fast are told together."""

IDLE_SECONDS = 60.0
ANEW_SECONDS = 1.0
REFUSED_SECONDS = 60.0


class Changes:
    """The changes of the store in the folder `root`, for any number of greenlets that wait for them."""

    def __init__(self, root: Path) -> None:
        self.at_once = False
        """Whether changes are being told now; else they have to be looked for."""
        self._root = root
        self._refused = ''
        self._waiting: dict[Event, Callable[[Hour], bool]] = {}

    @contextmanager
    def told_to(self, event: Event, concerns: Callable[[Hour], bool]) -> Iterator[None]:
        """Sets the event whenever the names of an hour that concerns it change, or anything may have.

        Clear it before looking: then no change goes unseen.
        """
        self._waiting[event] = concerns
        try:
            yield
        finally:
            del self._waiting[event]

    def tell_all(self) -> None:
        """Anything may have changed."""
        for event in self._waiting:
            event.set()

    def run(self) -> None:
        """Watches until killed, and again whenever it cannot."""
        while True:
            gevent.sleep(self._turn())

    def _turn(self) -> float:
        """Watches for as long as it is of use; returns the seconds after which to try again."""
        try:
            with closing(_watches(self._root)) as watches:
                if offload(watches.begin):
                    self._note_begun()
                    self._follow(watches)
        except SourceError as error:
            self._note_refused(str(error))
            return REFUSED_SECONDS
        finally:
            self.at_once = False
        return ANEW_SECONDS

    def _follow(self, watches: 'Watches') -> None:
        self.at_once = True
        self.tell_all()  # it may have happened before the watches were there
        while True:
            try:
                wait_read(watches.fileno(), IDLE_SECONDS)
            except TimeoutError:
                if not offload(watches.is_current):
                    return
                continue
            seen = watches.read()
            if seen.new and not seen.lost:
                offload(watches.add, seen.new)
            if self._tell(seen):
                gevent.sleep(SHORTEST_SECONDS)
            if seen.lost:
                return

    def _tell(self, seen: 'Seen') -> bool:
        """Returns whether there was anything to tell."""
        if seen.anything:
            self.tell_all()
            return True
        for event, concerns in self._waiting.items():
            if not event.is_set() and any(map(concerns, seen.hours)):
                event.set()
        return bool(seen.hours)

    def _note_begun(self) -> None:
        if self._refused:
            log.info('changes are noticed at once again')
        self._refused = ''

    def _note_refused(self, reason: str) -> None:
        if reason != self._refused:
            log.warning('changes are noticed by looking, not at once: %s', reason)
        self._refused = reason


def _watches(root: Path) -> 'Watches':
    """Imported late: other systems than Linux have nothing to import."""
    try:
        from common.watches import Watches
    except ImportError as error:
        raise SourceError('this system has no inotify') from error
    return Watches(root)
