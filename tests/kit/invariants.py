"""What has to hold after every fault: faults.md, its beginning."""

import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from common.disk import Disk
from common.segment import Segment
from tests.kit.build import assert_whole
from tests.kit.process import eventually

MORE_MEMORY_BYTES = 64 * 1024 * 1024
MORE_FILES, MORE_THREADS = 8, 14
FILES_A_PEER, THREADS_A_PEER = 14, 2
"""Two lanes stay open to a peer, each a thread with a hub of its own, besides what is listed and watched."""


@dataclass(frozen=True)
class Level:
    """What a process holds of the machine."""

    memory_bytes: int
    files: int
    threads: int


def level(pid: int) -> Level:
    """As /proc tells it."""
    lines = Path(f'/proc/{pid}/status').read_text().splitlines()
    status = dict(line.split(':', 1) for line in lines if ':' in line)
    files = len(os.listdir(f'/proc/{pid}/fd'))
    return Level(int(status['VmRSS'].split()[0]) * 1024, files, int(status['Threads']))


def assert_back_at(start: Level, pid: int, *, peers: int) -> None:
    """The process holds about what it held at the start, and what it keeps for each peer."""
    most = Level(
        start.memory_bytes + MORE_MEMORY_BYTES,
        start.files + MORE_FILES + FILES_A_PEER * peers,
        start.threads + MORE_THREADS + THREADS_A_PEER * peers,
    )
    seen = []

    def is_back() -> bool:
        seen[:] = [now := level(pid)]
        return (
            now.memory_bytes <= most.memory_bytes and now.files <= most.files and now.threads <= most.threads
        )

    try:
        eventually(is_back, 10)
    except AssertionError:
        raise AssertionError(f'{seen[0]} after {start}: more than {most}') from None


@contextmanager
def invariants(store: Path, *, but: Iterable[Path] = ()) -> Iterator[None]:
    """What is beside the store stays as it is, and what it holds is whole, held for good, and listed.

    `but` are files beside the store that the test itself changes. No process is to run at the end.
    """
    beside, held = _digests(store.parent, [store, *but]), _digests(store)
    yield
    assert _digests(store.parent, [store, *but]) == beside
    now = _digests(store)
    assert held.items() <= now.items()
    assert_whole(store)
    assert not [path for path in now if Path(path).parts[0].startswith('.')], 'temps are left'
    assert listed(store) == set(now)


def listed(store: Path) -> set[str]:
    """The path of everything that the store lists, each a name of ours."""
    disk = Disk(store)
    return {Segment.parse(hour, name).path for hour in disk.hours() for name in disk.names(hour)}


def _digests(root: Path, but: Iterable[Path] = ()) -> dict[str, str]:
    """Relative path -> SHA-256 of every file, hidden ones too."""
    skipped = tuple(but)
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in root.rglob('*')
        if path.is_file() and not any(path.is_relative_to(each) for each in skipped)
    }
