"""Letting go of an hour on disk: all that was checked, nothing else, and at whatever moment it ends."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from backfiller.retention import leave
from backfiller.retention.leave import Released, put_back
from common.alone import FOLDER, alone
from common.disk import Disk
from common.errors import ListingError
from common.segment import tombstone_name
from tests.kit.build import HOUR, Piece, assert_whole, files_below, fill, run_of, tombstone_of
from tests.kit.retained import let_go

ROOT = Path(__file__).parents[2]
PIECES = run_of(4)
NAMES = {each.name for each in PIECES}
OTHERS = run_of(2, '2026-11-14T04:00:00')


def withdraw(store: Path, piece: Piece) -> None:
    (store / tombstone_of(piece).path).touch()


def paths(pieces: list[Piece]) -> set[str]:
    return {each.path for each in pieces}


def test_the_hour_goes_and_nothing_else(store: Path) -> None:
    fill(store, [*PIECES, *OTHERS])
    assert let_go(store, HOUR, NAMES) == Released(4, sum(len(each.body) for each in PIECES))
    assert set(files_below(store)) == paths(OTHERS)
    assert list(Disk(store).hours()) == [OTHERS[0].hour]


def test_what_was_withdrawn_goes_with_its_tombstone(store: Path) -> None:
    withdraw(fill(store, PIECES), PIECES[0])
    assert let_go(store, HOUR, Disk(store).names(HOUR)).segments == 4
    assert files_below(store) == {}


def test_who_reads_a_segment_reads_it_to_its_end(store: Path) -> None:
    fill(store, PIECES)
    with Disk(store).open(PIECES[0].segment) as file:
        let_go(store, HOUR, NAMES)
        assert file.read() == PIECES[0].body


def test_a_segment_that_was_not_checked_keeps_the_hour(store: Path) -> None:
    fill(store, PIECES)
    with pytest.raises(ListingError, match='came when the hour was to go'):
        let_go(store, HOUR, NAMES - {PIECES[2].name})
    assert set(files_below(store)) == paths(PIECES)


@pytest.mark.parametrize('make', [Path.touch, Path.mkdir, lambda path: path.symlink_to(ROOT)])
def test_what_is_no_segment_keeps_the_hour(store: Path, make: object) -> None:
    make(fill(store, PIECES) / HOUR.path / 'notes.txt')  # type: ignore[operator]
    with pytest.raises(ListingError, match="'notes\\.txt', which is no segment"):
        let_go(store, HOUR, NAMES)
    assert set(files_below(store)) >= paths(PIECES)


@pytest.mark.parametrize('level', [HOUR.path, 'bus/source', 'bus'])
def test_an_hour_behind_a_link_is_not_touched(store: Path, tmp_path: Path, level: str) -> None:
    fill(tmp_path / 'else', PIECES)
    link = store / level
    link.parent.mkdir(parents=True)
    link.symlink_to(tmp_path / 'else' / level)
    with pytest.raises(ListingError, match='is a link or no folder'):
        let_go(store, HOUR, NAMES)
    assert link.is_symlink()
    assert set(files_below(tmp_path / 'else')) == paths(PIECES)


def test_what_comes_while_the_hour_goes_is_put_back(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As by a writer that had opened the folder before it was moved, twice."""
    fill(store, PIECES[:2])
    check, rmdir = leave._check, Path.rmdir

    def then_one_comes(*args: object) -> None:
        check(*args)  # type: ignore[arg-type]
        fill(store, [PIECES[2]])

    def and_another(folder: Path) -> None:
        if FOLDER in folder.parts and folder.name == HOUR.text and not (store / HOUR.path).exists():
            (folder / PIECES[3].name).write_bytes(PIECES[3].body)
        rmdir(folder)

    monkeypatch.setattr(leave, '_check', then_one_comes)
    monkeypatch.setattr(Path, 'rmdir', and_another)
    let_go(store, HOUR, {each.name for each in PIECES[:2]})
    assert set(files_below(store)) == paths(PIECES[2:])


