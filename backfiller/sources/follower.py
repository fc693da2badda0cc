"""Following a source that is no peer: when it is looked at."""

from collections import deque
from collections.abc import Callable
from functools import partial

from gevent.event import Event

from backfiller.backfill import Backfill
from backfiller.follow import Followers
from backfiller.loop import Backoff, Loop, Timer
from backfiller.passes import Passes
from backfiller.sources.source import BucketSource, LeftToPeers, bring
from common.place import Scope

WAIT_SECONDS = 2.0
MOST_PATIENCE_SECONDS = 3600.0
"""After so long the peers had their chance, even if they are still at it."""

FIRST_RETRY_SECONDS = 10.0
MOST_RETRY_SECONDS = 600.0


class SourceFollower:
    """Passes over one bucket at an interval or when asked, but not before the peers had their chance."""

    def __init__(
        self,
        source: BucketSource,
        backfill: Backfill,
        followers: Followers,
        scope: Callable[[], Scope],
        *,
        interval_seconds: float,
    ) -> None:
        self.url = source.url
        self.state = 'starting'
        self.passes = Passes(backfill.clock)
        self._source = source
        self._backfill = backfill
        self._followers = followers
        self._scope = scope
        self._timer = Timer(interval_seconds)
        self._patience = Timer(MOST_PATIENCE_SECONDS)
        self._patience.restart()
        self._asked: deque[Scope] = deque(maxlen=100)
        self._wake = Event()
        self.loop = Loop(
            source.url,
            self._act,
            backoff=Backoff(FIRST_RETRY_SECONDS, MOST_RETRY_SECONDS),
            on_failure=self._note_failure,
            on_surprise=backfill.metrics.errors.labels('sources').inc,
            wake=self._wake,
        )

    def run(self) -> None:
        """Goes on until killed."""
        self.loop.run()

    def ask(self, scope: Scope) -> None:
        """Starts a pass over the scope now, or right after the one that runs."""
        self._asked.append(scope)
        self._wake.set()

    def _act(self) -> float:
        if self._asked:
            self._look('asked', self._asked[0].within(self._scope()))
            self._asked.popleft()
        elif not (self._followers.have_told() or self._patience.is_due()):
            self.state = 'waiting for peers'
            return WAIT_SECONDS
        elif self._timer.is_due():
            self._look('full', self._scope())
            self._timer.restart()
        self.state = 'idle'
        return 0.0 if self._asked else self._timer.remaining_seconds()

    def _look(self, kind: str, scope: Scope) -> None:
        """One pass; raises its error."""
        self.state = f'{kind} pass'
        peers = LeftToPeers(self._followers.live_peers, self._backfill.setbacks)
        carried = partial(bring, self._source, self._backfill.swarm, is_left=peers)
        self.passes.note(self._backfill.run_over(self._source, scope, kind, carried))

    def _note_failure(self, _: Exception) -> None:
        self.state = 'backing off'
