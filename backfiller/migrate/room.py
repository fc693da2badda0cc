"""How many bytes may be in memory at once, over all that is on its way."""

from collections.abc import Iterator
from contextlib import contextmanager

from gevent.event import Event

MOST_BYTES = 64 * 1024 * 1024


class Room:
    """So much, of which each takes what it needs and waits until there is as much; nobody may need more."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._left = most_bytes
        self._given_back = Event()

    @contextmanager
    def of(self, size_bytes: int) -> Iterator[None]:
        while self._left < size_bytes:
            self._given_back.wait()
        self._left -= size_bytes
        try:
            yield
        finally:
            self._left += size_bytes
            self._given_back.set()
            self._given_back.clear()
