"""docs/streams.md: its file is one, its keys are all, and its commands give what stands below them."""

import re
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest

from backfiller.streams.file import read_file
from backfiller.streams.stream import KEYS
from tests.cluster.test_readme import Shell, blocks, check, commands, start
from tests.kit.live import LivePlaylist, serving
from tests.kit.redis_server import redis_server

PAGE = Path(__file__).parents[2] / 'docs/streams.md'


def test_the_file_of_the_page_is_right_and_says_all_that_can_be_said(tmp_path: Path) -> None:
    (text,) = blocks('toml', PAGE)
    file = tmp_path / 'streams.toml'
    file.write_text(text)
    content = read_file(file)
    assert content.streams.keys() == {'bus', 'tram'}
    assert len(content.nodes) == 3
    assert all(re.search(rf'^{key} = ', text, re.MULTILINE) for key in KEYS)
    assert all(re.search(rf'^\|.*`{key}`.*\|.*\|.*\|$', PAGE.read_text(), re.MULTILINE) for key in KEYS)


@pytest.mark.slow
def test_every_command_of_the_page_gives_what_stands_below_it(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    origin = tmp_path / 'origin'
    origin.mkdir()
    LivePlaylist(origin, start=f'{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}').step(3)
    with (
        redis_server(tmp_path / 'redis', port=int(shell.ports['6379'])),
        serving(origin, int(shell.ports['8080'])),
        ExitStack() as stack,
    ):
        for command, lines in commands(PAGE):
            expected = [shell.moved(line) for line in lines]
            if command.endswith('&'):
                start(shell, stack, command, expected)
            else:
                check(shell, command, expected)
