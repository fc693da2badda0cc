"""A program that makes bytes of bytes, through pipes: what goes in, what comes out, or why nothing does."""

import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from typing import IO, cast

import gevent
from gevent import subprocess

from common.errors import SegmentError
from common.http.deadline import DeadlineError, deadline
from common.orphans import die_with_parent
from common.segment import shown

BLOCK_BYTES = 256 * 1024
COMPLAINT_BYTES = 4096
"""So much is kept of what the program complains of, however much that is: the end says why it gave up."""

NICENESS = 10
"""What serves and records goes first."""

LAST_WORDS_SECONDS = 1.0

_PIPE = subprocess.PIPE


def made_by(command: Sequence[str], body: bytes, *, seconds: float, limit_bytes: int) -> bytes:
    """What the program writes, given `body` to read.

    Raises SegmentError: `encoder` if it cannot be started, `deadline` if it takes longer than `seconds`,
    `size` if it writes more than is allowed, and `unreadable` with its last words if it fails. It runs niced,
    and never outlives the call, nor us.
    """
    try:
        process = subprocess.Popen(
            command, stdin=_PIPE, stdout=_PIPE, stderr=_PIPE, start_new_session=True, preexec_fn=_behave
        )
    except OSError as error:
        raise SegmentError(
            'encoder',
            f'cannot start {shown(command[0])}: {error.strerror}; install ffmpeg, or set transcoder',
        ) from error
    complaints = _Complaints(cast(IO[bytes], process.stderr))
    with process, _helped(process, body, complaints):
        try:
            with deadline(seconds, command[0]):
                made = _all_of(cast(IO[bytes], process.stdout), limit_bytes)
                code = process.wait()
        except DeadlineError:
            raise SegmentError('deadline', f'{shown(command[0])} took more than {seconds:g} s') from None
    if code:
        raise SegmentError('unreadable', f'{shown(command[0])} made nothing of it: {complaints.last(code)}')
    return made


class _Complaints:
    """What a program says on standard error: its last words, however much that is."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._pipe = pipe
        self._kept = b''

    def hear(self) -> None:
        for block in _blocks(self._pipe):
            self._kept = (self._kept + block)[-COMPLAINT_BYTES:]

    def last(self, code: int) -> str:
        lines = self._kept.decode('utf-8', 'replace').strip().splitlines()
        return shown(lines[-1]) if lines else f'exit code {code}'


@contextmanager
def _helped(process: 'subprocess.Popen[bytes]', body: bytes, complaints: _Complaints) -> Iterator[None]:
    """Feeds it and hears it for the length of the block, and ends what is left of it then."""
    feeding = gevent.spawn(_feed, cast(IO[bytes], process.stdin), body)
    hearing = gevent.spawn(complaints.hear)
    try:
        yield
    finally:
        if process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # with what it may have started itself
        hearing.join(LAST_WORDS_SECONDS)
        gevent.killall([feeding, hearing])


def _feed(pipe: IO[bytes], body: bytes) -> None:
    """All of it, or as much as is taken."""
    with suppress(BrokenPipeError), closing(pipe):
        pipe.write(body)


def _all_of(pipe: IO[bytes], limit_bytes: int) -> bytes:
    blocks, size = [], 0
    for block in _blocks(pipe):
        blocks.append(block)
        size += len(block)
        if size > limit_bytes:
            raise SegmentError('size', f'more than the {limit_bytes} bytes allowed are made of it')
    return b''.join(blocks)


def _blocks(pipe: IO[bytes]) -> Iterator[bytes]:
    """Others run in between, too: a pipe that always has something more would keep them from it."""
    while block := pipe.read(BLOCK_BYTES):
        yield block
        gevent.sleep(0)


def _behave() -> None:
    """In the child: after all others, and no longer than we live."""
    os.nice(NICENESS)
    die_with_parent(signal.SIGKILL)
