"""Counts and fingerprints of hours, and what they cost."""

import os
from pathlib import Path
from typing import Any

import pytest

from common import digest
from common.disk import Disk
from common.remembered import SETTLED_NS
from common.segment import Hour
from common.summaries import Summaries
from common.wire import HourSummary
from tests.kit.build import HOUR, Piece, fill, run_of, tombstone_of

PIECES = run_of(5)
LONG_AGO_NS = 10**18


class Clock:
    """Wall time in ns, long after anything in these tests was written."""

    now = LONG_AGO_NS + 10 * SETTLED_NS

    def __call__(self) -> int:
        return self.now


class Counting(Disk):
    """A disk that counts how often an hour is listed."""

    listings = 0

    def names(self, hour: Hour) -> set[str]:
        self.listings += 1
        return super().names(hour)


def touch(root: Path, at_ns: int = LONG_AGO_NS) -> None:
    """Gives the hour folder a modification time."""
    os.utime(root / HOUR.path, ns=(at_ns, at_ns))


def expected(pieces: list[Piece]) -> HourSummary:
    return HourSummary(len(pieces), digest.fingerprint(each.name for each in pieces))


def test_a_quiet_hour_is_listed_once(tmp_path: Path) -> None:
    disk = Counting(fill(tmp_path, PIECES))
    touch(tmp_path)
    summaries = Summaries(disk, Clock())
    for _ in range(3):
        assert summaries.of([HOUR]) == {HOUR: expected(PIECES)}
    assert disk.listings == 1


def test_an_hour_that_changed_is_listed_again(tmp_path: Path) -> None:
    disk = Counting(fill(tmp_path, PIECES[:4]))
    touch(tmp_path)
    summaries = Summaries(disk, Clock())
    summaries.of([HOUR])
    fill(tmp_path, PIECES)
    touch(tmp_path, LONG_AGO_NS + 1)
    assert summaries.of([HOUR]) == {HOUR: expected(PIECES)}


def test_a_young_folder_is_not_trusted(tmp_path: Path) -> None:
    """Two changes within one step of the clock leave the same modification time."""
    disk, clock = Counting(fill(tmp_path, PIECES[:4])), Clock()
    clock.now = LONG_AGO_NS + SETTLED_NS // 2
    touch(tmp_path)
    summaries = Summaries(disk, clock)
    summaries.of([HOUR])
    fill(tmp_path, PIECES)
    touch(tmp_path)
    assert summaries.of([HOUR]) == {HOUR: expected(PIECES)}


def test_a_tombstone_changes_the_fingerprint_and_the_count(tmp_path: Path) -> None:
    disk = Disk(fill(tmp_path, PIECES))
    disk.add(tombstone_of(PIECES[0]), [])
    (found,) = Summaries(disk).of([HOUR]).values()
    assert found.segments == 4
    assert found.fingerprint == digest.fingerprint(disk.names(HOUR))


def test_an_hour_that_is_gone_holds_nothing(tmp_path: Path) -> None:
    assert Summaries(Disk(tmp_path)).of([HOUR]) == {HOUR: expected([])}


def test_an_hour_that_cannot_be_read_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise PermissionError(13, 'Permission denied')

    disk = Disk(fill(tmp_path, PIECES))
    monkeypatch.setattr(os, 'scandir', refuse)
    assert Summaries(disk).of([HOUR]) == {}
