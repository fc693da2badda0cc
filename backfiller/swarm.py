"""Several passes into one target at once: what they share, and how they are run."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import gevent
from gevent.event import Event
from gevent.lock import BoundedSemaphore
from gevent.pool import Pool

from backfiller.sync import Known
from common.place import Store
from common.segment import Hour, Segment

R = TypeVar('R')


class SharedWork:
    """The Work of concurrent passes into one target. Memory: only the hours that a pass is in."""

    def __init__(self, *, skip_twins: bool = False) -> None:
        self._skip_twins = skip_twins
        self._rooms: dict[Hour, _Room] = {}

    @contextmanager
    def visit(self, hour: Hour, target: Store) -> Iterator['_Visit']:
        room = self._rooms.setdefault(hour, _Room())
        room.visitors += 1
        try:
            with room.lock:
                room.known = room.known or Known(hour, target.names(hour), skip_twins=self._skip_twins)
            visit = _Visit(room.known, room.claims)
            try:
                yield visit
            finally:
                visit.end()
        finally:
            room.visitors -= 1
            if not room.visitors:
                del self._rooms[hour]


class _Room:
    """An hour that passes are in. Claims are by hash, so that twins are not fetched side by side."""

    def __init__(self) -> None:
        self.lock = BoundedSemaphore()
        self.known: Known | None = None
        self.visitors = 0
        self.claims: dict[str, Event] = {}


class _Visit:
    def __init__(self, known: Known, claims: dict[str, Event]) -> None:
        self.known = known
        self._claims = claims
        self._mine: set[str] = set()

    def claim(self, segment: Segment, *, wait: bool) -> bool:
        while claim := self._claims.get(segment.hash):
            if not wait or segment.hash in self._mine:
                return False
            claim.wait()
        self._claims[segment.hash] = Event()
        self._mine.add(segment.hash)
        return True

    def release(self, segment: Segment, *, held: bool) -> None:
        if held:
            self.known.add(segment)
        self._drop(segment.hash)

    def end(self) -> None:
        """Releases what an interrupted pass left claimed."""
        for content in list(self._mine):
            self._drop(content)

    def _drop(self, content: str) -> None:
        self._mine.discard(content)
        self._claims.pop(content).set()


def together(jobs: Sequence[Callable[[], R]], *, at_most: int | None = None) -> list[R]:
    """Runs the jobs side by side and returns their results in order.

    If a job raises, or the caller is killed, the others are killed before the error goes on.
    """
    pool, failed = Pool(at_most), Event()
    greenlets = []
    try:
        for job in jobs:
            greenlets.append(pool.spawn(job))
            greenlets[-1].link_exception(lambda _: failed.set())
            if failed.is_set():
                break
        gevent.joinall(greenlets, raise_error=True)
        return [greenlet.get() for greenlet in greenlets]
    finally:
        pool.kill()
