"""Our commands and other servers as real processes that a test starts and surely ends."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from backfiller.client import Client, same_origin
from backfiller.engines import Engine
from backfiller.pace import Wait
from backfiller.peer import Peer

BIN = Path(sys.executable).parent
DEADLINE_SECONDS = 30.0


class Process:
    """A running program whose output is collected."""

    def __init__(self, args: list[str], env: Mapping[str, str]) -> None:
        self.args = args
        self.lines: list[str] = []
        self._child = subprocess.Popen(
            args, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env={**os.environ, **env}
        )
        self._grown = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def output(self) -> str:
        return '\n'.join(self.lines)

    def wait_for(self, pattern: str, timeout: float = DEADLINE_SECONDS) -> re.Match[str]:
        """The first line of output that matches."""
        with self._grown:
            assert self._grown.wait_for(lambda: self._find(pattern) or self.has_ended(), timeout), self.output
        match = self._find(pattern)
        assert match, f'{self.args} ended without {pattern!r}:\n{self.output}'
        return match

    def has_ended(self) -> bool:
        return not self._reader.is_alive() or self._child.poll() is not None

    def wait(self, timeout: float = DEADLINE_SECONDS) -> int:
        code = self._child.wait(timeout)
        self._reader.join(timeout)
        return code

    def stop(self, number: int = signal.SIGTERM, timeout: float = DEADLINE_SECONDS) -> int:
        """Sends the signal and returns the exit code."""
        if self._child.poll() is None:
            self._child.send_signal(number)
        return self.wait(timeout)

    def end(self) -> None:
        """Makes sure that nothing is left."""
        if self._child.poll() is None:
            self._child.terminate()
            try:
                self._child.wait(10)
            except subprocess.TimeoutExpired:
                self._child.kill()
        self.wait()
        assert self._child.stdout
        self._child.stdout.close()

    def _read(self) -> None:
        assert self._child.stdout
        for line in self._child.stdout:
            with self._grown:
                self.lines.append(line.rstrip('\n'))
                self._grown.notify_all()
        with self._grown:
            self._grown.notify_all()

    def _find(self, pattern: str) -> re.Match[str] | None:
        return next(filter(None, (re.search(pattern, line) for line in self.lines)), None)


@contextmanager
def running(*args: str | Path, env: Mapping[str, str] | None = None) -> Iterator[Process]:
    """A program for the length of the block; our own commands by their names."""
    command = [str(arg) for arg in args]
    if (BIN / command[0]).exists():
        command[0] = str(BIN / command[0])
    process = Process(command, env or {})
    try:
        yield process
    finally:
        process.end()


def run(*args: str | Path, env: Mapping[str, str] | None = None, timeout: float = 60) -> Process:
    """A program run to its end."""
    with running(*args, env=env) as process:
        process.wait(timeout)
        return process


@contextmanager
def restreamer(store: Path, *args: str) -> Iterator[str]:
    """A restreamer over the store; its URL."""
    with running('restreamer', '--store', store, '--listen', '127.0.0.1:0', *args) as process:
        yield process.wait_for(r' on (http://\S+)')[1]


def peer_at(url: str, *, plain: bool = False, deadline_seconds: float = 10) -> Peer:
    """The peer behind the URL, as a backfiller sees it."""

    def new_client(engine: Engine, pace: Wait) -> Client:
        return Client(deadline_seconds=deadline_seconds, may_redirect=same_origin, engine=engine, pace=pace)

    return Peer(url, new_client, plain=plain)


@contextmanager
def backfiller(store: Path, *args: str | Path) -> Iterator[tuple[Process, str]]:
    """`backfiller run` as a service, and the URL of its control port."""
    with running('backfiller', 'run', '--store', store, '--control', '127.0.0.1:0', *args) as process:
        yield process, process.wait_for(r'status on (http://\S+)/status')[1]


def eventually(condition: Any, timeout: float = DEADLINE_SECONDS) -> Any:
    """The first true value of the condition, asked again and again."""
    deadline = time.monotonic() + timeout
    while not (value := condition()):
        assert time.monotonic() < deadline, f'not true within {timeout} s: {condition}'
        time.sleep(0.05)
    return value


def get(url: str, **kwargs: Any) -> requests.Response:
    return requests.get(url, timeout=10, **kwargs)


def metrics(url: str) -> dict[str, float]:
    """`name{labels}` -> value."""
    lines = get(f'{url}/metrics').text.splitlines()
    pairs = [line.rsplit(' ', 1) for line in lines if not line.startswith('#')]
    return {name: float(value) for name, value in pairs}
