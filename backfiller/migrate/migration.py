"""All links: pass after pass, each followed by a look at what the bucket holds, until a pass adds nothing."""

from collections.abc import Callable, Sequence
from functools import partial
from urllib.parse import urlsplit

from backfiller.migrate.deliver import Delivery
from backfiller.migrate.errors import Cause, PieceError
from backfiller.migrate.hosts import AT_ONCE
from backfiller.migrate.job import Job, State, Tell
from backfiller.migrate.keys import Keys, host_of
from backfiller.migrate.ledger import Ledger
from backfiller.migrate.links import Link
from backfiller.migrate.origin import Origin
from backfiller.migrate.plan import Kind, Piece, Plan, plan
from backfiller.migrate.verify import compare
from backfiller.together import each_of, together
from common.errors import ListingError
from common.offload import offload

HOSTS_AT_ONCE = 64
QUICK_BYTES = 64 * 1024
LINKS_AT_ONCE = 4
"""Of one host, so that a host that is slow or dead holds up none of the others."""

LIVE_PASSES = 3
"""Of a live playlist each pass would add what came meanwhile."""


class Migration:
    """The links and how far they are; `states` can be looked at at any time."""

    def __init__(
        self,
        links: Sequence[Link],
        keys: Keys,
        origin: Origin,
        ledger: Ledger,
        tell: Tell,
        *,
        at_once: int = AT_ONCE,
        playlists_only: bool = False,
    ) -> None:
        self.refused = [link for link in links if link.refused]
        self.states = [_state(link, keys) for link in links if not link.refused]
        self.passes = 0
        self.sent = 0
        self.sent_bytes = 0
        self._keys = keys
        self._origin = origin
        self._ledger = ledger
        self._tell = tell
        self._at_once = at_once
        self._playlists_only = playlists_only

    def run(self, delivery: Delivery, listed: Callable[[], dict[str, int]]) -> None:
        """Delivers until a pass adds nothing; `listed` tells the sizes of all that the bucket holds.

        Raises StoreError or SourceError if the bucket is of no use.
        """
        left = self.states
        while left:
            self.passes += 1
            self._tell('pass', number=self.passes, links=len(left))
            before = self.sent
            self._ledger.begin_pass()
            self._pass(left, delivery)
            self.verify(listed())
            left = [state for state in self.states if self._is_to_go_on(state)]
            if self.sent == before:
                return

    def look(self, delivery: Delivery) -> None:
        """One pass with a delivery that sends nothing. Raises SourceError."""
        self._pass(self.states, delivery)

    def verify(self, listed: dict[str, int]) -> None:
        """What should be there and is not, or in another size, is lacking after all."""
        for state in self.states:
            for lack in compare(state.present, listed):
                del state.present[lack.piece.key]
                state.lacks[lack.piece.key] = lack
                self._ledger.forget(lack.piece.key)

    def _is_to_go_on(self, state: State) -> bool:
        is_left = not state.is_whole and state.may_come_yet
        return is_left and not (state.is_live and self.passes >= LIVE_PASSES)

    def _pass(self, states: Sequence[State], delivery: Delivery) -> None:
        by_host: dict[str, list[State]] = {}
        for state in states:
            by_host.setdefault(host_of(urlsplit(state.link.url)), []).append(state)

        def of_host(states: list[State]) -> None:
            for state in each_of(states, run, at_most=LINKS_AT_ONCE):
                self._tell('link', link=state.link.url, whole=state.is_whole)

        def run(state: State) -> State:
            return self._job(state, delivery).run()

        together([partial(of_host, each) for each in by_host.values()], at_most=HOSTS_AT_ONCE)

    def _job(self, state: State, delivery: Delivery) -> Job:
        only = self._playlists_only
        return Job(state, self._read, delivery, self._heard, at_once=self._at_once, playlists_only=only)

    def _read(self, piece: Piece) -> Plan:
        """Raises PieceError."""
        reply = self._origin.playlist(piece.url)
        made = partial(plan, reply.body, reply.url, piece, self._keys)
        try:
            return made() if len(reply.body) < QUICK_BYTES else offload(made)
        except ListingError as error:
            raise PieceError(Cause.REFUSED, f'{piece.url}: {error}') from error

    def _heard(self, event: str, **what: object) -> None:
        if event == 'sent':
            self.sent += 1
            self.sent_bytes += int(str(what['bytes']))
        self._tell(event, **what)


def _state(link: Link, keys: Keys) -> State:
    return State(link, Piece(Kind.PLAYLIST, link.url, keys.key_of(link.url), link.url))
