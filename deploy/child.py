"""Child processes that never outlive us, not even when we are killed."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import IO

from gevent.subprocess import Popen, TimeoutExpired

from common.orphans import die_with_parent

STOP_SECONDS = 25.0
PYTHON = sys.executable


def start(
    args: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    output: IO[bytes] | None = None,
    folder: Path | None = None,
) -> 'Popen[bytes]':
    """Starts a program in a session of its own, so that a Ctrl-C at the terminal reaches only us.

    It gets SIGTERM when we die. Without `output` it shares ours.
    """
    return Popen(
        [str(arg) for arg in args],
        env={**os.environ, **(env or {})},
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT if output else None,
        start_new_session=True,
        preexec_fn=partial(die_with_parent, signal.SIGTERM),
    )


def stop(child: 'Popen[bytes]', number: int = signal.SIGTERM) -> int:
    """Sends the signal, waits, kills what does not end; returns the exit code."""
    if child.poll() is None:
        child.send_signal(number)
    try:
        code = child.wait(STOP_SECONDS)
    except TimeoutExpired:
        child.kill()
        code = child.wait()
    return int(code)


def module(name: str, *args: str | Path) -> list[str | Path]:
    """The command line of one of our services, run by the Python that runs us."""
    return [PYTHON, '-m', name, *args]
