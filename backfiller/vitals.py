"""Watching a restreamer: whether it is ready, and how quickly it lists."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from itertools import cycle, islice

from backfiller.client import Client, FetchError, told
from backfiller.loop import Backoff, Loop, jittered
from backfiller.metrics import Metrics
from common import wire

OWN_SECONDS = 15.0
PEER_SECONDS = 90.0
"""Seldom, and one request at a time, so that watching a peer costs less than waiting for its changes."""

_LIMIT_BYTES = wire.MAX_LISTING_BYTES


@dataclass(frozen=True)
class Sign:
    """How a restreamer answered; seconds are None where it did not."""

    time: datetime
    ready: bool
    readyz_seconds: float | None
    listing_seconds: float | None
    error: str


class Vitals:
    """Looks at the restreamer behind a URL now and then, for as long as it runs."""

    def __init__(
        self,
        url: str,
        client: Client,
        metrics: Metrics,
        clock: Callable[[], datetime],
        *,
        look_seconds: float,
    ) -> None:
        self.url = url
        self.last: Sign | None = None
        self._client = client
        self._metrics = metrics
        self._clock = clock
        self._look_seconds = look_seconds
        self._paths = cycle(('/readyz', wire.streams_path()))
        self._answers: dict[str, tuple[float | None, str]] = {}

    def run(self) -> None:
        backoff = Backoff(self._look_seconds, self._look_seconds)
        try:
            Loop(f'watch {self.url}', self.look, backoff=backoff).run()
        finally:
            self._client.close()

    def look(self) -> float:
        """Asks for both things at first, and then in turn; returns when to ask again."""
        for path in islice(self._paths, 1 if self._answers else 2):
            self._answers[path] = self._timed(path)
        (ready, trouble), (listing, other_trouble) = self._answers.values()
        error = trouble or other_trouble
        self.last = Sign(self._clock(), not error, ready, listing, error)
        self._metrics.roster.watched(self.url, not error, {'readyz': ready, 'listing': listing})
        return jittered(self._look_seconds)

    def _timed(self, path: str) -> tuple[float | None, str]:
        """The seconds that a good answer took, or why it was none."""
        started = time.perf_counter()
        try:
            reply = self._client.get(self.url + path, limit_bytes=_LIMIT_BYTES, encoding='gzip')
        except FetchError as error:
            return None, str(error)
        if reply.status == 404 and path == '/readyz':
            return None, ''  # a peer of the plain protocol may have none
        if reply.status != 200:
            return None, told(reply.url, reply.status)
        return time.perf_counter() - started, ''
