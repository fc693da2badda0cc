"""What all scenarios share: how much of the data, how many rounds, the stores, and what comes out."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from tests.bench import corpus
from tests.bench.corpus import Corpus

MB = 1_000_000
SIZES = {'small': (7200, 100_000), 'big': (1200, 2_000_000)}
"""The stores: how many segments of how many bytes."""


@dataclass(frozen=True)
class Figure:
    """One of the figures to reach; `measured` is None where it could not be measured."""

    what: str
    measured: float | None
    limit: float
    unit: str = ''
    at_least: bool = False

    @property
    def reached(self) -> bool | None:
        if self.measured is None:
            return None
        return self.measured >= self.limit if self.at_least else self.measured <= self.limit


Cell = str | float | None


@dataclass
class Result:
    """A table, the figures that come of it, and every raw number behind it."""

    name: str
    about: str
    columns: list[str]
    rows: list[list[Cell]] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    raw: dict[str, Any] = field(default_factory=dict)


@dataclass
class Bench:
    """How a run is done. `scale` shrinks the data; figures then mean little."""

    folder: Path
    rounds: int
    scale: float
    say: Callable[[str], None]
    _stores: dict[str, Corpus] = field(default_factory=dict)
    _targets: int = 0

    def scaled(self, count: float, least: int = 1) -> int:
        return max(least, round(count * self.scale))

    def store(self, name: str) -> Corpus:
        """The store `small` or `big`, made when it is first asked for, in the page cache."""
        if name not in self._stores:
            segments, size_bytes = SIZES[name]
            self._stores[name] = self.make(name, self.scaled(segments, 8), size_bytes)
        corpus.warm(self._stores[name].root)
        return self._stores[name]

    def make(self, name: str, segments: int, size_bytes: int) -> Corpus:
        """A store in our folder; whoever makes it for itself removes it."""
        self.say(f'making {segments} segments of {size_bytes / MB:g} MB')
        return corpus.make(self.folder / name, segments=segments, size_bytes=size_bytes)

    @contextmanager
    def target(self) -> Iterator[Path]:
        """A fresh, empty folder. What it leaves to be written is waited for, so that it costs nobody else.

        What was in it goes when the whole run is over, and until then its files are only emptied: ext4
        without a journal does not use the inodes of deleted files again for minutes, and passes over each of
        them whenever a file is made, which would cost whoever comes next more than all the rest.
        """
        self._targets += 1
        folder = self.folder / f'target-{self._targets}'
        folder.mkdir()
        os.sync()
        try:
            yield folder
        finally:
            _empty(folder)


def _empty(folder: Path) -> None:
    for path in folder.rglob('*'):
        if path.is_file():
            os.truncate(path, 0)


def middle(values: list[float]) -> float | None:
    """The median, if there is anything."""
    return median(values) if values else None


def ratio(one: float | None, other: float | None) -> float | None:
    return one / other if one is not None and other else None


def percentile(values: list[float], per_cent: float) -> float | None:
    """The smallest value that this many per cent do not exceed (nearest rank)."""
    ordered = sorted(values)
    rank = max(1, -(-len(ordered) * per_cent // 100))
    return ordered[int(rank) - 1] if ordered else None
