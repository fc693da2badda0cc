"""What mirroring an hour costs in requests in either layout, and about how much Amazon asks for them.

Prices are those of S3 Standard in us-east-1 in 2026 (Amazon S3 pricing, "Requests and data retrievals"), in
US dollars. Uploading bytes costs nothing there, nor do requests that delete.
"""

from typing import NamedTuple

from backfiller.mirror.joined import PART_BYTES

DOLLARS_FOR_A_WRITE = 0.005 / 1000
DOLLARS_FOR_A_READ = 0.0004 / 1000
PAGE = 1000
"""So many objects are listed with one request."""


class Requests(NamedTuple):
    """How many there are of PUT, POST and LIST, and how many of GET and HEAD: they are priced apart."""

    writes: int
    reads: int

    @property
    def total(self) -> int:
        return self.writes + self.reads

    @property
    def dollars(self) -> float:
        return self.writes * DOLLARS_FOR_A_WRITE + self.reads * DOLLARS_FOR_A_READ


def of_hour(layout: str, segments: int, size_bytes: int) -> Requests:
    """What it takes to mirror an hour that is not in the bucket yet, when nothing goes wrong.

    Its folder is listed before and after, and each time the manifest is asked for; when it is written, it and
    the playlist are read back.
    """
    if layout == 'segments':
        return Requests(writes=segments + 2 + _pages(0) + _pages(segments), reads=4)
    parts = max(1, -(-size_bytes // PART_BYTES))
    begin_and_end = 3  # with a look for uploads that others have open
    return Requests(writes=parts + begin_and_end + 2 + 2 * _pages(1), reads=4 + 2)


def _pages(objects: int) -> int:
    return max(1, -(-objects // PAGE))
