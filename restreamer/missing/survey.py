"""Puts together what this node and its peers hold: each peer is asked in the best way that it knows."""

from typing import cast

from flask import current_app
from gevent.pool import Pool

from common.errors import ListingError, SourceError
from common.offload import offload
from common.timeline import Interval
from restreamer.context import Context
from restreamer.missing import telling
from restreamer.missing.ends import ends_of, kept_from
from restreamer.missing.known import THIS_NODE, Known, Picture
from restreamer.missing.neighbours import REMEMBERED_SECONDS, Neighbour
from restreamer.missing.plain import Listings
from restreamer.recent import Recent

EXTENSION = 'segmesh-survey'
PEERS_AT_ONCE = 16

_UNKNOWN_THERE = (400, 404, 405)

Question = tuple[Neighbour, str, str, Interval]


class Survey:
    """Asks this node and its peers what they hold."""

    def __init__(self, at: Context) -> None:
        self._at = at
        self._listings = Listings(at.summaries)
        self._told = Recent[Question, Known | None](_told, REMEMBERED_SECONDS, most=500)

    def ours(self, stream: str, variant: str, within: Interval) -> Known:
        """What this node holds; no peer is asked, so nodes may ask each other for it."""
        found = offload(self._at.hours.coverage, stream, variant, within)
        ends = offload(ends_of, self._at.hours, self._at.disk, stream, variant)
        limit = offload(kept_from, self._at.disk, stream, variant, self._at.keep, self._at.clock())
        return Known(THIS_NODE, found.covered, ends=ends, kept_from=limit)

    def picture(self, stream: str, variant: str, within: Interval) -> Picture:
        """What all nodes hold. A peer that cannot tell is unknown throughout."""
        ours = self.ours(stream, variant, within)
        neighbours = self._at.neighbours

        def ask(peer: Neighbour) -> Known:
            return self._peer(peer, stream, variant, within, ours)

        peers = tuple(Pool(PEERS_AT_ONCE).imap(ask, neighbours.peers()))
        return Picture(within, self._at.clock(), ours, peers, neighbours.beside().error)

    def variants_of_peers(self) -> set[tuple[str, str]]:
        """Stream and variant of what the peers that can be asked hold."""
        many = Pool(PEERS_AT_ONCE).imap(self._variants, self._at.neighbours.peers())
        return set().union(*many)

    def _variants(self, peer: Neighbour) -> set[tuple[str, str]]:
        try:
            return set(self._listings.variants(peer))
        except (SourceError, ListingError):
            return set()

    def _peer(self, peer: Neighbour, stream: str, variant: str, within: Interval, ours: Known) -> Known:
        try:
            told = self._told.get((peer, stream, variant, within))
            return told or self._listings.known(peer, stream, variant, within, ours)
        except (SourceError, ListingError) as error:
            return Known(peer.url, (), (within,), error=peer.error(error))


def _told(question: Question) -> Known | None:
    """What the peer says of its own holes; None if it does not know the question."""
    peer, stream, variant, within = question
    reply = peer.get(telling.path(stream, variant, within), limit_bytes=telling.MOST_BYTES)
    if reply.status in _UNKNOWN_THERE:
        return None
    if reply.status != 200:
        raise ListingError(f'{peer.url} answered {reply.status} when asked for its holes')
    return offload(telling.decode, peer.url, reply.body, within)


def survey() -> Survey:
    """Of the application that answers this request."""
    return cast(Survey, current_app.extensions[EXTENSION])
