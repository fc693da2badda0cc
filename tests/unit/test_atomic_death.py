"""SIGKILL at each step of a write: nothing wrong under a final name, and nothing left for long."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from common.atomic import AtomicFolder
from common.disk import Disk
from tests.kit.build import assert_whole, files_below, piece

ROOT = Path(__file__).parents[2]

DIES = """
import os, signal, sys
from pathlib import Path
from common.disk import Disk
from tests.kit.build import piece

moment, last, taken = sys.argv[2], int(sys.argv[3]), 0

def deadly(name):
    real = getattr(os, name)
    def step(*args, **kwargs):
        global taken
        taken += 1
        if moment == 'before' and taken == last:
            os.kill(os.getpid(), signal.SIGKILL)
        try:
            return real(*args, **kwargs)
        finally:
            if moment == 'after' and taken == last:
                os.kill(os.getpid(), signal.SIGKILL)
    setattr(os, name, step)

for name in ('mkdir', 'fsync', 'rename'):
    deadly(name)
each = piece()
Disk(Path(sys.argv[1])).add(each.segment, [each.body])
"""

WAITS = """
import sys
from pathlib import Path
from common.atomic import AtomicFolder
def chunks():
    print('open', flush=True)
    yield sys.stdin.read().encode()
with AtomicFolder(Path(sys.argv[1])).group() as group:
    group.write(Path(sys.argv[1]) / 'a', 'b', chunks())
"""


@contextmanager
def writing_elsewhere(root: Path) -> Iterator['subprocess.Popen[str]']:
    """Another process that has a temp open."""
    command = [sys.executable, '-c', WAITS, str(root)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as other:
        try:
            assert other.stdout
            assert other.stdout.readline() == 'open\n'
            yield other
        finally:
            other.kill()


@pytest.mark.parametrize('moment', ['before', 'after'])
def test_death_at_any_step_leaves_nothing_wrong_and_nothing_for_long(tmp_path: Path, moment: str) -> None:
    each = piece()
    codes: list[int] = []
    while 0 not in codes:
        last = len(codes) + 1
        store = tmp_path / str(last)
        command = [sys.executable, '-c', DIES, str(store), moment, str(last)]
        codes.append(subprocess.run(command, check=False, timeout=30, cwd=ROOT).returncode)
        assert_whole(store)
        AtomicFolder(store).sweep()
        assert set(files_below(store)) <= {each.path}
        assert Disk(store).add(each.segment, [each.body]) == len(each.body)
        assert files_below(store) == {each.path: each.body}
    assert codes == [-signal.SIGKILL] * (len(codes) - 1) + [0]
    assert len(codes) > 8


def test_the_temp_of_a_living_process_is_left_alone_until_it_is_gone(store: Path) -> None:
    with writing_elsewhere(store) as other:
        assert AtomicFolder(store).sweep() == 0
        assert len(files_below(store)) == 1
        other.kill()
        other.wait()
        assert AtomicFolder(store).sweep() == 1
    assert files_below(store) == {}
