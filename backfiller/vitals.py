"""Watching a restreamer: whether it is ready, and how quickly it lists."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from backfiller.client import Client, FetchError
from backfiller.loop import Backoff, Loop, jittered
from backfiller.metrics import Metrics
from common import wire

LOOK_SECONDS = 60.0
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

    def __init__(self, url: str, client: Client, metrics: Metrics, clock: Callable[[], datetime]) -> None:
        self.url = url
        self.last: Sign | None = None
        self._client = client
        self._metrics = metrics
        self._clock = clock

    def run(self) -> None:
        backoff = Backoff(LOOK_SECONDS, LOOK_SECONDS)
        try:
            Loop(f'watch {self.url}', self.look, backoff=backoff, on_failure=lambda _: None).run()
        finally:
            self._client.close()

    def look(self) -> float:
        """Asks once; returns when to ask again."""
        ready, trouble = self._timed('/readyz')
        listing, other_trouble = self._timed(wire.streams_path())
        error = trouble or other_trouble
        self.last = Sign(self._clock(), not error, ready, listing, error)
        self._metrics.roster.watched(self.url, not error, {'readyz': ready, 'listing': listing})
        return jittered(LOOK_SECONDS)

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
            return None, f'{reply.url} answered {reply.status}'
        return time.perf_counter() - started, ''
