"""Following the peers: one worker for each, for as long as it is on the roster."""

import logging
from collections import deque
from collections.abc import Callable
from datetime import timedelta

import gevent
from gevent.event import Event

from backfiller.backfill import Backfill
from backfiller.loop import Backoff, Loop, Timer
from backfiller.passes import Passes
from backfiller.peer import Peer
from backfiller.vitals import Vitals
from backfiller.watch import Watch
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
        vitals: Vitals,
        own_id: str,
        recent_seconds: float,
        full_seconds: float,
    ) -> None:
        self.peer = peer
        self.vitals = vitals
        self.id = ''
        self.passes = Passes(backfill.clock)
        self.state = 'starting'
        self._backfill = backfill
        self._scope = scope
        self._own_id = own_id
        self._recent = Timer(recent_seconds)
        self._full = Timer(full_seconds)
        self._has_seen_all = False
        self._asked: deque[Scope] = deque(maxlen=100)
        self._wake = Event()
        self._greenlets: list[gevent.Greenlet[..., None]] = []
        self.loop = Loop(
            peer.url,
            self._act,
            backoff=Backoff(FIRST_RETRY_SECONDS, MOST_RETRY_SECONDS),
            on_failure=self._note_failure,
            on_surprise=backfill.metrics.errors.labels('backfill').inc,
            wake=self._wake,
        )

    def start(self) -> None:
        watch = Watch(self.peer, self._backfill.clock, self.look_soon)
        self._greenlets = [gevent.spawn(run) for run in (self.loop.run, watch.run, self.vitals.run)]
        self._backfill.metrics.roster.follow(self.peer.url, self.passes.behind_seconds, self.queued)

    def stop(self) -> None:
        gevent.killall(self._greenlets)
        self._backfill.swarm.forget(self.peer)
        self.peer.close()
        self._backfill.metrics.roster.unfollow(self.peer.url)

    def queued(self) -> int:
        """How many of the peer's segments we know to lack right now."""
        return self._backfill.swarm.plan.outstanding(self.peer.url)

    @property
    def has_told(self) -> bool:
        """Whether the peer had its first chance: all that it has was looked at, or it does not answer."""
        return self._has_seen_all or self.state in ('backing off', 'ourselves')

    def look_soon(self, stream: str, variant: str) -> None:
        """Something changed at the peer: we look when it is no longer left to our own capture."""
        self._recent.hasten(self._backfill.patience_seconds(stream, variant))
        self._wake.set()

    def ask(self, scope: Scope) -> None:
        """Starts a pass over the scope now, or right after the one that runs."""
        self._asked.append(scope)
        self._wake.set()

    def _act(self) -> float:
        if self._is_ourselves():
            return OURSELVES_SECONDS
        if kind := self._due():
            result = self._backfill.run(self.peer, self._scope_of(kind), kind)
            self.passes.note(result)
            self._done(kind)
            if result.young:
                self._recent.hasten(self._backfill.cutoff.total_seconds())
        self.state = 'idle'
        return 0.0 if self._asked else min(self._recent.remaining_seconds(), self._full.remaining_seconds())

    def _is_ourselves(self) -> bool:
        if not self.id:
            self.id = self.peer.identity()
            if self.id == self._own_id:
                log.info('%s is this node itself: nothing is fetched from it', self.peer.url)
        if self.id != self._own_id:
            return False
        self.state = 'ourselves'
        return True

    def _due(self) -> str:
        """What to look at now: what was asked for, the recent hours, everything, or nothing."""
        if self._asked:
            return 'asked'
        recent, full = self._recent.is_due(), self._full.is_due()
        if recent and not (full and self._has_just_seen_recent()):
            return 'recent'
        return 'full' if full else ''

    def _has_just_seen_recent(self) -> bool:
        """So that a peer that changes all the time does not put off the full pass for ever."""
        last = self.passes.last
        return last is not None and last.kind == 'recent' and not last.error

    def _scope_of(self, kind: str) -> Scope:
        self.state = f'{kind} pass'
        scope = self._scope()
        if kind == 'asked':
            return self._asked[0].within(scope)
        return scope.within(Scope(since=self._backfill.clock() - RECENT)) if kind == 'recent' else scope

    def _done(self, kind: str) -> None:
        """Not before a pass without an error: one that failed is still due."""
        if kind == 'asked':
            self._asked.popleft()
        elif kind == 'recent':
            self._recent.restart()
        else:
            self._full.restart()
            self._has_seen_all = True

    def _note_failure(self, error: Exception) -> None:
        self.state = 'backing off'
        if isinstance(error, SourceError):
            self.id = ''  # whoever answers next may be another node
            self._full.hasten(0)  # and may have changed all its hours


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

    def live_peers(self) -> list[Peer]:
        """Those that answer, less ourselves."""
        return [each.peer for each in self.by_url.values() if each.state not in ('backing off', 'ourselves')]

    def have_told(self) -> bool:
        """Whether all peers of the roster had their first chance."""
        return all(url in self.by_url and self.by_url[url].has_told for url in self._peers())

    def _update(self) -> None:
        wanted = self._peers()
        for url in set(self.by_url) - set(wanted):
            log.info('%s left the roster', url)
            self.by_url.pop(url).stop()
        for url in wanted:
            if url not in self.by_url:
                self.by_url[url] = self._follow(url)
                self.by_url[url].start()
