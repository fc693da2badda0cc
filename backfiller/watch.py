"""Watching a peer: one idle request for each of its variants, answered when something changes there."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

import gevent

from backfiller.loop import Backoff, Loop
from backfiller.peer import Peer

log = logging.getLogger(__name__)

WAIT_SECONDS = 45
UNABLE_SECONDS = 600.0
"""A peer that cannot wait is asked again now and then, whether it has learnt it."""

LOOK_BACK = timedelta(hours=3)
VARIANTS_SECONDS = 2.0
SHORTEST_SECONDS = 0.25
"""Between two requests, however often something changes, or is said to."""


class Watch:
    """Calls `on_change` with a stream and a variant of the peer whenever the recent hours of these change.

    It does so for as long as the peer is able to tell.
    """

    def __init__(
        self, peer: Peer, clock: Callable[[], datetime], on_change: Callable[[str, str], None]
    ) -> None:
        self._peer = peer
        self._clock = clock
        self._on_change = on_change
        self._greenlets: dict[tuple[str, str], gevent.Greenlet[..., None]] = {}

    def run(self) -> None:
        """Watches each variant as the peer is found to have it, until killed."""
        try:
            while True:
                for variant in self._peer.variants - self._greenlets.keys():
                    self._greenlets[variant] = gevent.spawn(self._loop(*variant).run)
                gevent.sleep(VARIANTS_SECONDS)
        finally:
            gevent.killall(list(self._greenlets.values()))

    def _loop(self, stream: str, variant: str) -> Loop:
        known = ['']

        def look() -> float:
            since = (self._clock() - LOOK_BACK).replace(minute=0, second=0, microsecond=0)
            found = self._peer.await_change(stream, variant, since, known[0], WAIT_SECONDS)
            if found is None:
                return UNABLE_SECONDS
            if found != known[0]:  # at first too: something may have come since the last pass
                self._on_change(stream, variant)
            known[0] = found
            return SHORTEST_SECONDS

        name = f'watch {self._peer.url} {stream}/{variant}'
        return Loop(name, look, backoff=Backoff(2.0, 300.0))
