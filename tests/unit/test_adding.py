"""Segments added together: when they are due, how durably, and what came of each."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from common import adding
from common.adding import MOST_SEGMENTS
from common.disk import Disk
from common.errors import SegmentError
from common.place import Chunks
from tests.kit.build import HOUR, Piece, assert_whole, files_below, piece, run_of

PIECES = run_of(MOST_SEGMENTS)


@pytest.fixture(autouse=True)
def time_stands_still(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adding, 'MOST_SECONDS', float('inf'))


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is brought to disk: temps as `file`, folders by their names."""
    paths, real = list[str](), os.fsync

    def fsync(handle: int) -> Any:
        path = Path(f'/proc/self/fd/{handle}').readlink()
        paths.append('file' if path.parent.name == '.temp' else path.name)
        return real(handle)

    monkeypatch.setattr(os, 'fsync', fsync)
    return paths


def add_all(disk: Disk, pieces: list[Piece]) -> int:
    """How many commits it takes to add them, each as soon as it is due."""
    commits = 0
    with disk.adding() as open_group:
        for each in pieces:
            open_group.add(each.segment, [each.body])
            if open_group.is_due:
                commits += 1
                assert not any(outcome.error for outcome in open_group.commit())
        if open_group.commit():
            commits += 1
    return commits


@pytest.mark.parametrize(
    ('durability', 'commits', 'files', 'folders'),
    [('segment', 5, 5, 5), ('batch', 1, 5, 1), ('none', 1, 0, 0)],
)
def test_durability_says_when_segments_are_on_disk(
    store: Path, synced: list[str], durability: str, commits: int, files: int, folders: int
) -> None:
    disk = Disk(store, durability=durability)
    assert disk.add(PIECES[5].segment, [PIECES[5].body])
    synced.clear()
    assert add_all(disk, PIECES[:5]) == commits
    assert (synced.count('file'), synced.count(HOUR.text)) == (files, folders)
    if durability == 'segment':
        assert synced == ['file', HOUR.text] * 5
    assert disk.names(HOUR) == {each.name for each in PIECES[:6]}
    assert_whole(store)


def test_without_durability_nothing_at_all_is_synced(store: Path, synced: list[str]) -> None:
    add_all(Disk(store, durability='none'), PIECES[:3])
    assert synced == []


def test_many_segments_or_many_bytes_are_due(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert add_all(Disk(store), PIECES) == 1
    monkeypatch.setattr(adding, 'MOST_BYTES', 3 * len(PIECES[0].body))
    assert add_all(Disk(store), PIECES[:9]) == 3
    monkeypatch.setattr(adding, 'MOST_SECONDS', 0)
    assert add_all(Disk(store), PIECES[:9]) == 9


def test_a_segment_is_not_held_before_the_commit_and_never_without_one(store: Path) -> None:
    disk = Disk(store)
    with disk.adding() as open_group:
        open_group.add(PIECES[0].segment, [PIECES[0].body])
        assert disk.names(HOUR) == set()
        (outcome,) = open_group.commit()
        assert outcome == (PIECES[0].segment, len(PIECES[0].body), None)
        assert disk.names(HOUR) == {PIECES[0].name}
        open_group.add(PIECES[1].segment, [PIECES[1].body])
    assert files_below(store) == {PIECES[0].path: PIECES[0].body}


def broken_off() -> Iterator[bytes]:
    yield b'half'
    raise SegmentError('truncated', 'it broke off')


@pytest.mark.parametrize(
    ('chunks', 'reason'), [([b'other'], 'hash'), (broken_off(), 'truncated'), ([bytes(10_000)] * 2, 'size')]
)
def test_a_bad_segment_of_a_group_costs_only_itself(store: Path, chunks: Chunks, reason: str) -> None:
    bad = piece('2026-11-14T03:30:00')
    with Disk(store, limit_bytes=15_000).adding() as open_group:
        open_group.add(PIECES[0].segment, [PIECES[0].body])
        with pytest.raises(SegmentError) as caught:
            open_group.add(bad.segment, chunks)
        open_group.add(PIECES[1].segment, [PIECES[1].body])
        assert [outcome.segment for outcome in open_group.commit()] == [e.segment for e in PIECES[:2]]
    assert caught.value.reason == reason
    assert files_below(store) == {each.path: each.body for each in PIECES[:2]}
