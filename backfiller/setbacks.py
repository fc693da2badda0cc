"""Segments that failed at a peer back off by themselves, so that they hold up nothing else."""

import time
from collections import OrderedDict
from collections.abc import Callable

from backfiller.loop import Backoff
from common.segment import Segment

MOST = 10_000
FIRST_SECONDS = 5.0
MOST_SECONDS = 3600.0


class Setbacks:
    """When each segment may be asked of each peer again. Of more than 10,000 the oldest are forgotten."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: OrderedDict[tuple[str, str], tuple[Backoff, float]] = OrderedDict()

    def note(self, peer: str, segment: Segment) -> None:
        """It failed once more."""
        backoff, _ = self._known.pop((peer, segment.path), (Backoff(FIRST_SECONDS, MOST_SECONDS), 0.0))
        self._known[peer, segment.path] = (backoff, self._clock() + backoff.after_failure())
        if len(self._known) > MOST:
            self._known.popitem(last=False)

    def forget(self, peer: str, segment: Segment) -> None:
        """It came."""
        self._known.pop((peer, segment.path), None)

    def has_failed(self, peer: str, segment: Segment) -> bool:
        """Whether it failed there, and did not come since."""
        return (peer, segment.path) in self._known

    def stands_back(self, peer: str, segment: Segment) -> bool:
        """Whether it is too early to ask again."""
        known = self._known.get((peer, segment.path))
        return known is not None and self._clock() < known[1]
