"""Every command of the README, run in order, with the output that stands below it."""

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import imageio_ffmpeg
import pytest

from deploy.demo import video
from deploy.demo.cluster import free_port
from tests.kit import s3
from tests.kit.build import Piece, at, fill
from tests.kit.live import LivePlaylist, serving
from tests.kit.process import BIN, eventually, running
from tests.kit.s3_servers import ministack

README = Path(__file__).parents[2] / 'README.md'
PORTS = ('6379', '8001', '8002', '8003', '8011', '8021', '8080', '9000')
HOUR = at('2026-11-14T03:00:00')


def blocks(language: str, page: Path = README) -> list[str]:
    return re.findall(rf'^```{language}\n(.*?)^```', page.read_text(), re.MULTILINE | re.DOTALL)


def commands(page: Path = README) -> list[tuple[str, list[str]]]:
    """Each command of the console blocks, with the lines below it."""
    found: list[tuple[str, list[str]]] = []
    for line in ''.join(blocks('console', page)).splitlines():
        if line.startswith('$ '):
            found.append((line[2:], []))
        else:
            found[-1][1].append(line)
    return found


class Shell:
    """Runs the commands of the README in a folder, on ports of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports = {port: str(free_port()) for port in PORTS}
        (folder / 'bin').mkdir()
        (folder / 'bin/ffmpeg').symlink_to(imageio_ffmpeg.get_ffmpeg_exe())

    @property
    def path(self) -> str:
        """Where programs are looked for: ffmpeg is always there."""
        return f'{self.folder}/bin:{BIN}:{os.environ["PATH"]}'

    def moved(self, text: str) -> str:
        """The text with our ports for those of the README."""
        return re.sub('|'.join(PORTS), lambda match: self.ports[match[0]], text)

    def run(self, command: str) -> str:
        """What the command prints, with what it complains of; a failure is told in its last line."""
        done = subprocess.run(
            ['bash', '-c', self.moved(command)],
            cwd=self.folder,
            env={**os.environ, 'PATH': self.path},
            capture_output=True,
            text=True,
            timeout=60,
        )
        return done.stdout + done.stderr + (f'exit code {done.returncode}' if done.returncode else '')


@pytest.fixture(scope='module')
def made(tmp_path_factory: pytest.TempPathFactory) -> list[Piece]:
    """Thirty segments of real video, two minutes."""
    found = video.past_hour(tmp_path_factory.mktemp('video'), HOUR)[:30]
    return [Piece(segment, path.read_bytes()) for segment, path in found]


@pytest.fixture
def shell(tmp_path: Path, made: list[Piece]) -> Iterator[Shell]:
    """A folder with the node's part of a recording, an origin, two peers and an S3 server."""
    shell = Shell(tmp_path)
    fill(tmp_path / 'store', made[:20])
    origin = tmp_path / 'origin'
    origin.mkdir()
    LivePlaylist(origin, start=f'{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}').step(3)
    first, second = fill(tmp_path / 'A', made[20:25]), fill(tmp_path / 'B', made[:20])
    with (
        serving(origin, int(shell.ports['8080'])),
        running('restreamer', '--store', first, '--listen', f'127.0.0.1:{shell.ports["8011"]}'),
        running('restreamer', '--store', second, '--listen', f'127.0.0.1:{shell.ports["8021"]}'),
        ministack(tmp_path / 's3', int(shell.ports['9000'])) as url,
    ):
        s3.client(url).create_bucket(Bucket='archive')
        yield shell


def matches(expected: list[str], output: str) -> bool:
    """Line by line; `...` stands for anything."""
    pattern = '\n'.join('.*'.join(re.escape(part) for part in line.split('...')) for line in expected)
    return re.fullmatch(pattern, output.rstrip('\n')) is not None


def start(shell: Shell, stack: ExitStack, command: str, expected: list[str]) -> None:
    """Starts what the README runs in the background, and waits for the lines that it promises."""
    name, *args = shell.moved(command).rstrip(' &').split()
    command_line = ('env', '-C', shell.folder, f'PATH={shell.path}', BIN / name, *args)
    process = stack.enter_context(running(*command_line))
    for line in expected:
        process.wait_for(re.escape(line.removeprefix('... ')))


def check(shell: Shell, command: str, expected: list[str]) -> None:
    """Runs the command until it says what it should; backfill and mirror need a moment."""
    said = ['']

    def as_it_stands() -> bool:
        said[0] = shell.run(command)
        return matches(expected, said[0])

    try:
        eventually(as_it_stands, timeout=20)
    except AssertionError:
        pytest.fail(f'{command}\nstands in the README with\n{expected}\nand says\n{said[0]}')


def test_the_config_and_every_command_give_what_stands_below_them(shell: Shell) -> None:
    (config,) = blocks('toml')
    (shell.folder / 'node.toml').write_text(shell.moved(config))
    with ExitStack() as stack:
        for command, lines in commands():
            expected = [shell.moved(line) for line in lines]
            if command.endswith('&'):
                start(shell, stack, command, expected)
            else:
                check(shell, command, expected)
