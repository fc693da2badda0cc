"""Stores to measure with: segments with bytes of their own, or names alone where nothing is ever fetched."""

import math
import os
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from common import digest
from common.segment import Hour, Segment, hour_text, is_name

STREAM, VARIANT = 'bus', 'source'
FIRST = datetime(2024, 3, 1, tzinfo=UTC)
APART = timedelta(seconds=2)
READ_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Corpus:
    """A store and what is in it."""

    root: Path
    segments: int
    total_bytes: int

    @property
    def hours(self) -> list[Hour]:
        return sorted(Hour(STREAM, VARIANT, path.name) for path in (self.root / STREAM / VARIANT).iterdir())

    @property
    def paths(self) -> list[str]:
        """The path of each segment, sorted."""
        return sorted(str(path.relative_to(self.root)) for path in self.root.rglob('*.ts'))


def make(root: Path, *, segments: int, size_bytes: int, hours: int = 4) -> Corpus:
    """A store of that many segments, spread evenly over the hours, two seconds apart."""
    block = random.Random(size_bytes).randbytes(size_bytes)
    an_hour = math.ceil(segments / hours)
    for number in range(segments):
        start = FIRST + timedelta(hours=number // an_hour) + APART * (number % an_hour)
        put(root, start, number.to_bytes(8) + block[8:])
    return Corpus(root, segments, segments * size_bytes)


def put(root: Path, start: datetime, body: bytes) -> Path:
    """One segment, put in place by a rename, as a capture does."""
    content = digest.sha256([body])
    segment = Segment.named(STREAM, VARIANT, start=start, duration=APART, kind='full', content=content)
    path, temp = root / segment.path, root / '.temp' / content
    for folder in (path.parent, temp.parent):
        folder.mkdir(parents=True, exist_ok=True)
    temp.write_bytes(body)
    return temp.rename(path)


def make_names(root: Path, *, hours: int, names: int) -> Path:
    """A store of well-formed names, the same at each call, whose files are empty.

    The names of an hour are links to one file, and the folders are as old as their hours.
    """
    digests = random.Random(names)
    for number in range(hours):
        start = FIRST + timedelta(hours=number)
        folder = root / STREAM / VARIANT / hour_text(start)
        folder.mkdir(parents=True)
        first, *others = (folder / name for name in _names(names, digests))
        first.touch()
        for other in others:
            os.link(first, other)
        os.utime(folder, (start.timestamp(), start.timestamp()))
    return root


def _names(count: int, digests: random.Random) -> Iterator[str]:
    for number in range(count):
        minute, second = divmod(2 * number, 60)
        name = f'{minute:02}:{second:02}-2-full-{digest.from_bytes(digests.randbytes(32))}.ts'
        assert is_name(name), name
        yield name


def warm(root: Path) -> None:
    """Reads everything once, so that it lies in the page cache."""
    for path in _files(root):
        with path.open('rb') as file:
            while file.read(READ_BYTES):
                pass


def contents(root: Path) -> tuple[int, int]:
    """Count and total bytes of the files of a store, less what is hidden."""
    sizes = [path.stat().st_size for path in _files(root)]
    return len(sizes), sum(sizes)


def damaged(root: Path) -> list[str]:
    """The names of the segments whose bytes are not what the name says."""
    return [path.name for path in _files(root) if digest.sha256([path.read_bytes()]) not in path.name]


def _files(root: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(root):
        folders[:] = [each for each in folders if not each.startswith('.')]
        yield from (Path(folder, name) for name in names)
