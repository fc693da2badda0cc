"""What people write into the registry in Redis, and what is refused of it."""

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from backfiller.streams.calls import Calls
from backfiller.streams.writer import Writer
from common.errors import UsageError
from tests.kit.process import run
from tests.kit.redis_server import RedisServer, redis_server


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    with redis_server(tmp_path / 'redis') as server:
        yield server


def test_the_writer_refuses_what_no_node_could_read(redis: RedisServer, tmp_path: Path) -> None:
    with closing(Calls(redis.url, None)) as calls:
        writer = Writer(calls)
        bad = {'bus': {'url': 'http://o/a', 'state': 'running'}}
        for refused, said in (
            (lambda: writer.put({'tram': {'url': 'http://o/b'}, **bad}), "state: 'running' is not allowed"),
            (lambda: writer.change('bus', {'url': 'http://o/a', 'state': 'running'}), 'is not allowed'),
            (lambda: writer.change('../up', {'url': 'http://o/a'}), "'../up' is not allowed"),
            (lambda: writer.change('bus', {'url': 'http://o/a', 'variants': '["a"'}), 'is not JSON'),
            (lambda: writer.change('bus', {'state': 'stop'}), 'give url, or sources'),
            (lambda: writer.remove('bus'), 'there is no stream bus'),
        ):
            with pytest.raises(UsageError, match=re.escape(said)):
                refused()
    assert redis.client.keys('segmesh:stream*') == []


def test_a_field_is_changed_taken_out_and_a_url_takes_the_place_of_sources(redis: RedisServer) -> None:
    with closing(Calls(redis.url, None)) as calls:
        writer = Writer(calls)
        writer.put({'bus': {'sources': ['http://o/a', 'http://o/b'], 'state': 'stop'}})
        writer.change('bus', {'url': 'http://o/c', 'state': ''})
        assert redis.client.hgetall('segmesh:stream:bus') == {'url': 'http://o/c'}


@pytest.mark.parametrize(
    ('given', 'said'),
    [
        (['list'], 'there is no registry: give --streams redis://HOST'),
        (['--streams', 'streams.toml', 'list'], 'streams.toml is a file, to be edited by hand'),
    ],
)
def test_without_redis_it_says_what_to_do(given: list[str], said: str) -> None:
    done = run('backfiller', 'streams', *given)
    assert (done.wait(), said in done.output) == (2, True), done.output


def test_help_needs_no_redis() -> None:
    done = run('backfiller', 'streams', 'set', '--help')
    assert (done.wait(), 'Add a stream' in done.output) == (0, True), done.output


def test_a_wrong_key_is_bad_usage(redis: RedisServer) -> None:
    done = run('backfiller', 'streams', '--streams', redis.url, 'set', 'bus', 'uri=http://o/a')
    assert (done.wait(), 'the keys are url, sources' in done.output) == (2, True), done.output


def test_a_file_is_loaded_and_the_other_streams_stay(redis: RedisServer, tmp_path: Path) -> None:
    file = tmp_path / 'streams.toml'
    file.write_text('[bus]\nsources = ["http://o/a", "http://o/b"]\nplacement = {replicas = 2}\n')
    redis.streams('set', 'tram', 'url=http://o/tram')
    assert '1 stream written' in redis.streams('load', file)
    assert redis.streams('list').splitlines() == [
        'bus  run  on 2 of the nodes  held by nobody  http://o/a',
        'tram  run  on all  held by nobody  http://o/tram',
        'nodes: none',
    ]
