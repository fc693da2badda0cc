"""Live streams that a test steps through, and nodes that record them."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.kit.build import files_below
from tests.kit.live import LivePlaylist, serving
from tests.kit.process import Process, eventually, get, metrics, running


@dataclass
class Origin:
    """A server of live playlists, each a stream of its own."""

    folder: Path
    url: str

    def live(self, name: str) -> LivePlaylist:
        """A playlist with its first two segments."""
        playlist = LivePlaylist(self.folder, name=name)
        playlist.step(2)
        return playlist

    def at(self, playlist: LivePlaylist) -> str:
        return f'{self.url}/{playlist.name}.m3u8'


@contextmanager
def origin(folder: Path) -> Iterator[Origin]:
    folder.mkdir()
    with serving(folder) as url:
        yield Origin(folder, url)


@dataclass
class Recorder:
    """`backfiller record` of one node."""

    store: Path
    process: Process
    url: str

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = get(f'{self.url}/status').json()
        return found

    def records(self) -> set[str]:
        """The streams that it is recording."""
        return {name for name, stream in self.status()['streams'].items() if stream['here']}

    def problems(self) -> dict[str, str]:
        found: dict[str, str] = self.status()['registry']['problems']
        return found

    def metric(self, name: str) -> float:
        return metrics(self.url)[name]

    def has(self, stream: str) -> list[bytes]:
        """What it recorded of the stream, in order of time."""
        return [
            body for path, body in sorted(files_below(self.store).items()) if path.startswith(f'{stream}/')
        ]

    def follows(self, stream: str, playlist: LivePlaylist, count: int = 2) -> None:
        """Goes on with the playlist, all of which this node then has."""
        playlist.step(count)
        eventually(lambda: self.has(stream) == playlist.bodies)

    def joins(self, stream: str, playlist: LivePlaylist) -> None:
        """The same for one that did not record it from its beginning: what is offered now, it then has."""
        playlist.step(2)
        eventually(lambda: set(playlist.bodies[-2:]) <= set(self.has(stream)))

    def changes(self, *streams: str) -> list[str]:
        """What became of their captures, one after the other: started, changed, stopped."""
        pattern = re.compile(rf'capture (?:{"|".join(streams)}): (started|changed|stopped)')
        return pattern.findall(self.process.output)

    def said(self, words: str) -> int:
        """How often it logged that."""
        return sum(words in line for line in self.process.lines)


@contextmanager
def recorder(
    store: Path, streams: Path | str, *flags: str, name: str = 'node1', env: Mapping[str, str] | None = None
) -> Iterator[Recorder]:
    command = ['backfiller', 'record', '--store', store, '--streams', str(streams), '--node-name', name]
    with running(*command, '--record-control', '127.0.0.1:0', *flags, env=env) as process:
        yield Recorder(store, process, process.wait_for(r'status on (http://\S+)/status')[1])
