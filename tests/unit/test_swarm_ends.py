"""Passes that end before their time: killed, without a store, or by a peer that fell silent."""

from pathlib import Path

import gevent
import pytest

from backfiller.lane import LANES
from backfiller.plan import PATIENCE_SECONDS
from backfiller.swarm import Brought, Doubled, Spared
from common.disk import Disk
from common.errors import SourceError, StoreError
from common.segment import Segment
from tests.kit.build import HOUR, assert_whole, files_below, run_of
from tests.kit.plans import is_empty
from tests.kit.process import eventually
from tests.kit.swarms import Clock, Peer, assert_nothing_is_left, one_pass, swarm_at

pytestmark = pytest.mark.usefixtures('our_errors_are_told')

PIECES = run_of(40)
A_LONG_TIME = 10.0


def names_in(store: Path) -> set[str]:
    return Disk(store).names(HOUR)


def test_a_store_that_takes_nothing_ends_the_pass_and_says_so(tmp_path: Path) -> None:
    (tmp_path / 'file').touch()
    swarm, peer = swarm_at(tmp_path / 'file' / 'store'), Peer('peer', PIECES)
    with pytest.raises(StoreError, match='the store takes nothing'):
        one_pass(swarm, peer)
    assert not peer.count(Brought)
    assert is_empty(swarm.plan)


def test_a_silent_peers_share_is_brought_by_another_and_ends_there(store: Path) -> None:
    clock, silent = Clock(), Peer('silent', PIECES[:3], lambda _: gevent.sleep(A_LONG_TIME))
    swarm = swarm_at(store, clock)
    first = gevent.spawn(one_pass, swarm, silent)
    eventually(lambda: silent.asked)
    clock.now += PATIENCE_SECONDS + 1
    honest = Peer('honest', PIECES[:3])
    one_pass(swarm, honest)
    first.get(timeout=A_LONG_TIME)
    assert names_in(store) == {each.name for each in PIECES[:3]}
    assert honest.count(Doubled) == honest.count(Brought) == 3
    assert (silent.count(Brought), silent.count(Spared)) == (0, 3)
    assert_nothing_is_left(swarm, store)


def test_killing_a_pass_in_mid_transfer_leaves_nothing_and_the_swarm_goes_on(store: Path) -> None:
    swarm, peer = swarm_at(store), Peer('peer', PIECES, lambda _: gevent.sleep(A_LONG_TIME))
    greenlet = gevent.spawn(one_pass, swarm, peer)
    eventually(lambda: any(path.startswith('.temp/') for path in files_below(store)))
    greenlet.kill()
    assert_nothing_is_left(swarm, store)
    assert names_in(store) == set()
    assert len(swarm._idle['peer']) <= LANES
    peer.before, peer.asked, peer.events = lambda _: None, [], []
    one_pass(swarm, peer)
    assert sorted(peer.asked) == [each.name for each in PIECES]
    assert_whole(store)
    assert peer.count(Brought) == len(PIECES)


def test_a_pass_that_is_killed_leaves_its_share_to_one_that_runs(store: Path) -> None:
    swarm, stuck = swarm_at(store), Peer('stuck', PIECES, lambda _: gevent.sleep(A_LONG_TIME))
    greenlet, honest = gevent.spawn(one_pass, swarm, stuck), Peer('honest', PIECES)
    eventually(lambda: stuck.asked)
    other = gevent.spawn(one_pass, swarm, honest)
    eventually(lambda: honest.asked)
    greenlet.kill()
    other.get(timeout=A_LONG_TIME)
    assert names_in(store) == {each.name for each in PIECES}
    assert honest.count(Brought) == len(PIECES)


def test_what_a_peer_forgets_gives_its_threads_to_the_next(store: Path) -> None:
    swarm, peer = swarm_at(store), Peer('peer', PIECES)
    one_pass(swarm, peer)
    threads = {lane.worker for lane in swarm._idle['peer']}
    assert len(threads) == 1
    swarm.forget(peer)  # type: ignore[arg-type]
    other = Peer('other', run_of(40, '2026-11-14T03:10:00'))
    one_pass(swarm, other)
    assert threads & {lane.worker for lane in swarm._idle['other']}


def test_what_came_before_a_peer_went_away_is_held_and_counts(store: Path) -> None:
    swarm, peer = swarm_at(store), Peer('peer', PIECES[:8])

    def before(segment: Segment) -> None:
        if segment == PIECES[3].segment:  # the last of one lane's share
            eventually(lambda: PIECES[7].name in peer.asked)
            raise SourceError('gone')
        if segment == PIECES[7].segment:  # of the other's
            gevent.sleep(A_LONG_TIME)

    peer.before = before
    with pytest.raises(SourceError, match='gone'):
        one_pass(swarm, peer)
    came = [*PIECES[:3], *PIECES[4:7]]
    assert names_in(store) == {each.name for each in came}
    assert peer.count(Brought) == len(came)
    assert_nothing_is_left(swarm, store)


@pytest.mark.parametrize('switches', [0, 2])
def test_a_pass_can_be_killed_as_soon_as_a_lane_was_taken(store: Path, switches: int) -> None:
    swarm, peer = swarm_at(store), Peer('peer', PIECES, lambda _: gevent.sleep(A_LONG_TIME))
    greenlet = gevent.spawn(one_pass, swarm, peer)
    while not any(swarm._busy.values()):
        gevent.sleep(0)
    for _ in range(switches):
        gevent.sleep(0)
    greenlet.kill()
    assert_nothing_is_left(swarm, store)
