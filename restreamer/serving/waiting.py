"""Requests that wait for a change (RFC 7240, `Prefer: wait=SECONDS`): a long poll that survives proxies."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Generic, TypeVar
from weakref import WeakValueDictionary

import gevent
from gevent.event import Event
from gevent.lock import Semaphore

from common.changes import Changes
from common.segment import ONE_HOUR, Hour, hour_text

T = TypeVar('T')

LONGEST_SECONDS = 50.0
"""Proxies give up on silent requests after a minute."""

MOST_WAITERS = 500

RESCAN_SECONDS = 2.0
"""Changes are told at once; but not all of them, so we look all the same."""

LOOK_SECONDS = 0.25
"""Where changes are not told."""

SHORTEST_SECONDS = 0.05
MOST_SHARE = 0.2
"""So much of the time goes into looking, however much changes and however long a look takes."""

_WAIT = re.compile('(?:^|[,;\\s])wait=([0-9]{1,4})(?:$|[,;\\s])')


@dataclass(frozen=True)
class Question:
    """What is asked: the hours of a variant that come after the one named `after`, which may be empty."""

    stream: str
    variant: str
    after: str = ''

    @classmethod
    def since(cls, stream: str, variant: str, time: datetime | None) -> 'Question':
        """The hours that end after this time."""
        return cls(stream, variant, hour_text(time - ONE_HOUR) if time else '')

    def concerns(self, hour: Hour) -> bool:
        return hour.text > self.after and hour.stream == self.stream and hour.variant == self.variant


class Shared(Generic[T]):
    """Looks for one answer, one at a time: all who ask before a look begins share what it finds."""

    def __init__(self, look: Callable[[], T], rest_seconds: Callable[[float], float]) -> None:
        self._look = look
        self._rest_seconds = rest_seconds
        self._one_at_a_time = Semaphore()
        self._next: gevent.Greenlet[[], T] | None = None
        self._hurry = Event()
        self._rest_until = 0.0

    def look(self) -> T:
        """What a look finds that begins after this call, which is now or after the one that runs."""
        self._hurry.set()
        return self.look_soon()

    def look_soon(self) -> T:
        """The same, but not before the rest after the last look is over."""
        if self._next is None:
            self._next = gevent.spawn(self._look_next)
        return self._next.get()

    def _look_next(self) -> T:
        with self._one_at_a_time:
            self._hurry.wait(max(0.0, self._rest_until - time.monotonic()))
            self._hurry.clear()
            self._next = None
            started = time.monotonic()
            try:
                return self._look()
            finally:
                ended = time.monotonic()
                self._rest_until = ended + self._rest_seconds(ended - started)


class Waiters(Generic[T]):
    """The requests that wait; no more than 500, because each holds a connection."""

    def __init__(
        self,
        changes: Changes,
        look: Callable[[Question], T],
        *,
        longest_seconds: float = LONGEST_SECONDS,
        most: int = MOST_WAITERS,
    ) -> None:
        self._changes = changes
        self._look = look
        self._longest_seconds = longest_seconds
        self._most = most
        self._waiting = 0
        self._released = False
        self._shared: WeakValueDictionary[Question, Shared[T]] = WeakValueDictionary()

    def release(self) -> None:
        """Lets all go, those who wait and those who come: the server is about to stop."""
        self._released = True
        self._changes.tell_all()

    def wait(self, question: Question, is_news: Callable[[T], bool], preference: str) -> tuple[T, int]:
        """The answer when it is news or the time is up, and for how many seconds we agreed to wait."""
        shared = self._shared.setdefault(question, Shared(partial(self._look, question), self._rest_seconds))
        agreed = int(min(asked_seconds(preference), self._longest_seconds))
        told = Event()
        with self._changes.told_to(told, question.concerns):
            found = shared.look()
            if is_news(found) or not agreed or self._waiting >= self._most:
                return found, agreed if self._waiting < self._most else 0
            with self._one_more():
                return self._until_news(found, shared, told, is_news, agreed), agreed

    def _until_news(
        self, found: T, shared: Shared[T], told: Event, is_news: Callable[[T], bool], seconds: float
    ) -> T:
        until = time.monotonic() + seconds
        while not (self._released or is_news(found)) and (left := until - time.monotonic()) > 0:
            told.wait(min(left, RESCAN_SECONDS if self._changes.at_once else LOOK_SECONDS))
            told.clear()
            found = shared.look_soon()
        return found

    def _rest_seconds(self, look_seconds: float) -> float:
        """How long to rest after a look that took so long, while others look for other answers."""
        rest = look_seconds * len(self._shared) * (1 / MOST_SHARE - 1)
        return min(max(rest, SHORTEST_SECONDS), RESCAN_SECONDS)

    @contextmanager
    def _one_more(self) -> Iterator[None]:
        self._waiting += 1
        try:
            yield
        finally:
            self._waiting -= 1


def asked_seconds(preference: str) -> int:
    """The seconds of `wait=` in a Prefer header; 0 if there is none."""
    match = _WAIT.search(preference)
    return int(match[1]) if match else 0
