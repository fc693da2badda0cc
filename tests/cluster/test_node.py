"""`segmesh node`: services from one file, started again when they die, gone when it goes."""

import os
import re
import signal
from pathlib import Path

import pytest

from deploy.demo.cluster import free_port
from tests.kit.build import files_below, fill, run_of
from tests.kit.live import LivePlaylist, serving
from tests.kit.process import Process, eventually, get, metrics, run, running


class Node:
    """A node's file, and where it will answer."""

    def __init__(
        self,
        folder: Path,
        number: int = 1,
        *,
        more: str = '',
        peers: tuple[str, ...] = (),
        streams: Path | str = '',
    ) -> None:
        self.store = folder / f'node{number}'
        self.store.mkdir(exist_ok=True)
        port, control, record = free_port(), free_port(), free_port()
        self.url, self.control = f'http://127.0.0.1:{port}', f'http://127.0.0.1:{control}'
        self.recorder = f'http://127.0.0.1:{record}'
        self.config = folder / f'node{number}.toml'
        self._text = f"""
[restreamer]
listen = "127.0.0.1:{port}"
[backfiller]
control = "127.0.0.1:{control}"
recent_cutoff = 0
full_interval = 1
peers = {{peers}}
[streams]
url = "{streams}"
record_control = "127.0.0.1:{record}"
[node]
store = "{self.store}"
{more}
"""
        self.knows(*peers)

    def knows(self, *peers: str) -> None:
        self.config.write_text(self._text.format(peers=list(peers)))

    def wait(self) -> None:
        eventually(lambda: _answers(f'{self.url}/readyz') and _answers(f'{self.control}/status'))


def _answers(url: str) -> bool:
    try:
        return get(url).ok
    except OSError:
        return False


def children(process: Process) -> dict[str, int]:
    """What the supervisor runs: module and arguments -> process id."""
    found = {}
    for folder in Path('/proc').glob('[0-9]*'):
        try:
            status = (folder / 'status').read_text()
            args = (folder / 'cmdline').read_bytes().split(b'\0')
        except OSError:
            continue
        if f'PPid:\t{process.pid}\n' in status:
            found[b' '.join(args[2:]).decode().strip()] = int(folder.name)
    return found


def alive(pids: list[int]) -> list[int]:
    return [pid for pid in pids if Path(f'/proc/{pid}').exists()]


def test_a_node_serves_backfills_records_and_stops(tmp_path: Path) -> None:
    origin = tmp_path / 'origin'
    origin.mkdir()
    live = LivePlaylist(origin)
    live.step(3)
    with serving(origin) as url:
        streams = tmp_path / 'streams.toml'
        streams.write_text(f'[tram]\nurl = "{url}/source.m3u8"\nplacement = ["one"]\n')
        node = Node(tmp_path, more=f'name = "one"\ncapture = ["bus={url}/source.m3u8"]', streams=streams)
        with running('segmesh', 'node', '--config', node.config) as process:
            node.wait()
            assert get(f'{node.url}/readyz').json()['id'] == get(f'{node.control}/status').json()['id']
            eventually(lambda: len([path for path in files_below(node.store) if path.endswith('.ts')]) == 6)
            assert get(f'{node.recorder}/status').json()['streams'].keys() == {'bus', 'tram'}
            assert get(f'{node.url}/holes/bus/source').json()['error'] is None, 'it asks its backfiller'
            pids = list(children(process).values())
            assert len(pids) == 3
            assert process.stop() == 0, process.output
    assert alive(pids) == []


@pytest.mark.parametrize('part', ['restreamer', 'backfiller', 'recorder'])
def test_a_service_that_dies_is_started_again_and_that_is_told(tmp_path: Path, part: str) -> None:
    node = Node(tmp_path, streams=tmp_path / 'streams.toml')
    url = {'restreamer': node.url, 'backfiller': node.control, 'recorder': node.recorder}[part]
    with running('segmesh', 'node', '--config', node.config) as process:
        node.wait()
        eventually(lambda: _answers(f'{url}/healthz'))
        assert metrics(url)['segmesh_restarts'] == 0
        module = {'recorder': 'backfiller.main record', 'backfiller': 'backfiller.main run'}.get(part, part)
        (pid,) = (pid for name, pid in children(process).items() if name.startswith(module))
        os.kill(pid, signal.SIGKILL)
        process.wait_for(f'{part} was killed by signal 9; starting it again')
        eventually(lambda: _answers(f'{url}/healthz') and metrics(url)['segmesh_restarts'] == 1)
        assert process.stop() == 1


def test_services_do_not_outlive_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    node = Node(tmp_path)
    with running('segmesh', 'node', '--config', node.config) as process:
        node.wait()
        pids = list(children(process).values())
        process.stop(signal.SIGKILL)
        eventually(lambda: not alive(pids))


@pytest.mark.parametrize(
    ('text', 'said'),
    [
        ('[node]\nstroe = "x"', r'stroe is not known; there are capture, log_level, name, node_id, store'),
        ('[nod]\n', r'nod is not known'),
        ('[backfiller]\npeers = ["ftp://x"]', r'\[backfiller\] peers: .*ftp://x.* is not allowed'),
        ('[backfiller]\nrecent_cutoff = "soon"', r'recent_cutoff: .*soon.* a number of seconds'),
        ('[restreamer]\nlisten = "here"', r'\[restreamer\] listen: .*here.* HOST:PORT'),
        ('[node', r'is not TOML'),
    ],
)
def test_wrong_settings_end_with_2_and_say_where(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / 'node.toml'
    file.write_text(text)
    outcome = run('segmesh', 'node', '--config', file)
    assert outcome.wait() == 2
    assert re.search(said, outcome.output), outcome.output
    assert str(file) in outcome.output


def test_three_nodes_converge_whatever_each_of_them_missed(tmp_path: Path) -> None:
    pieces = [*run_of(30), *run_of(20, '2026-11-14T04:00:00'), *run_of(10, variant='480p')]
    nodes = [Node(tmp_path, number) for number in (1, 2, 3)]
    for number, node in enumerate(nodes):
        node.knows(*(other.url for other in nodes if other is not node))
        fill(node.store, [each for n, each in enumerate(pieces) if n % 3 == number])
    with (
        running('segmesh', 'node', '--config', nodes[0].config),
        running('segmesh', 'node', '--config', nodes[1].config),
    ):
        eventually(lambda: len(files_below(nodes[0].store)) == len(files_below(nodes[1].store)) == 40)
        # The third was off: it returns with what it had, misses the rest, and the others miss its part.
        with running('segmesh', 'node', '--config', nodes[2].config):
            whole = {each.path: each.body for each in pieces}
            eventually(lambda: all(files_below(node.store) == whole for node in nodes))


@pytest.mark.slow
def test_a_node_that_was_off_for_an_hour_catches_up(tmp_path: Path) -> None:
    nodes = [Node(tmp_path, number) for number in (1, 2)]
    nodes[1].knows(nodes[0].url)
    before, meanwhile = run_of(5), run_of(90, '2026-11-14T04:00:00')
    fill(nodes[0].store, before)
    with running('segmesh', 'node', '--config', nodes[0].config):
        with running('segmesh', 'node', '--config', nodes[1].config):
            eventually(lambda: len(files_below(nodes[1].store)) == 5)
        fill(nodes[0].store, meanwhile)
        with running('segmesh', 'node', '--config', nodes[1].config):
            eventually(lambda: files_below(nodes[1].store) == files_below(nodes[0].store))
    assert len(files_below(nodes[1].store)) == 95
