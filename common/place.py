"""A place: somewhere a set of segments can be listed and read, and perhaps added to.

Equal names mean equal bytes, so the difference of two places is a set difference and adding twice is
adding once. Memory, Disk, Bucket and Peer are places; `tests/contract` holds all of them to the same
promises.
"""

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from common import digest
from common.errors import ListingError, SegmentError
from common.segment import ONE_HOUR, Hour, Segment

MAX_SEGMENT_BYTES = 256 * 1024 * 1024
"""The largest segment that is taken from anywhere: ten minutes at 3 Mbit/s, ten seconds at 200."""

Chunks = Iterable[bytes | memoryview]
Troubles = list[ListingError]


@dataclass(frozen=True, slots=True)
class Scope:
    """Which hours are meant: empty sets mean every stream or variant, no `since` every time."""

    streams: frozenset[str] = frozenset()
    variants: frozenset[str] = frozenset()
    since: datetime | None = None
    hours: frozenset[str] = frozenset()

    def within(self, other: 'Scope') -> 'Scope':
        """What both admit."""
        since = max(filter(None, (self.since, other.since)), default=None)
        return Scope(
            _both(self.streams, other.streams),
            _both(self.variants, other.variants),
            since,
            _both(self.hours, other.hours),
        )

    def admits_stream(self, stream: str) -> bool:
        return not self.streams or stream in self.streams

    def admits_variant(self, variant: str) -> bool:
        return not self.variants or variant in self.variants

    def admits(self, hour: Hour) -> bool:
        """Whether any moment of the hour lies in the scope."""
        return (
            self.admits_stream(hour.stream)
            and self.admits_variant(hour.variant)
            and (not self.hours or hour.text in self.hours)
            and (self.since is None or hour.start + ONE_HOUR > self.since)
        )


EVERYTHING = Scope()
NOTHING = frozenset({''})
"""No stream, variant or hour has this name."""


def _both(one: frozenset[str], other: frozenset[str]) -> frozenset[str]:
    return (one & other or NOTHING) if one and other else one | other


@contextmanager
def collected(troubles: Troubles | None) -> Iterator[None]:
    """Notes a ListingError among the troubles, if there is such a list."""
    try:
        yield
    except ListingError as error:
        if troubles is None:
            raise
        troubles.append(error)


class Source(Protocol):
    """A place that can be listed and read."""

    def hours(self, scope: Scope = EVERYTHING, troubles: Troubles | None = None) -> Iterable[Hour]:
        """The hours held, in any order; raises ListingError or SourceError.

        With a list of `troubles`, a folder that cannot be listed is noted there, and the others are listed.
        """

    def names(self, hour: Hour) -> set[str]:
        """The members of that hour: names of segments that are not withdrawn, and of tombstones.

        An hour that is not held is empty. From a place that we do not control the strings may be anything:
        `Segment.parse` is for the reader to call. Raises ListingError or SourceError.
        """

    def read(self, segments: Iterable[Segment]) -> Iterator[tuple[Segment, Chunks]]:
        """Each segment with its bytes, which must be consumed before the next is asked for.

        The hours come in the order given, the segments of one in any order.

        A segment that cannot be had raises SegmentError while its chunks are consumed, and the iteration
        can go on; SourceError ends it. The bytes are as the place gives them: see `verified`.
        """


class Store(Source, Protocol):
    """A place that can be added to."""

    def add(self, segment: Segment, chunks: Chunks) -> int:
        """Adds all of the segment or nothing, and returns its size in bytes.

        Checks the hash itself. Raises SegmentError if the chunks raise it or are not what the name says,
        StoreError if the place can take nothing.
        """


def verified(
    segment: Segment, chunks: Chunks, limit_bytes: int = MAX_SEGMENT_BYTES
) -> Iterator[bytes | memoryview]:
    """Passes the chunks on, and raises SegmentError at the end unless they are what the name says.

    Raises SegmentError(`size`) as soon as `limit_bytes` is passed, so an endless body ends here. A
    tombstone has no bytes at all.
    """
    running = hashlib.sha256()
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if size > (0 if segment.withdrawal else limit_bytes):
            raise SegmentError('size', f'{segment.path} has more than the {limit_bytes} bytes allowed')
        running.update(chunk)
        yield chunk
    found = digest.from_bytes(running.digest())
    if not segment.withdrawal and found != segment.hash:
        raise SegmentError('hash', f'{segment.path} has {size} bytes whose SHA-256 is {found}: damaged')
