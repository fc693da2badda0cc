"""Leases of several nodes on one clock: who records what, second by second."""

from dataclasses import dataclass, field

import pytest

from backfiller.rendezvous import order
from backfiller.streams.holding import Holding
from backfiller.streams.turns import Lease
from common.errors import SourceError

LEASE = 8.0
STEP = 0.5


@dataclass
class FakeRedis:
    """Leases that end by a clock which the test turns; only what `Holding` asks for."""

    now: float = 0.0
    leases: dict[tuple[str, int], tuple[str, float]] = field(default_factory=dict)
    is_away: bool = False
    answer_seconds: float = 0.0

    def renew(self, slots: list[tuple[str, int]], me: str, seconds: float) -> dict[tuple[str, int], Lease]:
        self._ask()
        for slot in slots:
            if self.leases.get(slot, ('',))[0] == me:
                self.leases[slot] = (me, self.now + seconds)
        return {
            slot: Lease(self.leases[slot][0], self.leases[slot][1] - self.now)
            if slot in self.leases
            else Lease()
            for slot in slots
        }

    def take(self, slots: list[tuple[str, int]], me: str, seconds: float) -> list[tuple[str, int]]:
        self._ask()
        free = [slot for slot in slots if slot not in self.leases]
        self.leases |= dict.fromkeys(free, (me, self.now + seconds))
        return free

    def release(self, slots: list[tuple[str, int]], me: str) -> None:
        self._ask()
        self.leases = {
            slot: lease for slot, lease in self.leases.items() if slot not in slots or lease[0] != me
        }

    def holders(self, stream: str) -> set[str]:
        return {holder for (name, _), (holder, _) in self.leases.items() if name == stream}

    def _ask(self) -> None:
        if self.is_away:
            raise SourceError('away')
        self.now += self.answer_seconds
        self.leases = {slot: lease for slot, lease in self.leases.items() if lease[1] > self.now}


class Fleet:
    """Nodes that look every half second."""

    def __init__(self, *names: str, **replicas: int) -> None:
        self.redis = FakeRedis()
        self.replicas = replicas
        self.nodes: dict[str, Holding] = {}
        self.takes: list[tuple[str, str]] = []
        for name in names:
            self.join(name)

    def join(self, name: str) -> None:
        self.nodes[name] = Holding(self.redis, name, LEASE, lambda: self.redis.now)  # type: ignore[arg-type]

    def passes(self, seconds: float) -> None:
        for _ in range(round(seconds / STEP)):
            for name, node in self.nodes.items():
                before = set(node.last.slots)
                try:
                    held = node.look(self.replicas, self.nodes)
                except SourceError:
                    node.was_away()
                else:
                    self.takes += [(name, stream) for stream in held.slots.keys() - before]
            self.redis.now += STEP

    def recording(self, stream: str) -> set[str]:
        return {
            name
            for name, node in self.nodes.items()
            if stream in node.last.slots or stream in node.lingering()
        }


def test_nodes_that_start_together_share_the_streams_as_hashing_says() -> None:
    streams = {f's{n}': 1 for n in range(20)}
    fleet = Fleet('a', 'b', 'c', **streams)
    fleet.passes(LEASE)
    assert all(fleet.recording(stream) == set(order(stream, 'abc')[:1]) for stream in streams)
    fleet.passes(10 * LEASE)
    assert len(fleet.takes) == len(streams), 'nothing moves without need'


def test_the_stream_of_a_dead_node_is_with_another_within_the_lease() -> None:
    fleet = Fleet('a', 'b', 'c', bus=2)
    fleet.passes(LEASE)
    dead = min(fleet.recording('bus'))
    stays = fleet.recording('bus') - {dead}
    del fleet.nodes[dead]
    fleet.passes(LEASE)
    assert fleet.recording('bus') == set(fleet.nodes)
    assert stays < fleet.recording('bus')


def test_who_returns_takes_nothing_that_is_held_and_gets_its_own_back_when_it_stays() -> None:
    fleet = Fleet('a', 'b', bus=1)
    fleet.passes(LEASE)
    (first,) = fleet.recording('bus')
    (second,) = {'a', 'b'} - {first}
    del fleet.nodes[first]
    fleet.passes(LEASE)
    fleet.join(first)
    fleet.passes(5 * LEASE)
    assert fleet.recording('bus') == {second}
    fleet.passes(2 * LEASE)
    assert fleet.recording('bus') == {first}
    moves = len(fleet.takes)
    fleet.passes(10 * LEASE)
    assert len(fleet.takes) == moves


