"""What is made of the hours of a store, remembered: a quiet hour costs one stat.

A folder's modification time changes whenever a name in it does. It is not trusted while it is young: a second
change within the clock's step would leave it as it is.
"""

import time
from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

from gevent.monkey import get_original

from common.disk import Disk
from common.segment import Hour

T = TypeVar('T')

_Lock = get_original('threading', 'Lock')

SETTLED_NS = 2_000_000_000


class _Known(NamedTuple, Generic[T]):
    state: tuple[int, int]
    value: T
    weight: int


class Remembered(Generic[T]):
    """The value of an hour, made again only where its folder changed.

    The values together weigh no more than `most`; those not asked for the longest are forgotten first. Calls
    from several threads may make a value twice, and do no other harm.
    """

    def __init__(
        self,
        disk: Disk,
        make: Callable[[Hour], T],
        *,
        most: int,
        weigh: Callable[[T], int] = lambda _: 1,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._disk = disk
        self._make = make
        self._most = most
        self._weigh = weigh
        self._clock_ns = clock_ns
        self._known: dict[Hour, _Known[T]] = {}
        self._weight = 0
        self._lock = _Lock()  # of the system, since calls come from several threads

    def of(self, hour: Hour) -> T:
        """The hour's value; raises what making it raises."""
        state = self._disk.state(hour)
        with self._lock:
            known = self._taken(hour)
            if known and state and known.state == state:
                return self._keep(hour, known)
        value = self._make(hour)
        if state and self._clock_ns() - state[0] > SETTLED_NS:
            made = _Known(state, value, self._weigh(value))
            with self._lock:
                return self._keep(hour, made)
        return value

    def _keep(self, hour: Hour, known: _Known[T]) -> T:
        """Keeps it as the one asked for last."""
        self._taken(hour)
        self._known[hour] = known
        self._weight += known.weight
        while self._weight > self._most and len(self._known) > 1:
            self._taken(next(iter(self._known)))
        return known.value

    def _taken(self, hour: Hour) -> _Known[T] | None:
        known = self._known.pop(hour, None)
        self._weight -= known.weight if known else 0
        return known
