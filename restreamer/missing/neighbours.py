"""The services that this node knows: the backfiller beside it, which knows the peers, and the peers.

Whoever fails is left alone for a while, and those who ask meanwhile are told at once why: a dead peer costs
one request its deadline, and then nobody anything.
"""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import gevent
from gevent.lock import BoundedSemaphore

from common import kinds
from common.errors import ListingError, SourceError
from common.http.tokens import Token
from common.wire import MAX_LISTING_BYTES
from restreamer.missing.asking import Asker, Reply
from restreamer.recent import Recent

REST_SECONDS = 10.0
REMEMBERED_SECONDS = 2.0
AT_ONCE = 4
"""Requests that one neighbour is asked at the same time."""

MOST_ASKING = 200
"""Of all that are asked or wait for their turn; the rest is told so."""

MOST_PEERS = 50
NO_BACKFILLER = 'no backfiller is configured: give --backfiller URL of its control port'
_OURSELVES = 'ourselves'
_ALIVE_PATH = '/readyz'


class Neighbour:
    """One service at a URL, and whether it answers."""

    def __init__(
        self,
        url: str,
        asker: Asker,
        monotonic: Callable[[], float] = time.monotonic,
        *,
        token: Token | None = None,
    ) -> None:
        self.url = url
        self._token = token
        self.trouble = ''
        """Why it is left alone; empty while it is not."""
        self.has_answered = False
        self._asker = asker
        self._monotonic = monotonic
        self._rest_until = 0.0
        self._looking = False
        self._asking = 0
        self._turns = BoundedSemaphore(AT_ONCE)

    @property
    def reachable(self) -> bool | None:
        """Whether it answered when it was last asked; None before that."""
        return False if self.trouble else self.has_answered or None

    def get(self, path: str, *, limit_bytes: int = MAX_LISTING_BYTES) -> Reply:
        """The answer, whatever its status; raises SourceError, and ListingError for one that is too long."""
        self._check()
        if self._asking >= MOST_ASKING:
            raise SourceError(f'{self.url} is being asked too much at once: ask again later')
        self._asking += 1
        try:
            with self._turns:
                self._check()
                return self._exchange(path, limit_bytes)
        finally:
            self._asking -= 1

    def error(self, error: SourceError | ListingError) -> str:
        """What went wrong, and where."""
        return str(error) if self.url in str(error) else f'{self.url}: {error}'

    def _check(self) -> None:
        if not self.trouble:
            return
        if self._monotonic() >= self._rest_until and not self._looking:
            self._looking = True
            gevent.spawn(self._look)
        raise SourceError(self.trouble)

    def _look(self) -> None:
        """Whether it is back; nobody waits for it."""
        try:
            self._exchange(_ALIVE_PATH, MAX_LISTING_BYTES)
        except (SourceError, ListingError):
            return
        finally:
            self._looking = False

    def _exchange(self, path: str, limit_bytes: int) -> Reply:
        try:
            authorization = self._token.authorization() if self._token else ''
            reply = self._asker.ask(self.url + path, limit_bytes=limit_bytes, authorization=authorization)
        except SourceError as error:
            self.trouble, self._rest_until = str(error), self._monotonic() + REST_SECONDS
            raise
        self.trouble, self.has_answered = '', True
        return reply


@dataclass(frozen=True)
class Beside:
    """What the backfiller beside us says of itself; nothing, and why, if it does not."""

    told: Mapping[str, Any] = field(default_factory=dict)
    error: str = ''

    @property
    def peers(self) -> dict[str, Mapping[str, Any]]:
        """The URL of each peer, and what is said of it; not those that are found to be this node itself."""
        found = {url: mapping(said) for url, said in mapping(self.told.get('peers')).items() if _is_url(url)}
        others = [(url, said) for url, said in found.items() if said.get('state') != _OURSELVES]
        return dict(others[:MOST_PEERS])


class Neighbours:
    """Who there is beside this node. Without a `backfiller`, the URL of its control port, nobody is known.

    The peers are shown `peer_token`, if there is one.
    """

    def __init__(self, backfiller: str, peer_token: Token | None = None) -> None:
        self._asker = Asker()
        self._peer_token = peer_token
        self._backfiller = Neighbour(backfiller, self._asker)
        self._peers: dict[str, Neighbour] = {}
        self._beside = Recent[str, Beside](lambda _: self._look(), REMEMBERED_SECONDS)

    def beside(self) -> Beside:
        """What the backfiller says, no older than two seconds."""
        return self._beside.get('')

    def peers(self) -> list[Neighbour]:
        """The peers that the backfiller knows now."""
        known = self.beside().peers
        self._peers = {url: self._peers.get(url) or self._neighbour(url) for url in known}
        return list(self._peers.values())

    def start_pass(self, query: str, authorization: str) -> Reply:
        """Passes on to the backfiller that a pass is wanted, and by whom; raises SourceError."""
        if not self._backfiller.url:
            raise SourceError(NO_BACKFILLER)
        url = f'{self._backfiller.url}/backfill?{query}'
        return self._asker.ask(url, method='POST', authorization=authorization, limit_bytes=MAX_LISTING_BYTES)

    def _neighbour(self, url: str) -> Neighbour:
        return Neighbour(url, self._asker, token=self._peer_token)

    def _look(self) -> Beside:
        if not self._backfiller.url:
            return Beside(error=NO_BACKFILLER)
        try:
            return Beside(told=answer_of(self._backfiller, '/status'))
        except (SourceError, ListingError) as error:
            return Beside(error=self._backfiller.error(error))


def answer_of(neighbour: Neighbour, path: str) -> Mapping[str, Any]:
    """The JSON object that it answers; raises SourceError, and ListingError for anything else."""
    reply = neighbour.get(path)
    if reply.status != 200:
        raise ListingError(f'{neighbour.url}{path} answered {reply.status}')
    try:
        found = json.loads(reply.body)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise ListingError(f'{neighbour.url}{path} did not answer a JSON object')
    return found


def mapping(value: object) -> Mapping[str, Any]:
    """The value if it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else {}


def _is_url(text: str) -> bool:
    try:
        return bool(kinds.URL.parse(text))
    except ValueError:
        return False
