"""A total deadline: the one place where gevent.Timeout, a BaseException, exists."""

from collections.abc import Iterator
from contextlib import contextmanager

import gevent


class DeadlineError(Exception):
    """The block took too long."""


@contextmanager
def deadline(seconds: float, what: str) -> Iterator[None]:
    """Ends the block after this time with DeadlineError."""
    timer = gevent.Timeout.start_new(seconds)
    try:
        yield
    except gevent.Timeout as error:
        if error is not timer:
            raise
        raise DeadlineError(f'{what} gave no whole answer in time') from None
    finally:
        timer.close()
