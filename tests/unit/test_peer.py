"""How a peer is asked for its hours, whatever it knows of fingerprints."""

import json

import pytest

from backfiller.ability import PLAIN_REQUESTS
from backfiller.client import Reply
from backfiller.peer import MOST_VARIANTS, Peer
from common import wire
from common.place import EVERYTHING
from common.segment import Hour
from common.wire import HourSummary
from tests.kit.build import HOUR

SUMMARY = HourSummary(3, 'f' * 64)
LISTINGS = {
    '/files': ['bus'],
    '/files/bus': ['source'],
    '/files/bus/source': [HOUR.text, '9999-99-99T99'],
}


class Server:
    """Answers as a client would bring it, and notes what it was asked for."""

    def __init__(self, status: int, answer: object) -> None:
        self.asked: list[str] = []
        self._fingerprints = status, answer

    def get(self, url: str, **_: object) -> Reply:
        path = url.removeprefix('http://peer')
        self.asked.append(path)
        bare, _, query = path.partition('?')
        status, answer = self._fingerprints if query else (200, LISTINGS[bare])
        return Reply(url, status, {}, json.dumps(answer).encode())

    def count(self, path: str) -> int:
        return sum(asked == path for asked in self.asked)


class Vast(Server):
    """One stream of very many variants, which are empty."""

    def get(self, url: str, **_: object) -> Reply:
        listing = LISTINGS.get(url.removeprefix('http://peer'), [])
        return Reply(url, 200, {}, json.dumps(listing).encode())


def peer_of(server: Server) -> Peer:
    return Peer('http://peer', lambda *_: server)  # type: ignore[arg-type,return-value]


def summaries_of(peer: Peer) -> dict[Hour, HourSummary | None]:
    return {hour: summary for each in peer.summaries(EVERYTHING) for hour, summary in each.items()}


def test_fingerprints_come_with_the_hours() -> None:
    server = Server(200, json.loads(wire.encode_summaries({HOUR.text: SUMMARY, 'nonsense': SUMMARY})))
    peer = peer_of(server)
    assert summaries_of(peer) == {HOUR: SUMMARY}
    assert peer.refused == {'nonsense'}
    assert len(server.asked) == 3


def test_a_peer_that_answers_with_its_plain_hours_costs_no_further_request() -> None:
    server = Server(200, LISTINGS['/files/bus/source'])
    assert summaries_of(peer_of(server)) == {HOUR: None}
    assert len(server.asked) == 3


def test_a_peer_that_refuses_the_question_is_asked_plainly_and_again_after_a_while() -> None:
    server = Server(404, {})
    peer = peer_of(server)
    for _ in range(PLAIN_REQUESTS + 1):
        assert summaries_of(peer) == {HOUR: None}
    question = wire.summaries_path('bus', 'source', None)
    assert server.count(question) == 1
    assert server.count('/files/bus/source') == PLAIN_REQUESTS + 1
    summaries_of(peer)
    assert server.count(question) == 2


def test_what_is_watched_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LISTINGS, '/files/bus', [f'v{number}' for number in range(2 * MOST_VARIANTS)])
    peer = peer_of(Vast(200, {}))
    summaries_of(peer)
    assert len(peer.variants) == MOST_VARIANTS
