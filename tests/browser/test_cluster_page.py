"""The page of a real node among three, with nothing made up: what is missing, who has it, and that it comes.

The recording is a day old: such hours are compared at the start, and when somebody asks for it. All nodes
lack some seconds of it. Then some of these are found elsewhere, and put into the stores of two nodes.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from deploy.demo.cluster import free_port
from tests.browser.viewer import need_browser
from tests.kit.build import Piece, files_below, fill
from tests.kit.footage import footage
from tests.kit.needs import need_time
from tests.kit.process import eventually, get, running

PICTURES = Path(__file__).parents[2] / 'build/screenshots'
READ, ADMIN = 'read-' + 'r' * 20, 'admin-' + 'a' * 20
BEGUN = (datetime.now(UTC) - timedelta(hours=26)).replace(minute=7, second=0, microsecond=0)
FOUND = (20, 24)
LOST = (70, 76)
"""Seconds of the recording: what turns up again at two nodes, and what nobody has."""

Facts = dict[str, Any]


class Node:
    """A node whose reading and changing need tokens."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = folder / 'store'
        port, control = free_port(), free_port()
        self.url, self.control = f'http://127.0.0.1:{port}', f'http://127.0.0.1:{control}'
        folder.mkdir()
        for name, token in (('read', READ), ('admin', ADMIN)):
            (folder / name).write_text(token)
            (folder / name).chmod(0o600)

    def knows(self, *peers: str) -> Path:
        """Writes its settings; their file."""
        config = self.folder / 'node.toml'
        config.write_text(f"""
[node]
store = "{self.store}"
[restreamer]
listen = "{urlsplit(self.url).netloc}"
read_token_file = "{self.folder}/read"
admin_token_file = "{self.folder}/admin"
[backfiller]
control = "{urlsplit(self.control).netloc}"
peers = {list(peers)}
peer_token_file = "{self.folder}/read"
""")
        return config

    def has_compared_all(self) -> bool:
        """Whether it has looked at every hour of its peers."""
        try:
            peers = get(f'{self.control}/status').json()['peers'].values()
        except OSError:
            return False
        return len(peers) == 2 and all(map(_has_compared_all, peers))


def _has_compared_all(peer: dict[str, Any]) -> bool:
    return peer['state'] == 'idle' and (peer['last_pass'] or {}).get('kind') == 'full'


@contextmanager
def cluster(folder: Path, recorded: list[Piece]) -> Iterator[list[Node]]:
    """Three nodes that hold this, and know that there is no more."""
    nodes = [Node(folder / f'node{number}') for number in (1, 2, 3)]
    with ExitStack() as stack:
        for node in nodes:
            fill(node.store, recorded)
            config = node.knows(*(each.url for each in nodes if each is not node))
            stack.enter_context(running('segmesh', 'node', '--config', config))
        for node in nodes:
            eventually(node.has_compared_all)
        yield nodes


def lies_in(piece: Piece, seconds: tuple[int, int]) -> bool:
    """Whether the piece belongs to that part of the one variant that has holes."""
    since = (piece.segment.start - BEGUN).total_seconds()
    return piece.hour.variant == 'source' and seconds[0] <= since < seconds[1]


def minute(seconds: int) -> str:
    return f'{BEGUN + timedelta(seconds=seconds):%Y-%m-%dT%H:%M}'


def clock(seconds: int) -> str:
    return f'{BEGUN + timedelta(seconds=seconds):%H:%M:%S}'


@pytest.fixture(scope='module')
def video(tmp_path_factory: pytest.TempPathFactory) -> list[Piece]:
    need_time()
    need_browser()
    made = footage(tmp_path_factory.mktemp('video'), BEGUN, seconds=100)
    return [piece for together in made for piece in together]


