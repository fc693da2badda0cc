"""Passes over several peers at once, over real lanes, threads and disks: everything once."""

from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path

import pytest

from backfiller import sync
from backfiller.peer import Peer as RealPeer
from backfiller.swarm import Brought, Doubled, Event, Spared
from backfiller.together import together
from common.disk import Disk
from common.errors import SegmentError, SourceError
from common.segment import Hour, Segment
from tests.kit.build import HOUR, Piece, assert_whole, files_below, fill, piece, run_of, tombstone_of
from tests.kit.process import eventually, metrics, peer_at, restreamer
from tests.kit.swarms import Peer, assert_nothing_is_left, one_pass, passes, swarm_at

pytestmark = pytest.mark.usefixtures('our_errors_are_told')

PIECES = run_of(40)
LATER = run_of(5, '2026-11-14T04:00:00')


def fails(error: Exception, names: Iterable[str]) -> Callable[[Segment], None]:
    """Raises the error instead of these segments."""
    bad = set(names)

    def before(segment: Segment) -> None:
        if segment.name in bad:
            raise error

    return before


def names_in(store: Path) -> set[str]:
    return Disk(store).names(HOUR)


def test_two_peers_bring_everything_once(store: Path) -> None:
    swarm, one, other = swarm_at(store), Peer('one', PIECES), Peer('other', PIECES[10:])
    passes(swarm, one, other)
    assert_whole(store)
    assert names_in(store) == {each.name for each in PIECES}
    assert sorted(one.asked + other.asked) == [each.name for each in PIECES]
    for peer in (one, other):
        assert peer.missing == peer.count(Brought) + peer.count(Spared) == len(peer.pieces)
        assert not peer.count(Doubled)
    assert_nothing_is_left(swarm, store)


def test_nobody_is_left_idle(store: Path) -> None:
    swarm, one, other = swarm_at(store), Peer('one', PIECES), Peer('other', PIECES)
    one.before = other.before = lambda _: eventually(lambda: one.asked and other.asked)
    passes(swarm, one, other)
    assert len(one.asked) + len(other.asked) == len(PIECES)


def served_by(peer: RealPeer) -> float:
    """How many segments the peer has sent."""
    return sum(n for name, n in metrics(peer.url).items() if name.startswith('segments_served_total'))


def test_real_peers_bring_everything_once(store: Path, tmp_path: Path) -> None:
    swarm, events = swarm_at(store), list[Event]()
    stores = [fill(tmp_path / name, PIECES) for name in ('one', 'other')]
    with ExitStack() as stack:
        peers = [peer_at(stack.enter_context(restreamer(each))) for each in stores]
        jobs = [
            lambda peer=each: swarm.run(peer, [HOUR], wanted=sync.everything, note=events.append)
            for each in peers
        ]
        together(jobs)
        assert eventually(lambda: sum(map(served_by, peers)) == len(PIECES))
        for each in peers:
            swarm.forget(each)
            each.close()
    assert files_below(store) == files_below(stores[0])
    assert_nothing_is_left(swarm, store)


def test_what_we_hold_and_what_is_not_wanted_is_not_fetched(store: Path) -> None:
    fill(store, PIECES[:10])
    swarm, peer = swarm_at(store), Peer('peer', PIECES)
    swarm.run(
        peer,  # type: ignore[arg-type]
        [HOUR],
        wanted=lambda each: each != PIECES[20].segment,
        note=peer.events.append,
    )
    assert sorted(peer.asked) == [each.name for each in [*PIECES[10:20], *PIECES[21:]]]
    assert peer.missing == peer.count(Brought) == 29


def test_a_peer_that_goes_away_leaves_the_rest_to_the_others(store: Path) -> None:
    gone = fails(SourceError('gone'), [each.name for each in PIECES[5:]])
    swarm, one, other = swarm_at(store), Peer('one', PIECES, gone), Peer('other', PIECES)
    ended: list[SourceError] = []

    def pass_over_one() -> None:
        with pytest.raises(SourceError) as caught:
            one_pass(swarm, one)
        ended.append(caught.value)

    other.before = lambda _: eventually(lambda: ended)  # else it may bring all before the one goes away
    together([pass_over_one, lambda: one_pass(swarm, other)])
    assert str(ended[0]) == 'gone'
    assert names_in(store) == {each.name for each in PIECES}
    assert_whole(store)
    assert other.missing == other.count(Brought) + other.count(Spared)
    assert one.count(Brought) + other.count(Brought) == len(PIECES)
    assert_nothing_is_left(swarm, store)


