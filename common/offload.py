"""Keeps the gevent hub free: a store's blocking calls run in the hub's thread pool.

An `add` is handed over with all its bytes, so a greenlet that is killed while it waits leaves no half-done
work: the thread finishes the segment, or discards it, by itself.
"""

from collections.abc import Callable, Generator, Iterable, Iterator
from functools import partial
from typing import ParamSpec, TypeVar

import gevent

from common.disk import Disk
from common.place import EVERYTHING, Chunks, Scope, Troubles
from common.segment import Hour, Segment
from common.summaries import Summaries
from common.wire import HourSummary

P = ParamSpec('P')
R = TypeVar('R')

NO_BYTES = memoryview(b'')


def offload(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Calls the function in the thread pool; other greenlets run until it returns."""
    return gevent.get_hub().threadpool.apply(function, args, kwargs)


def read_ahead(blocks: Generator[memoryview]) -> Iterator[memoryview]:
    """The blocks of a generator that runs in the thread pool, always one block ahead."""
    pool = gevent.get_hub().threadpool
    coming = pool.spawn(next, blocks, NO_BYTES)
    try:
        while block := coming.get():
            coming = pool.spawn(next, blocks, NO_BYTES)
            yield block
    finally:
        coming.wait()
        blocks.close()


class OffloadedDisk:
    """A Disk whose every call leaves the hub free."""

    def __init__(self, disk: Disk) -> None:
        self.disk = disk
        self._summaries = Summaries(disk)

    def summaries(self, hours: Iterable[Hour]) -> dict[Hour, HourSummary]:
        return offload(self._summaries.of, list(hours))

    def hours(self, scope: Scope = EVERYTHING, troubles: Troubles | None = None) -> Iterable[Hour]:
        return offload(lambda: list(self.disk.hours(scope, troubles)))

    def state(self, hour: Hour) -> tuple[int, int] | None:
        return offload(self.disk.state, hour)

    def names(self, hour: Hour) -> set[str]:
        return offload(self.disk.names, hour)

    def sizes(self, hour: Hour) -> dict[str, int]:
        return offload(self.disk.sizes, hour)

    def read(self, segments: Iterable[Segment]) -> Iterator[tuple[Segment, Chunks]]:
        for segment in segments:
            yield segment, Blocks(partial(_blocks, self.disk, segment))

    def add(self, segment: Segment, chunks: Chunks) -> int:
        return offload(self.disk.add, segment, list(chunks))


class Blocks:
    """What a segment is made of, read in the thread pool by whoever iterates, or goes through it there."""

    def __init__(self, read: Callable[[], Chunks]) -> None:
        self._read = read

    def __iter__(self) -> Iterator[bytes | memoryview]:
        return iter(offload(lambda: list(self._read())))

    def through(self, function: Callable[[Chunks], R]) -> R:
        """What the function makes of the blocks, called where they are read."""
        return offload(lambda: function(self._read()))


def _blocks(disk: Disk, segment: Segment) -> Iterator[bytes | memoryview]:
    return (block for _, blocks in disk.read([segment]) for block in blocks)
