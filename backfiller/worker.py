"""A native thread with a gevent hub of its own, for work that moves many bytes.

What runs there is ordinary cooperative code, deadlines included, but it takes hardly any of the main hub's
time: reading, hashing and writing let go of the interpreter while they last.
"""

from collections import deque
from collections.abc import Callable
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
        self._current: _Job[T] | None = None

    def run(self, act: Callable[[Emit[T]], None], tell: Emit[T]) -> None:
        """Does the job in the thread, and tells here what it emits; raises what it raises.

        Killing the caller ends the job, and tells what it emitted until then.
        """
        news, loop, emitted = Event(), gevent.get_hub().loop, deque[T]()

        def emit(item: T) -> None:
            emitted.append(item)
            loop.run_callback_threadsafe(news.set)

        job = self._current = _Job(act, emit)
        result = self._pool.spawn(job.run, self._told)
        result.rawlink(lambda _: news.set())
        try:
            while not result.ready():
                news.wait()
                news.clear()
                _tell_all(emitted, tell)
            result.get()
        finally:
            job.end()
            result.wait(STOP_SECONDS)
            _tell_all(emitted, tell)

    def is_busy(self) -> bool:
        """Whether a job runs that did not end when it was told to."""
        return self._current is not None and not self._current.has_ended

    def interrupt(self) -> None:
        """Ends the job that runs, wherever it waits."""
        if self._current:
            self._current.end()


class _Job(Generic[T]):
    """One job: `run` is called in the thread, `end` from anywhere, before or after that."""

    def __init__(self, act: Callable[[Emit[T]], None], emit: Emit[T]) -> None:
        self._act = act
        self._emit = emit
        self._is_over = False
        self.has_ended = False
        self._running: tuple[Any, gevent.Greenlet[[Emit[T]], None]] | None = None

    def run(self, told: tuple[type[BaseException], ...]) -> None:
        hub = gevent.get_hub()
        hub.NOT_ERROR = told
        greenlet = gevent.spawn(self._act, self._emit)
        self._running = hub, greenlet
        if self._is_over:
            greenlet.kill(block=False)
        try:
            greenlet.get()
        finally:
            self._running = None
            self.has_ended = True

    def end(self) -> None:
        self._is_over = True
        if running := self._running:
            hub, greenlet = running
            hub.loop.run_callback_threadsafe(greenlet.kill, gevent.GreenletExit, False)


def _tell_all(emitted: deque[T], tell: Emit[T]) -> None:
    while emitted:
        tell(emitted.popleft())
