"""Native threads with a gevent hub of their own, for work that moves many bytes.

What runs there is ordinary cooperative code, deadlines included, but it takes hardly any of the main hub's
time: reading, hashing and writing let go of the interpreter while they last. Jobs of one thread take turns
without a word to the interpreter, which threads that do the same would keep asking for.
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
A_LONG_TIME = 3600.0


class Worker(Generic[T]):
    """A thread that runs jobs side by side; connections stay usable from job to job.

    The thread stays until the process ends: what belonged to a hub that is gone could not be freed safely.
    """

    def __init__(self) -> None:
        self._pool = ThreadPool(1)
        self._hub = self._pool.apply(gevent.get_hub)
        self._pool.spawn(_stay)
        self._given_up: list[Job[T]] = []

    def job(self, act: Callable[[Emit[T]], None]) -> 'Job[T]':
        return Job(self._hub, act)

    def run(self, job: 'Job[T]', tell: Emit[T]) -> None:
        """Does the job in the thread, and tells here what it emits; raises what it raises.

        Killing the caller ends the job, and tells what it emitted until then.
        """
        self._hub.NOT_ERROR = gevent.get_hub().NOT_ERROR  # whoever runs a job is told of its error
        try:
            job.run(tell)
        finally:
            self._given_up += [] if job.has_ended else [job]

    def hangs(self) -> bool:
        """Whether a job did not end when it was told to: it hangs in the disk, and the thread with it."""
        self._given_up = [job for job in self._given_up if not job.has_ended]
        return bool(self._given_up)


class Job(Generic[T]):
    """Something to do in the thread of a worker, once."""

    def __init__(self, hub: Any, act: Callable[[Emit[T]], None]) -> None:
        self._hub = hub
        self._act = act
        self._is_over = False
        self._greenlet: gevent.Greenlet[[Emit[T]], None] | None = None
        self._error: BaseException | None = None
        self.has_ended = False

    def run(self, tell: Emit[T]) -> None:
        """See `Worker.run`."""
        news, ended, loop, emitted = Event(), Event(), gevent.get_hub().loop, deque[T]()

        def emit(item: T) -> None:
            emitted.append(item)
            loop.run_callback_threadsafe(news.set)

        def end() -> None:
            ended.set()
            news.set()

        self._in_thread(self._start, emit, lambda: loop.run_callback_threadsafe(end))
        try:
            while not ended.is_set():
                news.wait()
                news.clear()
                _tell_all(emitted, tell)
        finally:
            self.end()
            ended.wait(STOP_SECONDS)
            _tell_all(emitted, tell)
        if self._error:
            raise self._error

    def end(self) -> None:
        """Ends it, wherever it waits; from any thread, before it begins or when it is over too."""
        if not self.has_ended:
            self._is_over = True
            self._in_thread(self._kill)

    def _in_thread(self, act: Callable[..., None], *args: Any) -> None:
        self._hub.loop.run_callback_threadsafe(act, *args)

    def _start(self, emit: Emit[T], told: Callable[[], None]) -> None:
        def note_end(greenlet: 'gevent.Greenlet[..., None]') -> None:
            self._error = greenlet.exception
            self.has_ended = True
            told()

        self._greenlet = gevent.spawn(self._act, emit)
        self._greenlet.link(note_end)
        if self._is_over:
            self._kill()

    def _kill(self) -> None:
        if self._greenlet is not None:
            self._greenlet.kill(block=False)


def _stay() -> None:
    while True:
        gevent.sleep(A_LONG_TIME)


def _tell_all(emitted: deque[T], tell: Emit[T]) -> None:
    while emitted:
        tell(emitted.popleft())
