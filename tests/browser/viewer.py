"""A viewer with Chromium, who opens a page that plays what is mirrored in a bucket, or held by a node."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from shutil import copyfile
from typing import Any

from tests.kit.archive import Archive
from tests.kit.build import Piece
from tests.kit.needs import need, need_module, need_that
from tests.kit.process import Process, eventually, running

HERE = Path(__file__).parent
HLS_JS = HERE.parents[1] / 'node_modules/hls.js/dist/hls.min.js'
WAITED = 'bufferStalledError'


def need_browser() -> None:
    """Chromium, and hls.js for its page."""
    need('chromium')
    need_module('playwright')
    need_that(HLS_JS.exists(), 'hls.js: make assets')


@dataclass(frozen=True)
class View:
    """What the page says of itself; without hls.js it does not know what is appended, nor the date."""

    appended: list[tuple[datetime, int]]
    errors: list[str]
    fatal: str | None
    ended: bool
    seconds: float
    date: datetime | None
    played: list[tuple[float, float]]
    frames: int

    @classmethod
    def parse(cls, line: str) -> 'View':
        told: dict[str, Any] = json.loads(line)
        told['appended'] = [(_date(each['start']), each['bytes']) for each in told['appended']]
        told['date'] = told['date'] and _date(told['date'])
        return cls(**told)

    @property
    def complaints(self) -> list[str]:
        """What hls.js found wrong; that it had to wait is no wrong."""
        return [each for each in self.errors if each != WAITED]

    def has_reached(self, piece: Piece) -> bool:
        """Whether it is beyond the middle of the piece."""
        return self.date is not None and self.date > piece.segment.start + piece.segment.duration / 2


class Viewer:
    """Watches for as long as the process runs."""

    def __init__(self, process: Process) -> None:
        self._process = process

    def until(self, condition: Callable[[View], bool]) -> View:
        """The first view of which it is true; fails if the player gives up before."""

        def found() -> View | None:
            view = self._newest()
            if view is None or condition(view):
                return view
            assert not view.fatal, view
            return None

        view: View = eventually(found)
        return view

    def _newest(self) -> View | None:
        assert not self._process.has_ended(), self._process.output
        return View.parse(self._process.lines[-1]) if self._process.lines else None


@contextmanager
def watching(archive: Archive, playlist: str, home: Path, *, native: bool = False) -> Iterator[Viewer]:
    """A viewer of a playlist in the bucket, whose browser leaves its files in the folder `home`."""
    archive.put('player.html', (HERE / 'player.html').read_bytes(), content_type='text/html')
    archive.put('hls.js', HLS_JS.read_bytes(), content_type='text/javascript')
    page = archive.public_url('player.html')
    with _looking_at(page, playlist, home, 'native' if native else '') as viewer:
        yield viewer


@contextmanager
def watching_node(url: str, home: Path, *, native: bool = False, again: bool = False) -> Iterator[Viewer]:
    """A viewer of a playlist that a node serves; the page comes from elsewhere, as such pages do.

    `again` has the page load the playlist once more if its numbers are no more what they were.
    """
    page = home / 'player.html'
    copyfile(HERE / 'player.html', page)
    copyfile(HLS_JS, home / 'hls.js')
    mode = 'native' if native else 'again' if again else ''
    with _looking_at(page.as_uri(), url, home, mode) as viewer:
        yield viewer


@contextmanager
def _looking_at(page: str, playlist: str, home: Path, mode: str) -> Iterator[Viewer]:
    address = f'{page}?{mode}#{playlist}'
    environment = dict.fromkeys(('HOME', 'TMPDIR', 'XDG_RUNTIME_DIR'), str(home))
    with running(sys.executable, HERE / 'look.py', address, env=environment) as process:
        yield Viewer(process)


def _date(text: str) -> datetime:
    return datetime.fromisoformat(text)
