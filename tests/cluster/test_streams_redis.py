"""Streams in a real Redis that changes, dies and returns, recorded by nodes of which some die, too."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import pytest

from backfiller.rendezvous import order
from tests.kit.process import eventually, running
from tests.kit.proxy import encrypting
from tests.kit.redis_server import RedisServer, redis_server
from tests.kit.streams import Origin, Recorder, origin, recorder
from tests.kit.tls import Authority

SOON = 2.0
LEASE = 2.0
ONE = 'placement={"replicas": 1}'


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Origin]:
    with origin(tmp_path / 'origin') as found:
        yield found


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    with redis_server(tmp_path / 'redis') as server:
        yield server


class Fleet:
    """Nodes with a store each."""

    def __init__(self, folder: Path, redis: RedisServer, stack: ExitStack) -> None:
        self.by_name: dict[str, Recorder] = {}
        self._folder = folder
        self._redis = redis
        self._stack = stack

    def start(self, *names: str, lease: float = LEASE, url: str = '') -> list[Recorder]:
        """All at once."""
        for name in names:
            self.by_name[name] = self._stack.enter_context(self._node(name, lease, url or self._redis.url))
        return [self.by_name[name] for name in names]

    def recording(self, stream: str) -> set[str]:
        """The nodes that are, of those that live."""
        return {
            name
            for name, node in self.by_name.items()
            if not node.process.has_ended() and stream in node.records()
        }

    def settled(self, stream: str) -> str:
        """The node that records it when it is with the one whose turn it rather is."""
        members = eventually(lambda: self._redis.members(len(self.by_name)))
        name = order(stream, members)[0].partition('/')[0]
        eventually(lambda: self.recording(stream) == {name})
        return name

    def _node(self, name: str, lease: float, url: str) -> AbstractContextManager[Recorder]:
        flags = ('--lease', str(lease), '--node-id', f'id-of-{name}')
        return recorder(self._folder / name, url, *flags, name=name)


@pytest.fixture
def fleet(tmp_path: Path, redis: RedisServer) -> Iterator[Fleet]:
    with ExitStack() as stack:
        yield Fleet(tmp_path, redis, stack)


def test_streams_are_started_repointed_stopped_and_removed_while_the_others_go_on(
    live: Origin, redis: RedisServer, fleet: Fleet
) -> None:
    tram, bus, backup = live.live('tram'), live.live('bus'), live.live('backup')
    redis.streams('set', 'tram', f'url={live.at(tram)}')
    (node,) = fleet.start('node1')
    node.follows('tram', tram)

    redis.streams('set', 'bus', f'url={live.at(bus)}')
    eventually(lambda: node.has('bus') == bus.bodies, timeout=SOON)
    redis.streams('set', 'bus', f'url={live.at(backup)}')
    eventually(lambda: set(backup.bodies) <= set(node.has('bus')), timeout=SOON)
    node.follows('tram', tram)
    redis.streams('set', 'bus', 'state=stop')
    eventually(lambda: node.records() == {'tram'}, timeout=SOON)
    redis.streams('set', 'bus', 'state=run')
    eventually(lambda: node.records() == {'tram', 'bus'}, timeout=SOON)
    assert f'bus  run  on all  held by node1  {live.at(backup)}' in redis.streams('list')
    redis.streams('remove', 'bus')
    eventually(lambda: node.records() == {'tram'}, timeout=SOON)
    node.follows('tram', tram)
    assert node.changes('tram') == ['started']


def test_a_change_that_nobody_told_of_is_found_within_two_seconds(
    live: Origin, redis: RedisServer, fleet: Fleet
) -> None:
    tram, bus = live.live('tram'), live.live('bus')
    redis.streams('set', 'tram', f'url={live.at(tram)}')
    (node,) = fleet.start('node1', lease=60)
    node.follows('tram', tram)
    redis.client.hset('segmesh:stream:bus', 'url', live.at(bus))
    redis.client.sadd('segmesh:streams', 'bus')
    eventually(lambda: 'bus' in node.records(), timeout=SOON)


def test_what_is_wrong_with_one_stream_keeps_that_one_and_changes_the_others(
    live: Origin, redis: RedisServer, fleet: Fleet
) -> None:
    tram, bus = live.live('tram'), live.live('bus')
    redis.streams('set', 'tram', f'url={live.at(tram)}')
    (node,) = fleet.start('node1')
    node.follows('tram', tram)
    redis.client.hset('segmesh:stream:tram', 'state', 'running')
    redis.client.set('segmesh:stream:odd', 'no hash')
    redis.client.sadd('segmesh:streams', 'odd', 'gone', '../up')
    redis.streams('set', 'bus', f'url={live.at(bus)}')
    eventually(lambda: node.records() == {'tram', 'bus'}, timeout=SOON)
    problems = eventually(node.problems)
    assert problems.keys() == {'tram', 'odd', 'gone', '../up'}
    assert problems['tram'] == ("segmesh:stream:tram state: 'running' is not allowed: give run or stop")
    assert 'odd  wrong  segmesh:stream:odd cannot be read' in redis.streams('list')
    node.follows('tram', tram)
    assert node.said(problems['tram']) == 1
    redis.streams('set', 'tram', 'state=stop')
    eventually(lambda: node.records() == {'bus'}, timeout=SOON)


@pytest.mark.slow
def test_new_streams_spread_over_the_nodes_and_each_is_recorded_so_many_times(
    live: Origin, redis: RedisServer, fleet: Fleet, tmp_path: Path
) -> None:
    tram, file = live.live('tram'), tmp_path / 'streams.toml'
    nodes = fleet.start('node1', 'node2', 'node3', lease=8)
    for node in nodes:
        eventually(lambda node=node: len(node.status()['registry']['nodes']) == 3)
    replicas = {f'tram{n}': 1 for n in range(20)} | {'twice': 2}
    tables = [
        f'[{stream}]\nurl = "{live.at(tram)}"\nplacement = {{replicas = {count}}}'
        for stream, count in replicas.items()
    ]
    file.write_text('\n'.join(tables))
    redis.streams('load', file)
    eventually(
        lambda: {stream: len(fleet.recording(stream)) for stream in replicas} == replicas, timeout=SOON
    )
    assert all(3 <= len(node.records()) <= 12 for node in nodes)
    assert all(redis.holders(stream) == fleet.recording(stream) for stream in replicas)
    assert all(node.metric('streams_leases') == len(node.records()) for node in nodes)


def test_the_streams_of_a_killed_node_are_with_another_within_the_lease(
    live: Origin, redis: RedisServer, fleet: Fleet, tmp_path: Path
) -> None:
    tram = live.live('tram')
    redis.streams('set', 'tram', f'url={live.at(tram)}', ONE)
    fleet.start('node1', 'node2')
    (holder,) = eventually(lambda: fleet.recording('tram'))
    (other,) = {'node1', 'node2'} - {holder}
    fleet.by_name[holder].follows('tram', tram)
    began = time.monotonic()
    fleet.by_name[holder].process.stop(signal.SIGKILL)
    eventually(lambda: fleet.recording('tram') == {other})
    assert time.monotonic() - began < LEASE + 0.5
    fleet.by_name[other].joins('tram', tram)

    (again,) = fleet.start(holder)
    eventually(lambda: len(again.status()['registry']['nodes']) == 2)
    eventually(lambda: again.status()['registry']['leases']['tram'][0].startswith(f'{other}/'))
    for _ in range(3):
        fleet.by_name[other].joins('tram', tram)
        assert fleet.recording('tram') == {other}


def test_a_node_that_stops_leaves_its_streams_to_the_others_at_once(
    live: Origin, redis: RedisServer, fleet: Fleet
) -> None:
    tram = live.live('tram')
    redis.streams('set', 'tram', f'url={live.at(tram)}', ONE)
    fleet.start('node1', 'node2', lease=60)
    (holder,) = eventually(lambda: fleet.recording('tram'))
    assert fleet.by_name[holder].process.stop() == 0
    eventually(lambda: fleet.recording('tram') == {'node1', 'node2'} - {holder}, timeout=SOON)


@pytest.mark.slow
def test_a_node_that_is_back_to_stay_gets_its_streams_again(
    live: Origin, redis: RedisServer, fleet: Fleet
) -> None:
    tram = live.live('tram')
    redis.streams('set', 'tram', f'url={live.at(tram)}', ONE)
    fleet.start('node1', 'node2', lease=0.4)
    holder = fleet.settled('tram')
    (other,) = {'node1', 'node2'} - {holder}
    fleet.by_name[holder].process.stop(signal.SIGKILL)
    eventually(lambda: fleet.recording('tram') == {other})
    fleet.start(holder, lease=0.4)
    eventually(lambda: fleet.recording('tram') == {holder})
    fleet.by_name[holder].joins('tram', tram)


@pytest.mark.slow
@pytest.mark.parametrize('keeps', [True, False], ids=['with its data', 'empty'])
def test_while_redis_is_away_and_when_it_is_back_captures_go_on(
    live: Origin, redis: RedisServer, fleet: Fleet, tmp_path: Path, keeps: bool
) -> None:
    tram, bus, file = live.live('tram'), live.live('bus'), tmp_path / 'streams.toml'
    file.write_text(
        f'[tram]\nurl = "{live.at(tram)}"\nplacement = {{replicas = 1}}\n[bus]\nurl = "{live.at(bus)}"\n'
    )
    redis.kill()
    redis.start(keeps=keeps)
    redis.streams('load', file)
    nodes = fleet.start('node1', 'node2', lease=1)
    holder = fleet.by_name[fleet.settled('tram')]
    eventually(lambda: len(fleet.recording('bus')) == 2)
    before = [node.changes('tram', 'bus') for node in nodes]
    holder.joins('tram', tram)
    redis.kill()
    for node in nodes:
        eventually(lambda node=node: node.metric('streams_registry_good') == 0)
    offered = len(tram.bodies)
    longer_than(LEASE, lambda: holder.joins('tram', tram))
    for node in nodes:
        node.follows('bus', bus)
    redis.start(keeps=keeps)
    eventually(lambda: redis.holders('tram') == {holder.status()['node']})
    if not keeps:
        assert 'segmesh:streams is gone' in eventually(nodes[0].problems)['*']
        redis.streams('load', file)
    for node in nodes:
        eventually(lambda node=node: node.metric('streams_registry_good') == 1)
        node.follows('bus', bus)
    holder.joins('tram', tram)
    assert holder.has('tram')[offered - len(tram.bodies) :] == tram.bodies[offered:]
    assert [node.changes('tram', 'bus') for node in nodes] == before, 'nothing was started, stopped or moved'


def test_a_node_that_starts_while_redis_is_away_goes_on_with_what_it_recorded(
    live: Origin, redis: RedisServer, fleet: Fleet
) -> None:
    tram, bus = live.live('tram'), live.live('bus')
    redis.streams('set', 'tram', f'url={live.at(tram)}', ONE)
    redis.streams('set', 'bus', f'url={live.at(bus)}', 'placement=["node2"]')
    (node,) = fleet.start('node1')
    node.follows('tram', tram)
    redis.kill()
    node.process.stop(signal.SIGKILL)
    (again,) = fleet.start('node1')
    again.joins('tram', tram)
    assert again.records() == {'tram'}
    redis.start(keeps=False)
    assert 'segmesh:streams is gone' in eventually(again.problems)['*']
    eventually(lambda: redis.holders('tram') == {'node1'})
    again.joins('tram', tram)
    assert again.changes('tram') == ['started']


def longer_than(seconds: float, step: Callable[[], None]) -> None:
    """Repeats the step until that much time has gone."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        step()


