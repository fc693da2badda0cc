"""Files that appear whole or not at all: the order of the steps, and the failure of each."""

import errno
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from common.atomic import TEMP_FOLDER, AtomicFolder
from tests.kit.build import files_below

STEPS = ('mkdir', 'fsync', 'rename')


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The system calls that matter, each as `call path`, while the real ones are made."""
    taken: list[str] = []

    def recorded(call: str) -> None:
        real = getattr(os, call)

        def step(target: Any, *args: Any, **kwargs: Any) -> Any:
            path = Path(f'/proc/self/fd/{target}').readlink() if isinstance(target, int) else str(target)
            taken.append(f'{call} {path}')
            return real(target, *args, **kwargs)

        monkeypatch.setattr(os, call, step)

    for call in STEPS:
        recorded(call)
    return taken


def write(root: Path, path: str = 's/v/h/file', body: bytes = b'whole') -> None:
    put(AtomicFolder(root), root / path, [body])


def put(folder: AtomicFolder, path: Path, chunks: Iterable[bytes]) -> None:
    """One file, by itself."""
    with folder.group() as group:
        group.write(path.parent, path.name, chunks)
        for error in group.commit():
            if error:
                raise error


def write_half(root: Path, error: type[BaseException]) -> None:
    def half() -> Iterator[bytes]:
        yield b'half'
        raise error

    put(AtomicFolder(root), root / 's/file', half())


def failing(monkeypatch: pytest.MonkeyPatch, call: str, at: int = 1) -> list[None]:
    """Lets the call fail with EIO the `at`-th time; the list has an item for each call."""
    real, calls = getattr(os, call), list[None]()

    def step(*args: Any, **kwargs: Any) -> Any:
        calls.append(None)
        if len(calls) == at:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return real(*args, **kwargs)

    monkeypatch.setattr(os, call, step)
    return calls


def write_group(root: Path, *names: str, sync: bool = True) -> list[int | None]:
    """Files of one folder together; the error number of each."""
    with AtomicFolder(root, sync=sync).group() as group:
        for name in names:
            assert group.write(root / 's/v/h', name, [b'who', memoryview(b'le')]) == 5
        return [error and error.errno for error in group.commit()]


def calls_of(steps: list[str]) -> list[str]:
    return [step.split()[0] for step in steps]


def test_what_was_written_is_there_and_nothing_else(store: Path) -> None:
    write(store)
    assert files_below(store) == {'s/v/h/file': b'whole'}


@pytest.mark.parametrize('error', [ValueError, OSError, KeyboardInterrupt, SystemExit, GeneratorExit])
def test_an_error_inside_the_block_leaves_nothing(store: Path, error: type[BaseException]) -> None:
    with pytest.raises(error):
        write_half(store, error)
    assert files_below(store) == {}
    assert not (store / 's').exists()


def test_each_step_follows_the_one_it_relies_on(store: Path, steps: list[str]) -> None:
    (store / TEMP_FOLDER).mkdir(parents=True)
    steps.clear()
    write(store)
    (rename,) = [step for step in steps if step.startswith('rename')]
    temp = Path(rename.removeprefix('rename '))
    assert temp.parent == store / TEMP_FOLDER
    assert steps.index(f'fsync {temp}') < steps.index(rename) < steps.index(f'fsync {store}/s/v/h')
    for made in (store / 's', store / 's/v', store / 's/v/h'):
        assert steps.index(f'mkdir {made}') < steps.index(f'fsync {made.parent}')
        assert steps.index(f'mkdir {made}') < steps.index(rename)


def test_a_second_file_of_a_folder_syncs_itself_and_the_folder(store: Path, steps: list[str]) -> None:
    folder = AtomicFolder(store)
    for name in ('file', 'next'):
        steps.clear()
        put(folder, store / 's/v/h' / name, [])
    assert [step.split()[0] for step in steps if 'mkdir' not in step][:3] == ['fsync', 'rename', 'fsync']
    assert f'fsync {store}/s/v/h' in steps[steps.index(next(s for s in steps if 'rename' in s)) :]


def test_a_store_just_made_is_synced_into_its_own_folder(store: Path, steps: list[str]) -> None:
    write(store)
    assert f'fsync {store.parent}' in steps


def test_a_folder_that_a_failed_write_made_is_synced_in_the_end(
    store: Path, steps: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        failing(broken, 'rename')
        with pytest.raises(OSError, match='Input/output'):
            write(store)
    write(store)
    assert {f'fsync {store / synced}' for synced in ('', 's', 's/v', 's/v/h')} <= set(steps)


@pytest.mark.parametrize('which', [1, 2, 3, 4, 5])
def test_a_failed_fsync_is_raised_and_not_retried_and_leaves_nothing(
    store: Path, monkeypatch: pytest.MonkeyPatch, which: int
) -> None:
    with monkeypatch.context() as broken:
        calls = failing(broken, 'fsync', which)
        with pytest.raises(OSError, match='Input/output'):
            write(store)
    assert len(calls) == which
    assert files_below(store) == {}


@pytest.mark.parametrize('call', ['mkdir', 'rename'])
def test_a_failed_step_leaves_nothing(store: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    (store / TEMP_FOLDER).mkdir(parents=True)
    with monkeypatch.context() as broken:
        failing(broken, call)
        with pytest.raises(OSError, match='Input/output'):
            write(store)
    assert files_below(store) == {}


def test_a_sweep_during_our_own_write_does_no_harm(store: Path) -> None:
    folder = AtomicFolder(store)

    def whole() -> Iterator[bytes]:
        yield b'whole'
        assert folder.sweep() == 0

    put(folder, store / 's/file', whole())
    assert files_below(store) == {'s/file': b'whole'}
    assert (folder.sweep(), AtomicFolder(store / 'nowhere').sweep()) == (0, 0)


def test_files_of_a_group_take_each_step_together(store: Path, steps: list[str]) -> None:
    write_group(store, 'first')
    steps.clear()
    assert write_group(store, 'a', 'b', 'c') == [None] * 3
    steps = [step for step in steps if not step.startswith('mkdir')]
    first = calls_of(steps).index('rename')
    temps = [step.removeprefix('rename ') for step in steps[first : first + 3]]
    assert {f'fsync {temp}' for temp in temps} <= set(steps[:first])
    assert steps[first:] == [*(f'rename {temp}' for temp in temps), f'fsync {store}/s/v/h']
    assert files_below(store) == dict.fromkeys(['s/v/h/first', *(f's/v/h/{n}' for n in 'abc')], b'whole')


def test_each_folder_of_a_group_is_synced_once_after_its_files(store: Path, steps: list[str]) -> None:
    folder = AtomicFolder(store)
    with folder.group() as group:
        for path in ('h1/a', 'h1/b', 'h2/c', 'h2/d'):
            group.write((store / path).parent, path[-1], [])
        steps.clear()
        assert group.commit() == [None] * 4
    for hour in ('h1', 'h2'):
        assert steps.count(f'fsync {store / hour}') == 1
        made, synced = steps.index(f'mkdir {store / hour}'), steps.index(f'fsync {store / hour}')
        assert calls_of(steps[made:synced]).count('rename') == 2
    assert max(n for n, step in enumerate(steps[:4]) if step.startswith(f'fsync {store}/.temp/')) == 3


def test_without_sync_nothing_is_synced(store: Path, steps: list[str]) -> None:
    assert write_group(store, 'a', 'b', sync=False) == [None] * 2
    assert 'fsync' not in calls_of(steps)
    assert files_below(store) == {'s/v/h/a': b'whole', 's/v/h/b': b'whole'}


@pytest.mark.parametrize('call', ['fsync', 'rename'])
@pytest.mark.parametrize('which', [1, 2, 3])
def test_one_bad_file_of_a_group_costs_only_itself(
    store: Path, monkeypatch: pytest.MonkeyPatch, call: str, which: int
) -> None:
    folder, names = AtomicFolder(store), ['a', 'b', 'c']
    put(folder, store / 's/v/h/first', [b'first'])
    with monkeypatch.context() as broken, folder.group() as group:
        for name in names:
            group.write(store / 's/v/h', name, [name.encode()])
        failing(broken, call, which)
        errors = group.commit()
    bad = names.pop(which - 1)
    assert [error and error.errno for error in errors] == [errno.EIO if n == bad else None for n in 'abc']
    assert files_below(store) == {'s/v/h/first': b'first'} | {f's/v/h/{n}': n.encode() for n in names}


def test_a_folder_that_cannot_be_synced_loses_only_what_was_new(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = AtomicFolder(store)
    put(folder, store / 's/v/h/a', [b'whole'])
    with monkeypatch.context() as broken, folder.group() as group:
        for name in 'ab':
            group.write(store / 's/v/h', name, [b'whole'])
        calls = failing(broken, 'fsync', 3)  # the two files come before the folder
        assert [error and error.errno for error in group.commit()] == [errno.EIO] * 2
    assert len(calls) == 3
    assert files_below(store) == {'s/v/h/a': b'whole'}
    put(folder, store / 's/v/h/b', [b'whole'])
    assert files_below(store) == {'s/v/h/a': b'whole', 's/v/h/b': b'whole'}


def test_a_group_that_is_not_committed_never_was(store: Path) -> None:
    with AtomicFolder(store).group() as group:
        group.write(store / 's', 'a', [b'x'])
        assert len(files_below(store)) == 1
    assert files_below(store) == {}


def test_a_group_can_be_committed_again_and_again(store: Path) -> None:
    with AtomicFolder(store).group() as group:
        assert group.commit() == []
        for name in 'ab':
            group.write(store / 's', name, [b'x'])
            assert group.commit() == [None]
            assert f's/{name}' in files_below(store)
