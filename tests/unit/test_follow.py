"""What a follower looks at next, and what stays due when a pass fails."""

from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from backfiller.backfill import Backfill
from backfiller.client import Client
from backfiller.follow import RECENT, Follower
from backfiller.metrics import Metrics
from backfiller.setbacks import Setbacks
from backfiller.swarm import Swarm
from backfiller.vitals import Vitals
from common.disk import Disk
from common.errors import SourceError
from common.offload import OffloadedDisk
from common.place import EVERYTHING, Chunks, Scope, Troubles
from common.segment import Hour, Segment
from common.wire import HourSummary
from tests.kit import swarms
from tests.kit.build import HOUR, at, run_of
from tests.kit.memory import Memory

NOW = at('2026-11-14T12:00:00')


class Peer(Memory):
    """A peer that notes what it was asked for, and may be away."""

    url = 'http://peer'

    def __init__(self) -> None:
        super().__init__()
        self.refused: set[str] = set()
        self.asked: list[Scope] = []
        self.is_away = False

    def identity(self) -> str:
        return 'peer'

    def summaries(
        self, scope: Scope = EVERYTHING, troubles: Troubles | None = None
    ) -> Iterator[dict[Hour, None]]:
        self.asked.append(scope)
        if self.is_away:
            raise SourceError('away')
        yield dict.fromkeys(self.hours(scope))

    def read(self, segments: Iterable[Segment]) -> Iterator[tuple[Segment, Chunks]]:
        return super().read(segments)

    def close(self) -> None:
        pass


def following(peer: Peer, scope: Scope = EVERYTHING, own_id: str = 'us') -> Follower:
    backfill = Backfill(
        swarm=Swarm(OffloadedDisk(Disk(Path('never-touched')))),
        metrics=Metrics(CollectorRegistry()),
        setbacks=Setbacks(),
        clock=lambda: NOW,
    )
    return Follower(
        peer,  # type: ignore[arg-type]
        backfill,
        lambda: scope,
        vitals=Vitals('http://peer', cast(Client, None), backfill.metrics, lambda: NOW, look_seconds=90),
        own_id=own_id,
        recent_seconds=1000,
        full_seconds=1000,
    )


def test_first_the_recent_hours_then_everything_then_a_rest() -> None:
    peer = Peer()
    follower = following(peer)
    assert follower.loop.turn() == 0
    assert follower.loop.turn() > 0
    follower.loop.turn()
    assert peer.asked == [Scope(since=NOW - RECENT), EVERYTHING]


def test_a_pass_that_failed_stays_due_as_what_it_was() -> None:
    peer = Peer()
    follower = following(peer)
    peer.is_away = True
    follower.loop.turn()
    follower.loop.turn()
    assert follower.state == 'backing off'
    assert follower.loop.last_error
    peer.is_away = False
    follower.loop.turn()
    assert peer.asked == [Scope(since=NOW - RECENT)] * 3
    assert follower.state == 'idle'


def test_a_peer_that_changes_all_the_time_does_not_put_off_the_full_pass() -> None:
    peer = Peer()
    follower = following(peer)
    for _ in range(4):
        follower.look_soon('bus', 'source')
        follower.loop.turn()
    recent = Scope(since=NOW - RECENT)
    assert peer.asked == [recent, EVERYTHING, recent, recent]


def test_a_peer_that_was_away_is_looked_at_in_full() -> None:
    peer = Peer()
    follower = following(peer)
    follower.loop.turn()
    follower.loop.turn()
    peer.is_away = True
    follower.look_soon('bus', 'source')
    follower.loop.turn()
    peer.is_away = False
    follower.loop.turn()
    follower.loop.turn()
    assert peer.asked[-2:] == [Scope(since=NOW - RECENT), EVERYTHING]


def test_what_was_asked_for_comes_first_stays_in_our_scope_and_is_not_lost() -> None:
    peer = Peer()
    follower = following(peer, Scope(streams=frozenset({'bus'}), since=NOW - timedelta(hours=24)))
    follower.ask(Scope(variants=frozenset({'480p'})))
    peer.is_away = True
    follower.loop.turn()
    peer.is_away = False
    follower.loop.turn()
    assert peer.asked == [Scope(frozenset({'bus'}), frozenset({'480p'}), NOW - timedelta(hours=24))] * 2


def test_nothing_is_fetched_from_ourselves() -> None:
    peer = Peer()
    follower = following(peer, own_id='peer')
    assert follower.loop.turn() > 100
    assert (peer.asked, follower.state) == ([], 'ourselves')


labels = st.frozensets(st.sampled_from(['a', 'b', 'c']))
scopes = st.builds(
    Scope,
    labels,
    labels,
    st.none() | st.integers(0, 5).map(lambda hours: at('2026-11-14T00:00:00') + timedelta(hours=hours)),
    st.frozensets(st.sampled_from(['2026-11-14T01', '2026-11-14T03'])),
)
hours = st.builds(
    Hour, st.sampled_from('abc'), st.sampled_from('abc'), st.sampled_from(['2026-11-14T01', '2026-11-14T03'])
)


@given(scopes, scopes, hours)
def test_a_scope_within_another_admits_what_both_do(one: Scope, other: Scope, hour: Hour) -> None:
    assert one.within(other).admits(hour) == (one.admits(hour) and other.admits(hour))


class Listing(swarms.Peer):
    """A peer of whose hour something happens when it is listed."""

    def __init__(self, when_listed: Callable[[], None]) -> None:
        super().__init__('http://peer', run_of(3))
        self.refused: set[str] = set()
        self._when_listed = when_listed

    def summaries(self, scope: Scope, troubles: Troubles) -> Iterator[dict[Hour, HourSummary]]:
        yield {HOUR: HourSummary(3, 'other than ours')}

    def names(self, hour: Hour) -> set[str]:
        self._when_listed()
        return super().names(hour)


@pytest.mark.parametrize('goes', [False, True])
def test_25_an_hour_that_is_let_go_while_a_pass_is_in_it_is_not_fetched(store: Path, goes: bool) -> None:
    gone: set[Hour] = set()
    peer = Listing(lambda: gone.add(HOUR) if goes else None)
    backfill = Backfill(
        swarm=swarms.swarm_at(store),
        metrics=Metrics(CollectorRegistry()),
        setbacks=Setbacks(),
        clock=lambda: NOW,
        keeps=lambda hour: hour not in gone,
    )
    found = backfill.run(peer, EVERYTHING, 'full')  # type: ignore[arg-type]
    came = 0 if goes else 3
    assert (found.compared, found.missing, found.fetched, found.left) == (1, came, came, 0)


def test_an_error_nobody_foresaw_makes_the_loop_troubled_until_it_works_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    peer = Peer()
    follower = following(peer)
    peer.summaries = lambda *_: 1 / 0  # type: ignore[assignment, method-assign]
    follower.loop.turn()
    assert follower.loop.is_troubled
    del peer.summaries  # type: ignore[method-assign]
    follower.loop.turn()
    assert not follower.loop.is_troubled
