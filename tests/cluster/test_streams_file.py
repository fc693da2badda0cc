"""Streams of a file that is edited while they are recorded, by `backfiller record` as a real process."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.live import LivePlaylist
from tests.kit.process import eventually, get, run
from tests.kit.streams import Origin, origin, recorder

SOON = 2.0
"""Seconds within which an edit is to apply."""


class Registry:
    """A streams.toml, replaced as editors do it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / 'streams.toml'

    def says(self, *streams: str, top: str = '') -> None:
        temp = self.path.with_suffix('.new')
        temp.write_text(top + '\n' + '\n'.join(streams))
        temp.rename(self.path)


def stream(name: str, url: str, more: str = '') -> str:
    return f'[{name}]\nurl = "{url}"\n{more}\n'


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Origin]:
    with origin(tmp_path / 'origin') as found:
        yield found


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path)


@pytest.fixture
def tram(live: Origin) -> LivePlaylist:
    """The stream that nobody touches."""
    return live.live('tram')


def test_a_stream_is_stopped_started_and_repointed_while_the_others_go_on(
    live: Origin, registry: Registry, tram: LivePlaylist, tmp_path: Path
) -> None:
    bus, backup = live.live('bus'), live.live('backup')
    registry.says(stream('tram', live.at(tram)), stream('bus', live.at(bus)))
    with recorder(tmp_path / 'store', registry.path) as node:
        node.follows('bus', bus)
        node.follows('tram', tram)

        registry.says(stream('tram', live.at(tram)), stream('bus', live.at(backup)))
        eventually(lambda: set(backup.bodies) <= set(node.has('bus')), timeout=SOON)
        node.follows('tram', tram)

        registry.says(stream('tram', live.at(tram)), stream('bus', live.at(backup), 'state = "stop"'))
        eventually(lambda: node.records() == {'tram'}, timeout=SOON)
        kept = node.has('bus')
        backup.step(2)
        node.follows('tram', tram, 3)
        assert node.has('bus') == kept

        registry.says(
            stream('tram', live.at(tram)), stream('bus', live.at(backup)), stream('new', live.at(bus))
        )
        eventually(lambda: set(backup.bodies) <= set(node.has('bus')), timeout=SOON)
        eventually(lambda: set(bus.bodies) == set(node.has('new')), timeout=SOON)
        registry.says(stream('tram', live.at(tram)))
        eventually(lambda: node.records() == {'tram'}, timeout=SOON)
        node.follows('tram', tram)
        assert node.changes('tram') == ['started']
        assert node.changes('bus') == ['started', 'changed', 'stopped', 'started', 'stopped']
        assert node.process.stop() == 0, node.process.output


@pytest.mark.parametrize(
    ('text', 'said'),
    [
        ('[bus', 'is not TOML'),
        ('[bus]\nurl = "ftp://x"\n', "[bus] url: 'ftp://x' is not allowed: give an http or https URL"),
        ('[bus]\nurl = "http://x"\nsate = "stop"\n', "[bus]: 'sate' is not known; there are url, sources"),
        (
            '[bus]\nurl = "http://x"\nplacement = {replicas = 1}\n',
            'put nodes = ["node1", "node2"] at its top',
        ),
        ('\n', 'is empty: to record nothing'),
        (None, 'No such file or directory'),
    ],
)
def test_a_bad_edit_changes_nothing_and_is_said_once(
    live: Origin, registry: Registry, tram: LivePlaylist, tmp_path: Path, text: str | None, said: str
) -> None:
    registry.says(stream('tram', live.at(tram)))
    with recorder(tmp_path / 'store', registry.path) as node:
        node.follows('tram', tram)
        assert (node.problems(), node.metric('streams_registry_good')) == ({}, 1)
        if text is None:
            registry.path.unlink()
        else:
            registry.path.write_text(text)
        problem = eventually(node.problems, timeout=SOON)['*']
        assert said in problem
        assert str(registry.path) in problem
        assert (node.metric('streams_registry_good'), node.records()) == (0, {'tram'})
        node.follows('tram', tram)
        assert node.said(problem) == 1
        assert get(f'{node.url}/healthz').ok

        registry.says(stream('tram', live.at(tram)), stream('bus', live.at(tram)))
        eventually(lambda: node.records() == {'tram', 'bus'}, timeout=SOON)
        assert (node.problems(), node.metric('streams_registry_good')) == ({}, 1)
        assert node.changes('tram') == ['started']


