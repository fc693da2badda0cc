"""What is remembered of hours, asked for by several threads at once."""

import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from random import Random

import pytest
from gevent.threadpool import ThreadPool

from common.disk import Disk
from common.reel import Reel
from common.remembered import Remembered
from common.segment import Hour
from restreamer.playing import hours
from restreamer.playing.hours import Openings
from tests.kit.build import run_of

HOURS = [Hour('bus', 'source', f'2026-11-{day:02}T{hour:02}') for day in range(1, 21) for hour in range(24)]
NAMES = [each.name for each in run_of(8)]
THREADS = 8


class Quiet(Disk):
    """A disk on which nothing changes, and that takes no time."""

    def state(self, hour: Hour) -> tuple[int, int]:
        return 1, 1

    def beginnings(self, hour: Hour, names: Iterable[str], size_bytes: int) -> Iterator[bytes]:
        return (b'' for _ in names)


@pytest.fixture
def quiet(tmp_path: Path) -> Iterator[Quiet]:
    """And threads that take turns as often as can be."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield Quiet(tmp_path)
    sys.setswitchinterval(before)


def asked_by_many(ask: Callable[[Hour], object]) -> None:
    def go_on(seed: int) -> None:
        for hour in Random(seed).choices(HOURS, k=3000):
            ask(hour)

    threads = ThreadPool(THREADS)
    try:
        threads.map(go_on, range(THREADS))
    finally:
        threads.kill()


def test_several_threads_forget_what_is_too_much_and_never_more(quiet: Quiet) -> None:
    remembered = Remembered(quiet, lambda hour: hour.text, most=10)
    asked_by_many(remembered.of)
    assert remembered._weight == len(remembered._known) == 10


def test_several_threads_ask_how_segments_begin(quiet: Quiet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hours, 'MOST_OPENINGS', 30)
    openings = Openings(quiet)
    asked_by_many(lambda hour: openings.of(Reel.of(hour, NAMES)))
    assert sum(map(len, openings._known.values())) <= 30
