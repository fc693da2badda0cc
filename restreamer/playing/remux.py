"""MPEG-TS, or fragments of MP4, into one MP4 by ffmpeg, without encoding anything anew."""

import shutil
from collections.abc import Iterator
from contextlib import closing, suppress
from typing import IO, Protocol, cast

import gevent
from gevent import subprocess

from common.errors import SegmentError
from common.segment import shown

BLOCK_BYTES = 256 * 1024
_PIPE = subprocess.PIPE
_FRAGMENTED = 'frag_keyframe+empty_moov+default_base_moof'
"""Made for streams: an ordinary MP4 says at its beginning what comes at its end."""


class Blocks(Protocol):
    """What is read block by block, and closed after that."""

    def __iter__(self) -> Iterator[bytes]: ...

    def close(self) -> object: ...


def found(program: str) -> str | None:
    """Where the program is; None if it is not installed."""
    return shutil.which(program)


def remuxed(program: str, blocks: Blocks, kind: str, *, has_adts: bool) -> Iterator[bytes]:
    """The MP4 of blocks of the `kind` mpegts or mp4, as it is made; raises SegmentError if ffmpeg makes none.

    ffmpeg ends with the iterator. AAC in ADTS has to be told of, because it is framed in another way in MP4.
    """
    framing = ['-bsf:a', 'aac_adtstoasc'] if has_adts else []
    command = [program, '-v', 'error', '-nostdin', '-f', kind, '-i', 'pipe:0', '-map', '0:v?', '-map',
               '0:a?', '-c', 'copy', *framing, '-movflags', _FRAGMENTED, '-f', 'mp4', 'pipe:1']  # fmt: skip
    with subprocess.Popen(command, stdin=_PIPE, stdout=_PIPE, stderr=_PIPE) as process:
        feeding = gevent.spawn(_feed, cast(IO[bytes], process.stdin), blocks)
        complaints = gevent.spawn(cast(IO[bytes], process.stderr).read)
        try:
            yield from _blocks(cast(IO[bytes], process.stdout))
            feeding.get()
            if process.wait():
                raise SegmentError('unreadable', f'ffmpeg made no MP4 of it: {_last_line(complaints.get())}')
        finally:
            process.kill()
            feeding.kill()
            complaints.get()


def _blocks(pipe: IO[bytes]) -> Iterator[bytes]:
    while block := pipe.read(BLOCK_BYTES):
        yield block


def _feed(pipe: IO[bytes], blocks: Blocks) -> None:
    """Everything, until ffmpeg takes no more; then it has said why. It is told of the end in any case."""
    with closing(blocks), suppress(BrokenPipeError), closing(pipe):
        for block in blocks:
            pipe.write(block)


def _last_line(complaints: bytes) -> str:
    lines = complaints.decode('utf-8', 'replace').strip().splitlines()
    return shown(lines[-1]) if lines else 'it does not say why'
