"""Requests that wait for a change (RFC 7240, `Prefer: wait=SECONDS`): a long poll that survives proxies."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from gevent.event import Event

T = TypeVar('T')

LONGEST_SECONDS = 50.0
"""Proxies give up on silent requests after a minute."""

LOOK_SECONDS = 0.25
MOST_WAITERS = 500

_WAIT = re.compile('(?:^|[,;\\s])wait=([0-9]{1,4})(?:$|[,;\\s])')


class Waiters:
    """The requests that wait; no more than 500, because each holds a connection."""

    def __init__(self, *, longest_seconds: float = LONGEST_SECONDS, most: int = MOST_WAITERS) -> None:
        self._longest_seconds = longest_seconds
        self._most = most
        self._waiting = 0
        self._released = Event()

    def release(self) -> None:
        """Lets all go, those who wait and those who come: the server is about to stop."""
        self._released.set()

    def wait(self, look: Callable[[], T], is_news: Callable[[T], bool], preference: str) -> tuple[T, int]:
        """What `look` finds when it is news or the time is up, and for how many seconds we agreed to wait."""
        found = look()
        agreed = int(min(asked_seconds(preference), self._longest_seconds))
        if is_news(found) or not agreed or self._waiting >= self._most:
            return found, agreed if self._waiting < self._most else 0
        with self._one_more():
            until = time.monotonic() + agreed
            while not is_news(found) and time.monotonic() < until and not self._released.wait(LOOK_SECONDS):
                found = look()
        return found, agreed

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