@pytest.mark.slow
def test_a_node_that_is_cut_off_from_redis_goes_on_and_stops_when_it_hears_that_another_took_over(
    live: Origin, redis: RedisServer, fleet: Fleet, tmp_path: Path
) -> None:
    tram = live.live('tram')
    redis.streams('set', 'tram', f'url={live.at(tram)}', ONE)
    with running(sys.executable, '-u', '-m', 'tests.kit.proxy', str(redis.port)) as proxy:
        url = f'redis://127.0.0.1:{proxy.wait_for(r"http://127.0.0.1:([0-9]+)")[1]}'
        (cut_off,) = fleet.start('node1', url=url)
        eventually(lambda: fleet.recording('tram') == {'node1'})
        (other,) = fleet.start('node2')
        os.kill(proxy.pid, signal.SIGSTOP)
        eventually(lambda: fleet.recording('tram') == {'node1', 'node2'})
        for node in (cut_off, other):
            node.follows('tram', tram)
        os.kill(proxy.pid, signal.SIGCONT)
        eventually(lambda: fleet.recording('tram') == {'node2'})


def test_a_password_is_needed_and_is_not_told(live: Origin, tmp_path: Path) -> None:
    tram, secret = live.live('tram'), tmp_path / 'password'
    with redis_server(tmp_path / 'redis', password='open sesame') as redis:
        table = {'url': live.at(tram)}
        redis.client.hset('segmesh:stream:tram', mapping=table)
        redis.client.sadd('segmesh:streams', 'tram')
        secret.write_text('wrong word\n')
        with recorder(tmp_path / 'A', redis.url, '--redis-password-file', str(secret)) as node:
            node.process.wait_for('cannot be asked: invalid username-password pair')
            secret.write_text('open sesame\n')
            node.follows('tram', tram)
        assert 'wrong word' not in node.process.output
        with recorder(tmp_path / 'B', redis.url, env={'SEGMESH_REDIS_PASSWORD': 'open sesame'}) as node:
            node.joins('tram', tram)


@pytest.mark.slow
def test_it_is_spoken_over_tls_with_a_server_that_is_trusted(
    live: Origin, redis: RedisServer, tmp_path: Path
) -> None:
    tram, authority = live.live('tram'), Authority()
    redis.streams('set', 'tram', f'url={live.at(tram)}', ONE)
    trusted = {'SSL_CERT_FILE': str(authority.write_to(tmp_path))}
    with encrypting(redis.url, authority.context()) as url:
        url = url.replace('https', 'rediss')
        with recorder(tmp_path / 'A', url, env=trusted) as node:
            node.follows('tram', tram)
        with recorder(tmp_path / 'B', url) as node:
            node.process.wait_for('certificate verify failed')
            assert node.records() == set()
