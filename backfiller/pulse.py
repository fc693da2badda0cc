"""How long a greenlet that is due has to wait for its turn: the health of the hub in one number."""

import time
from collections.abc import Callable

import gevent

BEAT_SECONDS = 0.1


class Pulse:
    """Tells, ten times a second, by how much a short sleep was too long, in seconds."""

    def __init__(self, tell: Callable[[float], None]) -> None:
        self._tell = tell

    def run(self) -> None:
        while True:
            started = time.perf_counter()
            gevent.sleep(BEAT_SECONDS)
            self._tell(max(0.0, time.perf_counter() - started - BEAT_SECONDS))
