"""One computation for all who ask for the same thing while it runs."""

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

import gevent

T = TypeVar('T')


class Flights(Generic[T]):
    """What is being computed, by what was asked. It goes on to its end even if those who asked leave."""

    def __init__(self) -> None:
        self._running: dict[Hashable, gevent.Greenlet[[], T]] = {}

    def join(self, question: Hashable, compute: Callable[[], T]) -> T:
        """The answer, computed now or by whoever asked first; raises what computing it raises."""
        flight = self._running.get(question)
        if flight is None:
            flight = self._running[question] = gevent.spawn(compute)
            flight.link(lambda _: self._running.pop(question, None))
        return flight.get()