def test_an_hour_that_is_not_there_is_an_error(store: Path) -> None:
    with pytest.raises(ListingError, match='cannot let go of'):
        let_go(fill(store, []), HOUR, NAMES)


def test_while_another_process_is_at_it_nothing_is_touched(store: Path) -> None:
    fill(store, PIECES)
    fill(store / FOLDER, OTHERS)
    with alone(store):
        assert put_back(store) == 0
        with pytest.raises(BlockingIOError):
            let_go(store, HOUR, NAMES)
    assert set(files_below(store)) == paths(PIECES) | {f'{FOLDER}/{path}' for path in paths(OTHERS)}


def test_what_a_process_died_over_is_put_back_beside_what_came_since(store: Path) -> None:
    fill(fill(store, []) / FOLDER, [*PIECES[:3], *OTHERS])
    withdraw(store / FOLDER, PIECES[0])
    fill(store, PIECES[3:])
    assert put_back(store) == 2
    assert set(files_below(store)) == paths([*PIECES, *OTHERS]) | {tombstone_of(PIECES[0]).path}
    assert put_back(store) == 0


def test_what_was_withdrawn_is_put_back_after_its_tombstone(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(fill(store, PIECES[1:]) / FOLDER, PIECES[:1])
    withdraw(store / FOLDER, PIECES[0])
    rename = Path.rename

    def only_of_a_tombstone(path: Path, target: Path) -> Path:
        if path.suffix != '.tombstone':
            raise OSError(28, 'No space left on device')
        return rename(path, target)

    monkeypatch.setattr(Path, 'rename', only_of_a_tombstone)
    with pytest.raises(ListingError, match=r'cannot put back .*No space left'):
        put_back(store)
    assert tombstone_of(PIECES[0]).path in files_below(store)
    monkeypatch.undo()
    assert put_back(store) == 1
    assert Disk(store).names(HOUR) == {tombstone_of(PIECES[0]).name, *(each.name for each in PIECES[1:])}


def test_a_store_without_leftovers_stays_as_it_is(store: Path) -> None:
    assert put_back(store) == 0
    assert not store.exists()


DIES = """
import os, signal, sys
from pathlib import Path
from backfiller.retention.leave import let_go
from common.alone import alone
from common.disk import Disk
from tests.kit.build import HOUR

store, last, taken = Path(sys.argv[1]), int(sys.argv[2]), 0
names = Disk(store).names(HOUR)

def deadly(name):
    real = getattr(os, name)
    def step(*args, **kwargs):
        global taken
        taken += 1
        if taken == last:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*args, **kwargs)
    setattr(os, name, step)

for name in ('mkdir', 'rename', 'unlink', 'rmdir'):
    deadly(name)
with alone(store):
    let_go(store, HOUR, names)
"""


def test_25_death_at_any_step_leaves_what_was_not_deleted_in_its_place(tmp_path: Path) -> None:
    """And what was withdrawn stays withdrawn."""
    codes: list[int] = []
    while 0 not in codes:
        store = fill(tmp_path / str(len(codes)), [*PIECES[:2], *OTHERS])
        withdraw(store, PIECES[0])
        command = [sys.executable, '-c', DIES, str(store), str(len(codes) + 1)]
        codes.append(subprocess.run(command, check=False, timeout=30, cwd=ROOT).returncode)
        put_back(store)
        assert_whole(store)
        names = set(files_below(store / HOUR.path))
        assert PIECES[0].name not in names or tombstone_name(PIECES[0].name) in names
        assert set(files_below(store)) >= paths(OTHERS)
        let_go(store, HOUR, Disk(store).names(HOUR)) if (store / HOUR.path).exists() else None
        assert set(files_below(store)) == paths(OTHERS)
    assert codes == [-signal.SIGKILL] * (len(codes) - 1) + [0]
    assert len(codes) > 8
