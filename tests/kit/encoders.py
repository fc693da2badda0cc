"""Programs that stand in for ffmpeg: scripts of the shell."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def script(folder: Path, text: str) -> str:
    path = folder / 'encoder'
    path.write_text(f'#!/bin/sh\n{text}\n')
    path.chmod(0o755)
    return str(path)


class Gate:
    """`program` gives back what it takes, but each run waits until it is let go."""

    def __init__(self, folder: Path, pipe: int) -> None:
        self.program = script(folder, f'read _ < {folder}/gate; exec cat')
        self._pipe = pipe

    def let_go(self, runs: int = 1) -> None:
        os.write(self._pipe, b'\n' * runs)


@contextmanager
def gate(folder: Path) -> Iterator[Gate]:
    os.mkfifo(folder / 'gate')
    pipe = os.open(folder / 'gate', os.O_RDWR | os.O_NONBLOCK)
    try:
        yield Gate(folder, pipe)
    finally:
        os.close(pipe)