def test_a_stream_that_goes_back_is_recorded_by_both_for_a_moment_and_never_by_none() -> None:
    fleet = Fleet('a', 'b', bus=1)
    fleet.passes(LEASE)
    (first,) = fleet.recording('bus')
    del fleet.nodes[first]
    fleet.passes(LEASE)
    fleet.join(first)
    seen = []
    for _ in range(round(8 * LEASE / STEP)):
        fleet.passes(STEP)
        seen.append(len(fleet.recording('bus')))
    assert set(seen) == {1, 2}


def test_while_redis_is_away_all_goes_on_and_afterwards_nothing_moves() -> None:
    streams = {f's{n}': 1 for n in range(10)}
    fleet = Fleet('a', 'b', 'c', **streams)
    fleet.passes(LEASE)
    before = {stream: fleet.recording(stream) for stream in streams}
    moves = len(fleet.takes)
    fleet.redis.is_away = True
    fleet.passes(5 * LEASE)
    assert {stream: fleet.recording(stream) for stream in streams} == before
    fleet.redis.leases.clear()
    fleet.redis.is_away = False
    fleet.passes(2 * LEASE)
    assert {stream: fleet.recording(stream) for stream in streams} == before
    assert all(fleet.redis.holders(stream) == before[stream] for stream in streams)
    assert len(fleet.takes) == moves


def test_who_lost_its_lease_while_it_was_cut_off_stops() -> None:
    fleet = Fleet('a', 'b', bus=1)
    fleet.passes(LEASE)
    (first,) = fleet.recording('bus')
    (second,) = {'a', 'b'} - {first}
    cut_off = fleet.nodes.pop(first)
    fleet.passes(LEASE)
    assert 'bus' in cut_off.last.slots
    assert fleet.recording('bus') == {second}
    cut_off.was_away()
    fleet.nodes[first] = cut_off
    fleet.passes(STEP)
    assert fleet.recording('bus') == {second}


def test_who_is_started_again_takes_what_it_held_at_once_if_it_is_free_and_else_leaves_it() -> None:
    fleet = Fleet('a', 'b', bus=1)
    first, second = order('bus', 'ab')
    fleet.nodes[second].claim(['bus'])
    fleet.passes(STEP)
    assert fleet.recording('bus') == {second}
    fleet.join(first)
    fleet.nodes[first].claim(['bus'])
    fleet.passes(STEP)
    assert fleet.recording('bus') == {second}


@pytest.mark.parametrize('replicas', [{'bus': 1}, {}])
def test_what_is_wanted_no_more_is_released(replicas: dict[str, int]) -> None:
    fleet = Fleet('a', 'b', 'c', bus=3)
    fleet.passes(LEASE)
    assert len(fleet.redis.holders('bus')) == 3
    fleet.replicas = replicas
    fleet.passes(2 * STEP)
    assert len(fleet.redis.holders('bus')) == sum(replicas.values())
    assert fleet.recording('bus') == fleet.redis.holders('bus')


def test_a_node_that_stops_leaves_its_leases_at_once() -> None:
    fleet = Fleet('a', 'b', bus=1)
    fleet.passes(LEASE)
    (first,) = fleet.recording('bus')
    fleet.nodes.pop(first).release_all()
    fleet.passes(STEP)
    assert fleet.recording('bus') == set(fleet.nodes)


def test_many_streams_are_taken_at_once_by_however_slow_a_redis() -> None:
    streams = {f's{n}': 1 for n in range(40)}
    fleet = Fleet('a', **streams)
    fleet.redis.answer_seconds = 1.0
    fleet.passes(LEASE)
    assert fleet.redis.now < 6 * LEASE
    assert all(fleet.recording(stream) == {'a'} == fleet.redis.holders(stream) for stream in streams)


def test_who_holds_two_slots_of_a_stream_gives_up_one() -> None:
    """As after an answer that came too late, or a server that went back in time."""
    fleet = Fleet('a', 'b', bus=2)
    fleet.redis.leases = {('bus', slot): ('a', LEASE) for slot in range(2)}
    fleet.passes(LEASE)
    assert fleet.recording('bus') == {'a', 'b'}
