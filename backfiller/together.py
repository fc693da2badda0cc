"""Several jobs at once."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

import gevent
from gevent.event import Event
from gevent.pool import Pool

A = TypeVar('A')
R = TypeVar('R')


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


def each_of(items: Iterable[A], act: Callable[[A], R], *, at_most: int) -> Iterator[R]:
    """Acts on the items in their order, so many side by side, and yields the results as they come.

    If one raises, or the caller has enough, the others are killed before the error goes on.
    """
    pool = Pool(at_most)
    found = pool.imap_unordered(act, items, maxsize=at_most)
    try:
        yield from found
    finally:
        found.kill()  # first, or it would begin others
        pool.kill()