def test_a_segment_that_fails_at_one_peer_is_brought_by_another(store: Path) -> None:
    bad = [each.name for each in PIECES[::3]]
    swarm = swarm_at(store)
    one, other = (Peer(url, PIECES, fails(SegmentError('missing', 'x'), bad)) for url in ('one', 'other'))
    other.before = lambda _: None
    passes(swarm, one, other)
    assert names_in(store) == {each.name for each in PIECES}
    assert one.missing == one.count(Brought) + one.count(Spared) + one.count(sync.Failed)
    assert one.count(sync.Failed) == len(set(one.asked) & set(bad))
    assert other.count(Brought) + other.count(Spared) == other.missing
    assert max(Counter(one.asked).values()) == 1


def test_a_segment_that_fails_everywhere_costs_only_itself(store: Path) -> None:
    bad = [each.name for each in PIECES[::3]]
    swarm = swarm_at(store)
    peers = [Peer(url, PIECES, fails(SegmentError('hash', 'x'), bad)) for url in ('one', 'other')]
    passes(swarm, *peers)
    assert names_in(store) == {each.name for each in PIECES} - set(bad)
    assert [peer.count(sync.Failed) for peer in peers] == [len(bad)] * 2
    assert_nothing_is_left(swarm, store)


def test_bytes_of_another_segment_are_not_kept(store: Path) -> None:
    wrong = Piece(PIECES[0].segment, PIECES[1].body)
    swarm, peer = swarm_at(store), Peer('peer', [wrong, *PIECES[1:]])
    one_pass(swarm, peer)
    assert names_in(store) == {each.name for each in PIECES[1:]}
    assert [event.error.reason for event in peer.events if isinstance(event, sync.Failed)] == ['hash']


def test_an_hour_that_cannot_be_listed_costs_only_itself(store: Path) -> None:
    hours = [HOUR, LATER[0].hour, Hour('bus', 'source', '2026-11-14T05')]
    swarm, peer = swarm_at(store), Peer('peer', [*PIECES, *LATER], unlisted=frozenset({HOUR}))
    one_pass(swarm, peer, hours)
    assert sorted(files_below(store)) == [each.path for each in LATER]
    assert [event.hour for event in peer.events if isinstance(event, sync.Unlisted)] == [HOUR]
    assert peer.count(Brought) == len(LATER)


def test_names_that_are_none_are_refused_and_withdrawn_segments_stay_away(store: Path) -> None:
    tombstone = tombstone_of(PIECES[0])
    swarm, peer = swarm_at(store), Peer('peer', [*PIECES[:3], Piece(tombstone, b'')])
    peer.odd = frozenset({'../../odd.ts'})
    one_pass(swarm, peer)
    assert names_in(store) == {PIECES[1].name, PIECES[2].name, tombstone.name}
    (refused,) = [event for event in peer.events if isinstance(event, sync.Refused)]
    assert (refused.count, refused.names) == (1, ('../../odd.ts',))


def test_twins_of_two_peers_are_one_segment(store: Path) -> None:
    ours, theirs = (piece(f'2026-11-14T03:00:00.{n:06}', body=b'same') for n in (0, 500))
    swarm, one, other = swarm_at(store), Peer('one', [ours]), Peer('other', [theirs])
    passes(swarm, one, other)
    assert len(names_in(store)) == len(one.asked + other.asked) == 1
    assert_nothing_is_left(swarm, store)


def test_a_twin_that_another_brought_is_spared(store: Path) -> None:
    ours, theirs = (piece(f'2026-11-14T03:00:00.{n:06}', body=b'same') for n in (0, 500))
    peers = Peer('one', [ours]), Peer('other', [theirs])
    passes(swarm_at(store), *peers)
    assert [peer.missing for peer in peers] == [1, 1]
    assert sorted(peer.count(Brought) for peer in peers) == [0, 1]
    assert [peer.count(Brought) + peer.count(Spared) for peer in peers] == [1, 1]
