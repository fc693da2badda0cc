"""Time and repetition: when a pass runs again, and what happens when one fails.

The only broad `except` of the backfiller is here. A pass that fails is logged with its cause, counted, and
tried again after a growing delay; when it works again, that is logged too.
"""

import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from gevent.event import Event

from common.errors import SegmeshError
from common.times import iso, utc_now

log = logging.getLogger(__name__)

JITTER = 0.1


def jittered(seconds: float) -> float:
    """Up to a tenth more or less, so that nodes started together do not stay in step."""
    return seconds * random.uniform(1 - JITTER, 1 + JITTER)


@dataclass(frozen=True)
class LastError:
    """What went wrong last, and when."""

    time: datetime
    message: str


def told_error(error: LastError | None) -> dict[str, str] | None:
    """As it stands in /status; None if nothing went wrong."""
    return {'time': iso(error.time), 'message': error.message} if error else None


@dataclass
class Backoff:
    """Doubling delays up to a cap, with jitter (AWS Architecture Blog, "Exponential Backoff And Jitter")."""

    first_seconds: float
    most_seconds: float
    failures: int = 0

    def after_failure(self) -> float:
        """The delay before the next try."""
        delay: float = min(self.first_seconds * 2 ** min(self.failures, 30), self.most_seconds)
        self.failures += 1
        return delay * random.uniform(0.5, 1)

    def after_success(self) -> None:
        self.failures = 0


class Loop:
    """Runs a pass again and again; whoever started it ends it by killing its greenlet.

    `act` does one pass and returns the seconds until the next. `wake` ends a wait early. `on_surprise` hears
    of errors that nobody foresaw, `on_failure` of all.
    """

    def __init__(
        self,
        name: str,
        act: Callable[[], float],
        *,
        backoff: Backoff,
        on_failure: Callable[[Exception], None] = lambda _: None,
        on_surprise: Callable[[], object] = lambda: None,
        wake: Event | None = None,
    ) -> None:
        self.last_error: LastError | None = None
        self._name = name
        self._act = act
        self._backoff = backoff
        self._on_failure = on_failure
        self._on_surprise = on_surprise
        self._wake = wake or Event()
        self.is_troubled = False
        """Whether the last pass ended in an error that nobody foresaw."""

    def run(self) -> None:
        while True:
            self._wake.wait(self.turn())
            self._wake.clear()

    def turn(self) -> float:
        """One pass; returns the seconds to wait."""
        try:
            delay = self._act()
        except Exception as error:  # noqa: BLE001 (the one place that decides what an unexpected error means)
            return self._failed(error)
        self.is_troubled = False
        if self._backoff.failures:
            log.info('%s: recovered after %d failures', self._name, self._backoff.failures)
        self._backoff.after_success()
        return delay

    def _failed(self, error: Exception) -> float:
        delay = self._backoff.after_failure()
        self.last_error = LastError(utc_now(), str(error))
        self._on_failure(error)
        known = isinstance(error, SegmeshError)
        self.is_troubled = not known
        if not known:
            self._on_surprise()
        if self._backoff.failures == 1 or not known:
            log.warning('%s: %s; next try in %.1f s', self._name, error, delay, exc_info=not known)
        return delay


class Timer:
    """Whether something is due, by the monotonic clock; at first it is."""

    def __init__(self, interval_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._interval_seconds = interval_seconds
        self._clock = clock
        self._due_at = clock()

    def is_due(self) -> bool:
        return self._clock() >= self._due_at

    def restart(self) -> None:
        self._due_at = self._clock() + jittered(self._interval_seconds)

    def hasten(self, seconds: float) -> None:
        """Makes it due after this time at the latest."""
        self._due_at = min(self._due_at, self._clock() + seconds)

    def remaining_seconds(self) -> float:
        return max(0.0, self._due_at - self._clock())
