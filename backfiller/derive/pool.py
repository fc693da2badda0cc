"""So many ffmpegs run at once in the whole process; streams that wait take turns."""

import os
from collections import OrderedDict, deque
from collections.abc import Iterator
from contextlib import contextmanager

from gevent.event import Event


def usual_size() -> int:
    """As many as there are processors for us, less the one that is left to all else; at least one."""
    allowed = os.sched_getaffinity(0) if hasattr(os, 'sched_getaffinity') else range(os.cpu_count() or 1)
    return max(1, len(allowed) - 1)


class Pool:
    """Room for `most` runs of `program` at once; 0 means the usual size."""

    def __init__(self, most: int = 0, program: str = 'ffmpeg') -> None:
        self.most = most or usual_size()
        self.program = program
        self._free = self.most
        self._waiting: OrderedDict[str, deque[Event]] = OrderedDict()

    @property
    def running(self) -> int:
        return self.most - self._free

    @contextmanager
    def turn(self, stream: str) -> Iterator[None]:
        """Waits for room. Whoever has waited longest of a stream comes first, and then the next stream."""
        self._wait(stream)
        try:
            yield
        finally:
            self._pass_on()

    def _wait(self, stream: str) -> None:
        if self._free:
            self._free -= 1
            return
        mine = Event()
        self._waiting.setdefault(stream, deque()).append(mine)
        is_ours = False
        try:
            is_ours = mine.wait()
        finally:
            if not is_ours:
                self._give_up(stream, mine)

    def _give_up(self, stream: str, mine: Event) -> None:
        """Who is killed while it waits may have been given its turn at that very moment."""
        if mine.is_set():
            self._pass_on()
            return
        self._waiting[stream].remove(mine)
        if not self._waiting[stream]:
            del self._waiting[stream]

    def _pass_on(self) -> None:
        if not self._waiting:
            self._free += 1
            return
        stream, queue = self._waiting.popitem(last=False)
        queue.popleft().set()
        if queue:
            self._waiting[stream] = queue  # behind all others