@pytest.fixture(scope='module')
def nodes(tmp_path_factory: pytest.TempPathFactory, video: list[Piece]) -> Iterator[list[Node]]:
    """Node 1 has not heard yet of what was found."""
    found = [each for each in video if lies_in(each, FOUND)]
    recorded = [each for each in video if not (lies_in(each, FOUND) or lies_in(each, LOST))]
    with cluster(tmp_path_factory.mktemp('cluster'), recorded) as nodes:
        for node in nodes[1:]:
            fill(node.store, found)
        yield nodes


@pytest.fixture(scope='module')
def facts(nodes: list[Node], tmp_path_factory: pytest.TempPathFactory) -> Facts:
    """What the operator of node 1 found."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    told = {
        'url': nodes[0].url,
        'read': READ,
        'admin': ADMIN,
        'minute': f'{minute(60)}:00Z',
        'map': {'from': f'{minute(0)}:00Z', 'to': f'{minute(120)}:00Z'},
        'pictures': str(PICTURES),
    }
    environment = dict.fromkeys(('HOME', 'TMPDIR', 'XDG_RUNTIME_DIR'), str(tmp_path_factory.mktemp('home')))
    visit = (sys.executable, '-m', 'tests.browser.cluster_visit', json.dumps(told))
    with running(*visit, env=environment) as process:
        assert process.wait(60) == 0, process.output
    (line,) = (each for each in process.lines if each.startswith('{'))
    found: Facts = json.loads(line)
    return found


def test_it_asks_for_the_token_and_then_says_in_a_sentence_what_is_missing(facts: Facts) -> None:
    assert 'missing' not in facts['before']
    first = facts['first']
    assert first['verdict'] == (
        '3 segments are missing everywhere; 2 segments are missing here but can still be fetched'
    )
    assert first['title'].startswith(first['verdict'])


def test_every_hole_stands_in_the_table_with_who_has_it(nodes: list[Node], facts: Facts) -> None:
    lost, found = facts['first']['rows']
    assert clock(LOST[0]) in lost
    assert clock(LOST[1]) in lost
    assert 'missing everywhere' in lost
    assert clock(FOUND[0]) in found
    assert f'can be fetched from {", ".join(urlsplit(each.url).netloc for each in nodes[1:])}' in found


def test_the_map_shows_them_at_their_minutes(nodes: list[Node], facts: Facts) -> None:
    assert facts['first']['map'] == {minute(FOUND[0]): 'held', minute(LOST[0]): 'lost'}
    assert facts['maps'] == ['this node', *(urlsplit(each.url).netloc for each in nodes[1:])]


def test_a_click_plays_the_minute_whose_segments_need_the_token(facts: Facts) -> None:
    played = facts['played']
    assert played['says'].startswith('bus/source, ')
    assert f'{clock(60)[:-2]}' in played['says']
    assert played['address'] == f'#bus/source@{minute(60)}:00Z'
    assert played['frames'] > 10


def test_a_pass_takes_the_admin_token_and_brings_what_can_be_fetched(
    nodes: list[Node], facts: Facts, video: list[Piece]
) -> None:
    assert facts['pass'] == {
        'refused': 'the read token is not enough for this: send the admin token',
        'said': '2 peers are asked now.',
    }
    assert facts['after']['verdict'] == '3 segments are missing everywhere'
    (row,) = facts['after']['rows']
    assert 'missing everywhere' in row
    assert facts['after']['map'] == {minute(LOST[0]): 'lost'}
    assert facts['stayed'], 'the page was loaded again'
    held = {path for path in files_below(nodes[0].store) if path.endswith('.ts')}
    assert held == {each.path for each in video if not lies_in(each, LOST)}


def test_nothing_goes_wrong_and_nobody_else_is_asked(nodes: list[Node], facts: Facts) -> None:
    assert facts['refused'] == ['401 /parts/overview', '403 /backfill']
    assert len(facts['complaints']) == len(facts['refused']), facts['complaints']
    assert all('Failed to load resource' in each for each in facts['complaints'])
    there = {urlsplit(url).netloc for url in facts['urls'] if not url.startswith('blob:')}
    assert there == {urlsplit(nodes[0].url).netloc}
