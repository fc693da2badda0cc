"""Segments as one file that can be read from anywhere, opened one after the other."""

import os
from bisect import bisect_right
from collections.abc import Sequence
from io import FileIO
from itertools import accumulate

from common.disk import Disk
from common.errors import SegmentError
from common.segment import Segment


class JoinedFile:
    """The bytes of segments in a row, as a binary file for reading. All of it waits for the disk.

    Raises SegmentError if a segment is gone, or has another size than it had.
    """

    def __init__(self, disk: Disk, segments: Sequence[tuple[Segment, int]]) -> None:
        self._disk = disk
        self._segments = [each for each, _ in segments]
        self._ends = list(accumulate(size for _, size in segments))
        self._position = 0
        self._open: tuple[int, FileIO] | None = None

    @property
    def size_bytes(self) -> int:
        return self._ends[-1] if self._ends else 0

    def read(self, size: int) -> bytes:
        """At most so many bytes, of one segment; b'' at the end."""
        place = bisect_right(self._ends, self._position)
        if place == len(self._ends):
            return b''
        left = self._ends[place] - self._position
        block = self._file(place).read(min(size, left))
        if not block:
            raise self._changed(place)
        self._position += len(block)
        return block

    def seekable(self) -> bool:
        return True

    def seek(self, position: int) -> int:
        self.close()
        self._position = position
        return position

    def tell(self) -> int:
        return self._position

    def close(self) -> None:
        if self._open:
            self._open[1].close()
        self._open = None

    def _file(self, place: int) -> FileIO:
        if self._open and self._open[0] == place:
            return self._open[1]
        self.close()
        file = self._disk.open(self._segments[place])
        self._open = place, file
        begin = self._ends[place - 1] if place else 0
        if os.fstat(file.fileno()).st_size != self._ends[place] - begin:
            raise self._changed(place)
        file.seek(self._position - begin)
        return file

    def _changed(self, place: int) -> SegmentError:
        return SegmentError('truncated', f'{self._segments[place].path} is not as long as it was')