def test_a_file_that_is_not_there_yet_is_waited_for(
    live: Origin, registry: Registry, tram: LivePlaylist, tmp_path: Path
) -> None:
    with recorder(tmp_path / 'store', registry.path) as node:
        eventually(node.problems)
        registry.says(stream('tram', live.at(tram)))
        node.follows('tram', tram)


@pytest.mark.slow
def test_a_node_that_starts_while_the_file_is_wrong_goes_on_with_what_it_recorded(
    live: Origin, registry: Registry, tram: LivePlaylist, tmp_path: Path
) -> None:
    registry.says(stream('tram', live.at(tram)), stream('bus', live.at(tram), 'state = "stop"'))
    with recorder(tmp_path / 'store', registry.path) as node:
        node.follows('tram', tram)
        registry.path.write_text('[bus')
        eventually(node.problems)
    with recorder(tmp_path / 'store', registry.path) as node:
        eventually(node.problems)
        node.joins('tram', tram)
        assert node.records() == {'tram'}
        assert node.status()['streams'].keys() == {'tram', 'bus'}
    with recorder(tmp_path / 'store', tmp_path / 'another.toml') as node:
        eventually(node.problems)
        assert node.status()['streams'] == {}


def test_each_node_records_what_is_placed_on_it(
    live: Origin, registry: Registry, tram: LivePlaylist, tmp_path: Path
) -> None:
    placements = {
        'everywhere': '"all"',
        'first': '["node1"]',
        'both': '["node2", "node1", "other"]',
        'third': '["node3"]',
        **{f'dealt{n}': '{replicas = 1}' for n in range(6)},
        'twice': '{replicas = 2}',
    }
    streams = [stream(name, live.at(tram), f'placement = {where}') for name, where in placements.items()]
    registry.says(*streams, top='nodes = ["node1", "node2"]')
    with (
        recorder(tmp_path / 'A', registry.path, name='node1') as first,
        recorder(tmp_path / 'B', registry.path, name='node2') as second,
    ):
        expected = {'everywhere', 'both', 'twice'}
        eventually(lambda: first.records() > expected and second.records() > expected)
        ours, theirs = first.records(), second.records()
        assert ours & theirs == expected
        assert ours | theirs == placements.keys() - {'third'}
        assert 'first' in ours


def test_a_new_order_of_the_sources_behind_the_first_disturbs_nothing(
    live: Origin, registry: Registry, tram: LivePlaylist, tmp_path: Path
) -> None:
    sources = [live.at(tram), 'http://127.0.0.1:9/b', 'http://127.0.0.1:9/c']
    registry.says(f'[tram]\nsources = {sources}')
    with recorder(tmp_path / 'store', registry.path) as node:
        node.follows('tram', tram)
        registry.says(f'[tram]\nsources = {[sources[0], sources[2]]}', stream('bus', live.at(tram)))
        eventually(lambda: node.records() == {'bus', 'tram'})
        assert node.changes('tram') == ['started']


def test_the_captures_of_the_settings_are_streams_too(
    live: Origin, registry: Registry, tram: LivePlaylist, tmp_path: Path
) -> None:
    bus, other = live.live('bus'), live.live('other')
    registry.says(stream('tram', live.at(tram)), stream('bus', live.at(other), 'state = "stop"'))
    with recorder(tmp_path / 'store', registry.path, '--capture', f'bus={live.at(bus)}') as node:
        node.follows('bus', bus)
        node.follows('tram', tram)
        assert '[bus] stands in [node] capture, too, which holds' in node.problems()['bus']
        assert node.status()['streams']['bus']['of'] == 'settings'


def test_nothing_to_record_is_bad_usage(tmp_path: Path) -> None:
    for flags, said in (
        ([], 'there is nothing to record'),
        (['--streams', 'http://x'], "'http://x' is not allowed"),
        (['--streams', 'redis://:secret@x'], 'without a password'),
    ):
        outcome = run('backfiller', 'record', '--store', tmp_path, *flags)
        assert (outcome.wait(), said in outcome.output) == (2, True), outcome.output
