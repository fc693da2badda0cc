"""A bucket as a source: what is remembered of it, and what is left to the peers."""

from typing import cast

from backfiller.mirror.bucket import Bucket
from backfiller.peer import Peer
from backfiller.setbacks import Setbacks
from backfiller.sources.source import LISTED_SECONDS, BucketSource, LeftToPeers
from common.errors import SourceError
from common.segment import Hour
from common.summaries import summary_of
from tests.kit.build import HOUR, Piece, run_of
from tests.kit.memory import Memory

PIECES = run_of(3)


class Listed(Memory):
    """A place with a URL that counts how often an hour was listed, and may be away."""

    def __init__(self, url: str, pieces: list[Piece]) -> None:
        super().__init__()
        self.url = url
        self.asked = 0
        self.is_away = False
        for each in pieces:
            self.add(each.segment, [each.body])

    def names(self, hour: Hour) -> set[str]:
        self.asked += 1
        if self.is_away:
            raise SourceError('away')
        return super().names(hour)


def left_to(*peers: Listed, setbacks: Setbacks | None = None) -> LeftToPeers:
    return LeftToPeers(lambda: cast(list[Peer], list(peers)), setbacks or Setbacks())


def test_what_a_peer_lists_is_left_to_it_and_it_is_asked_once_for_an_hour() -> None:
    peer, other = Listed('http://one', PIECES[:1]), Listed('http://two', [])
    is_left = left_to(peer, other)
    assert [is_left(each.segment) for each in PIECES] == [True, False, False]
    assert (peer.asked, other.asked) == (1, 1)


def test_a_peer_that_is_away_has_nothing() -> None:
    peer = Listed('http://one', PIECES)
    peer.is_away = True
    assert not left_to(peer)(PIECES[0].segment)


def test_what_failed_at_the_only_peer_is_not_left_to_it_until_it_comes() -> None:
    setbacks = Setbacks()
    is_left = left_to(Listed('http://one', PIECES), setbacks=setbacks)
    setbacks.note('http://one', PIECES[0].segment)
    assert [is_left(each.segment) for each in PIECES] == [False, True, True]
    setbacks.forget('http://one', PIECES[0].segment)
    assert is_left(PIECES[0].segment)


def test_what_an_hour_was_found_to_hold_is_remembered_for_a_day() -> None:
    bucket, now = Listed('s3://archive', PIECES), [0.0]
    source = BucketSource(cast(Bucket, bucket), monotonic=lambda: now[0])
    assert list(source.summaries()) == [{HOUR: None}]
    found = source.names(HOUR)
    assert list(source.summaries()) == [{HOUR: summary_of(found)}]
    now[0] = LISTED_SECONDS
    assert list(source.summaries()) == [{HOUR: None}]
