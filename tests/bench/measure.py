"""What a program uses from its start to its end, and what the server it speaks to uses meanwhile."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

ROOT = Path(__file__).parents[2]
LAUNCH = Path(__file__).with_name('launch.py')
DEADLINE_SECONDS = 900.0
SAMPLE_SECONDS = 0.1
_TICKS = os.sysconf('SC_CLK_TCK')


class BenchError(Exception):
    """A measurement that did not come about, and why."""


@dataclass(frozen=True)
class Usage:
    """What one program used."""

    wall_seconds: float
    cpu_seconds: float
    peak_bytes: int
    output: str


@dataclass
class ServerUsage:
    """What a server used during a block."""

    cpu_seconds: float = 0.0
    peak_bytes: int = 0


class Run:
    """A program under way, in a process group of its own that surely ends with the block."""

    def __init__(
        self,
        command: Sequence[str | Path],
        env: Mapping[str, str] | None = None,
        deadline_seconds: float = DEADLINE_SECONDS,
    ) -> None:
        self._command = [str(each) for each in command]
        self._env = {**os.environ, 'PYTHONPATH': str(ROOT), **(env or {})}
        self._deadline_seconds = deadline_seconds
        self._folder = tempfile.TemporaryDirectory(prefix='bench-run-')
        self._report = Path(self._folder.name, 'report.json')
        self._output = Path(self._folder.name, 'output')

    def __enter__(self) -> 'Run':
        with self._output.open('wb') as output:
            self._child = subprocess.Popen(
                [sys.executable, '-I', '-S', LAUNCH, self._report, *self._command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=self._env,
                start_new_session=True,
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._child.pid, signal.SIGKILL)
        self._child.wait()
        self._folder.cleanup()

    @property
    def is_running(self) -> bool:
        return self._child.poll() is None

    def usage(self) -> Usage:
        """Waits for the end; raises BenchError unless the program ended well."""
        try:
            self._child.wait(self._deadline_seconds)
        except subprocess.TimeoutExpired:
            raise BenchError(self._said(f'did not end within {self._deadline_seconds:g} s')) from None
        if not self._report.exists():
            raise BenchError(self._said('could not be started'))
        found = json.loads(self._report.read_text())
        if code := found.pop('exit_code'):
            raise BenchError(self._said(f'ended with {code}'))
        return Usage(**found, output=self._output.read_text(errors='replace'))

    def _said(self, what: str) -> str:
        tail = self._output.read_text(errors='replace')[-600:].strip()
        return f'{Path(self._command[0]).name} {what}{": " + tail if tail else ""}'


def run(command: Sequence[str | Path], env: Mapping[str, str] | None = None) -> Usage:
    """Runs a program to its end; raises BenchError unless it ends well."""
    with Run(command, env) as under_way:
        return under_way.usage()


@contextmanager
def watching(pid: int | None) -> Iterator[ServerUsage]:
    """What the process and its children use during the block; of short-lived children the peak is sampled."""
    used = ServerUsage()
    if pid is None:
        yield used
        return
    ended = threading.Event()
    _forget_peaks(pid)
    before = cpu_seconds(pid)
    sampler = threading.Thread(target=_sample, args=(pid, used, ended))
    sampler.start()
    try:
        yield used
    finally:
        ended.set()
        sampler.join()
    used.cpu_seconds = cpu_seconds(pid) - before


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and its children, those that have ended among them."""
    return sum(map(_ticks, _tree(pid))) / _TICKS


def peak_bytes(pid: int) -> int:
    """The largest peak of resident memory (VmHWM) in the process and its children."""
    return max(map(_peak, _tree(pid)))


def _sample(pid: int, used: ServerUsage, ended: threading.Event) -> None:
    while True:
        used.peak_bytes = max(used.peak_bytes, peak_bytes(pid))
        if ended.wait(SAMPLE_SECONDS):
            used.peak_bytes = max(used.peak_bytes, peak_bytes(pid))
            return


def _tree(pid: int) -> list[int]:
    found = [pid]
    with suppress(OSError):
        for task in Path(f'/proc/{pid}/task').iterdir():
            for child in (task / 'children').read_text().split():
                found += _tree(int(child))
    return found


def _ticks(pid: int) -> int:
    with suppress(OSError):
        fields = Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()
        return sum(int(each) for each in fields[11:15])
    return 0


def _peak(pid: int) -> int:
    with suppress(OSError):
        for line in Path(f'/proc/{pid}/status').read_text().splitlines():
            if line.startswith('VmHWM:'):
                return int(line.split()[1]) * 1024
    return 0


def _forget_peaks(pid: int) -> None:
    """Starts VmHWM anew, where the kernel lets us (proc(5), clear_refs)."""
    for each in _tree(pid):
        with suppress(OSError):
            Path(f'/proc/{each}/clear_refs').write_text('5')
