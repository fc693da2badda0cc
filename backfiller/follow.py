"""Following the peers: one worker for each, for as long as it is on the roster."""

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import gevent
from gevent.event import Event

from backfiller.backfill import Backfill, PassResult
from backfiller.loop import Backoff, Loop, Timer
from backfiller.peer import Peer
from common.errors import SourceError
from common.place import Scope

log = logging.getLogger(__name__)

RECENT = timedelta(hours=3)
ROSTER_SECONDS = 2.0
FIRST_RETRY_SECONDS = 2.0
MOST_RETRY_SECONDS = 300.0
OURSELVES_SECONDS = 3600.0


class Follower:
    """Passes over one peer: the recent hours, then all of them, then each at its interval or when asked."""

    def __init__(
        self,
        peer: Peer,
        backfill: Backfill,
        scope: Callable[[], Scope],
        *,
        own_id: str,
        recent_seconds: float,
        full_seconds: float,
    ) -> None:
        self.peer = peer
        self.id = ''
        self.last: PassResult | None = None
        self.last_success: datetime | None = None
        self.last_error = ''
        self.state = 'starting'
        self._backfill = backfill
        self._scope = scope
        self._own_id = own_id
        self._recent = Timer(recent_seconds)
        self._full = Timer(full_seconds)
        self._asked: deque[Scope] = deque(maxlen=100)
        self._wake = Event()
        self._loop = Loop(
            peer.url,
            self._act,
            backoff=Backoff(FIRST_RETRY_SECONDS, MOST_RETRY_SECONDS),
            on_failure=self._note_failure,
            wake=self._wake,
        )
        self._greenlet = gevent.spawn(self._loop.run)

    def ask(self, scope: Scope) -> None:
        """Starts a pass over the scope now, or right after the one that runs."""
        self._asked.append(scope)
        self._wake.set()

    def stop(self) -> None:
        self._greenlet.kill()

    def _act(self) -> float:
        self.id = self.id or self.peer.identity()
        if self.id == self._own_id:
            self.state = 'ourselves'
            return OURSELVES_SECONDS
        kind, scope = self._next()
        self.state = f'{kind} pass'
        self._finish(self._backfill.run(self.peer, scope, kind))
        return 0.0 if self._asked else min(self._recent.remaining_seconds(), self._full.remaining_seconds())

    def _next(self) -> tuple[str, Scope]:
        """What to look at: what was asked for, the recent hours, or everything."""
        scope = self._scope()
        if self._asked:
            return 'asked', self._asked.popleft()
        if self._recent.is_due():
            self._recent.restart()
            since = self._backfill.clock() - RECENT
            return 'recent', replace(scope, since=max(since, scope.since) if scope.since else since)
        self._full.restart()
        return 'full', scope

    def _finish(self, result: PassResult) -> None:
        self.last = result
        if result.fetched or not result.complete:
            log.info(
                '%s: %s pass: %d fetched, %d left', self.peer.url, result.kind, result.fetched, result.left
            )
        if result.error:
            raise result.error
        self.state = 'idle'
        if result.complete:
            self.last_success = self._backfill.clock()

    def _note_failure(self, error: Exception) -> None:
        self.state = 'backing off'
        self.last_error = str(error)
        if isinstance(error, SourceError):
            self.id = ''  # whoever answers next may be another node
        else:
            self._backfill.metrics.errors.labels('backfill').inc()


class Followers:
    """A Follower for each peer of the roster, as the roster changes."""

    def __init__(self, peers: Callable[[], list[str]], follow: Callable[[str], Follower]) -> None:
        self._peers = peers
        self._follow = follow
        self.by_url: dict[str, Follower] = {}

    def run(self) -> None:
        """Keeps up with the roster until killed, and takes the followers along."""
        try:
            while True:
                self._update()
                gevent.sleep(ROSTER_SECONDS)
        finally:
            for follower in self.by_url.values():
                follower.stop()

    def ask(self, scope: Scope) -> int:
        """Asks all for a pass now; returns how many were asked."""
        for follower in self.by_url.values():
            follower.ask(scope)
        return len(self.by_url)

    def _update(self) -> None:
        wanted = self._peers()
        for url in set(self.by_url) - set(wanted):
            log.info('%s left the roster', url)
            self.by_url.pop(url).stop()
        for url in wanted:
            if url not in self.by_url:
                self.by_url[url] = self._follow(url)
