"""A file as the body of an answer: the server sends it without reading it (PEP 3333, `wsgi.file_wrapper`)."""

import errno
import os
import socket
from collections.abc import Iterator
from io import FileIO

from gevent.socket import wait_write

from common.offload import offload

CHUNK_BYTES = 1024 * 1024


class SentFile:
    """A file that is sent by sendfile(2) where the server can do that, else block by block.

    The disk is waited for in the thread pool. `when_sent` is called at the end of either.
    """

    def __init__(self, file: FileIO, block_bytes: int) -> None:
        self.file = file
        self._block_bytes = block_bytes

    def when_sent(self) -> None:
        """Nothing, if nobody wants to know."""

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        block: bytes = offload(self.file.read, self._block_bytes)
        if not block:
            self.when_sent()
            raise StopIteration
        return block

    def send(self, connection: socket.socket, stall_seconds: float) -> int:
        """Sends all of it; returns how many bytes. Raises OSError if the reader stalls or goes away."""
        here, there = self.file.fileno(), connection.fileno()
        sent, size = 0, os.fstat(here).st_size
        while sent < size:
            count, trouble = offload(_send, there, here, sent, min(size - sent, CHUNK_BYTES))
            if trouble == errno.EAGAIN:
                wait_write(there, timeout=stall_seconds)
            elif trouble or not count:
                raise OSError(
                    trouble or errno.EPIPE, 'the reader went away, or the file is shorter than it was'
                )
            sent += count
        self.when_sent()
        return sent

    def seekable(self) -> bool:
        return True

    def seek(self, position: int) -> None:
        self.file.seek(position)

    def tell(self) -> int:
        return self.file.tell()

    def close(self) -> None:
        self.file.close()


def _send(connection: int, file: int, offset: int, count: int) -> tuple[int, int]:
    """How many bytes went out, and the number of the error, which the thread pool would log."""
    try:
        return os.sendfile(connection, file, offset, count), 0
    except OSError as error:
        return 0, error.errno or errno.EIO
