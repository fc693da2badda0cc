"""How much is asked of a server at once, which the server itself has a say in."""

from collections.abc import Iterator
from contextlib import contextmanager

from gevent.event import Event


class Crowd:
    """How many requests may be under way at once: half as many when a server says that it is too much.

    After as many successes one more is tried (additive increase, multiplicative decrease: Chiu, Jain 1989).
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.limit = float(most)
        self._busy = 0
        self._left = Event()

    @contextmanager
    def within(self) -> Iterator[None]:
        """Waits for room, and takes it for the length of the block."""
        while self._busy >= int(self.limit):
            self._left.wait()
        self._busy += 1
        try:
            yield
        finally:
            self._busy -= 1
            self._left.set()
            self._left.clear()

    def is_too_much(self) -> None:
        self.limit = max(1.0, self.limit / 2)

    def went_well(self) -> None:
        self.limit = min(float(self.most), self.limit + 1 / self.limit)
