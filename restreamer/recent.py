"""Answers that are remembered for a moment, and looked for once however many ask at the same time."""

import time
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

import gevent

K = TypeVar('K', bound=Hashable)
V = TypeVar('V')


class Recent(Generic[K, V]):
    """What `look` finds for a key, for `seconds`; of no more than `most` keys. Errors are not remembered."""

    def __init__(
        self,
        look: Callable[[K], V],
        seconds: float,
        *,
        most: int = 1000,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._look = look
        self._seconds = seconds
        self._most = most
        self._monotonic = monotonic
        self._known: dict[K, tuple[float, V]] = {}
        self._looking: dict[K, gevent.Greenlet[..., V]] = {}

    def get(self, key: K) -> V:
        """What is remembered, or what a look finds that was begun for whoever asked first."""
        known = self._known.get(key)
        if known and self._monotonic() < known[0]:
            return known[1]
        if key not in self._looking:
            self._looking[key] = gevent.spawn(self._find, key)
        return self._looking[key].get()

    def _find(self, key: K) -> V:
        try:
            found = self._look(key)
        finally:
            del self._looking[key]
        self._known.pop(key, None)  # so that the oldest stand first
        self._known[key] = (self._monotonic() + self._seconds, found)
        while len(self._known) > self._most:
            del self._known[next(iter(self._known))]
        return found
