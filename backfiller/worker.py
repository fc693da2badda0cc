"""A native thread with a gevent hub of its own, for work that moves many bytes.

What runs there is ordinary cooperative code, deadlines included, but it takes hardly any of the main hub's
time: reading, hashing and writing let go of the interpreter while they last.
"""

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

import gevent
from gevent.event import Event
from gevent.threadpool import ThreadPool

T = TypeVar('T')

Emit = Callable[[T], None]
STOP_SECONDS = 5.0


class Worker(Generic[T]):
    """Runs one job at a time; its connections stay usable from job to job, because the thread is the same.

    The thread stays until the process ends: what belonged to a hub that is gone could not be freed safely.
    """

    def __init__(self) -> None:
        self._pool = ThreadPool(1)
        self._told = gevent.get_hub().NOT_ERROR  # whoever runs the job is told, so no traceback is needed
        self._running: tuple[Any, gevent.Greenlet[[Emit[T]], None]] | None = None

    def run(self, job: Callable[[Emit[T]], None]) -> Iterator[T]:
        """What the job emits, while it runs; raises what it raises. Ending the iteration ends the job."""
        told: deque[T] = deque()
        news, loop = Event(), gevent.get_hub().loop

        def emit(item: T) -> None:
            told.append(item)
            loop.run_callback_threadsafe(news.set)

        result = self._pool.spawn(self._inside, job, emit)
        result.rawlink(lambda _: news.set())
        try:
            while not result.ready() or told:
                news.wait()
                news.clear()
                while told:
                    yield told.popleft()
            result.get()
        finally:
            self.interrupt()
            result.wait(STOP_SECONDS)

    def interrupt(self) -> None:
        """Ends the job that runs, wherever it waits; from any thread."""
        running = self._running
        if running:
            hub, greenlet = running
            hub.loop.run_callback_threadsafe(greenlet.kill, gevent.GreenletExit, False)

    def _inside(self, job: Callable[[Emit[T]], None], emit: Emit[T]) -> None:
        hub = gevent.get_hub()
        hub.NOT_ERROR = self._told
        greenlet = gevent.spawn(job, emit)
        self._running = hub, greenlet
        try:
            greenlet.get()
        finally:
            self._running = None
