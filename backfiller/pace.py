"""A cap on bytes a second, over all connections and threads together."""

import time
from collections.abc import Callable, Iterator

import gevent
from gevent.monkey import get_original

from common.place import Chunks

_Lock = get_original('threading', 'Lock')

Wait = Callable[[int], float]
"""Called with the length of each piece that came; waits if it has to, and says for how many seconds."""


class Pace:
    """Call it with each piece that came: it waits as long as the cap demands, and says for how long."""

    def __init__(
        self,
        bytes_per_second: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = gevent.sleep,
    ) -> None:
        self._bytes_per_second = bytes_per_second
        self._clock = clock
        self._sleep = sleep
        self._free_at = clock()
        self._lock = _Lock()  # of the system, since threads with hubs of their own share the cap

    def __call__(self, size_bytes: int) -> float:
        with self._lock:
            now = self._clock()
            self._free_at = max(self._free_at, now) + size_bytes / self._bytes_per_second
            delay = self._free_at - now
        self._sleep(delay)
        return delay


def paced(chunks: Chunks, pace: Wait) -> Iterator[bytes | memoryview]:
    """The chunks, no faster than the pace lets them."""
    for chunk in chunks:
        pace(len(chunk))
        yield chunk


def no_cap(_: int) -> float:
    return 0.0
