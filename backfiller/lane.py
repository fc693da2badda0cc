"""A lane to a peer: a connection, over which shares of segments go from the peer to the disk."""

import time
from collections.abc import Callable, Sequence
from functools import partial

from backfiller.fetch import Fetcher
from backfiller.sync import Added, Failed
from backfiller.worker import Emit, Job, Worker
from common.adding import Adding
from common.disk import Disk
from common.errors import SegmentError, StoreError
from common.offload import offload
from common.segment import Segment

LEAST_SHARE_BYTES = 256 * 1024
FIRST_SHARE_BYTES = 512 * 1024
MOST_SHARE_BYTES = 16 * 1024 * 1024
SHARE_SECONDS = 0.5
"""A share is what a lane brings in about this time, so that a slow peer does not sit on much."""

LANES = 2
"""So many shares of a peer are under way at once: while one is written to disk, the other comes in.

They share a thread. Each with a thread of its own took more CPU, and more time, than both in one.
"""

Events = list[Added | Failed]


class Lane:
    """Carries one share at a time."""

    def __init__(
        self, fetcher: Fetcher, worker: Worker[Events], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.worker = worker
        self.share_bytes: float = FIRST_SHARE_BYTES
        self._fetcher = fetcher
        self._clock = clock
        self._job: Job[Events] | None = None
        self._left: set[str] = set()
        self._unneeded: set[str] = set()

    def carry(self, segments: Sequence[Segment], disk: Disk, tell: Emit[Events]) -> None:
        """Tells what becomes of the segments, as it does; raises SourceError or StoreError.

        Those of which nothing is said were not needed any more.
        """
        self._left = {segment.name for segment in segments}
        self._unneeded = set()
        began, brought_bytes = self._clock(), 0

        def note(events: Events) -> None:
            nonlocal brought_bytes
            self._left -= {event.segment.name for event in events}
            brought_bytes += sum(event.size_bytes for event in events if isinstance(event, Added))
            tell(events)

        self._job = self.worker.job(partial(_bring, self._fetcher, disk, segments, self._unneeded))
        self.worker.run(self._job, note)
        per_second = brought_bytes / max(self._clock() - began, 0.001)
        self.share_bytes = min(max(per_second * SHARE_SECONDS, LEAST_SHARE_BYTES), MOST_SHARE_BYTES)

    def spare(self, segment: Segment) -> None:
        """Somebody else brought it; a share in which nothing else is left ends at once."""
        if segment.name not in self._left:
            return
        self._unneeded.add(segment.name)
        if self._job and self._left <= self._unneeded:
            self._job.end()

    def close(self) -> None:
        """Closes the connections, in the thread to whose hub they belong."""
        self.worker.run(self.worker.job(lambda _: self._fetcher.close()), lambda _: None)


def _bring(
    fetcher: Fetcher, disk: Disk, segments: Sequence[Segment], unneeded: set[str], emit: Emit[Events]
) -> None:
    """Runs in the lane's thread. What was whole when it ends is kept, however it ends."""
    with disk.adding() as adding:
        try:
            for segment, chunks in fetcher.read(segments):
                if segment.name in unneeded:
                    continue
                try:
                    adding.add(segment, chunks)
                except SegmentError as error:
                    emit([Failed(segment, error)])
                if adding.is_due:
                    _commit(adding, emit)
        finally:
            _commit(adding, emit)


def _commit(adding: Adding, emit: Emit[Events]) -> None:
    """Raises StoreError if the store took nothing."""
    events: Events = []
    refused: list[StoreError] = []
    for segment, size_bytes, error in offload(adding.commit):
        if isinstance(error, StoreError):
            refused.append(error)
        else:
            events.append(Failed(segment, error) if error else Added(segment, size_bytes))
    emit(events)
    if refused:
        raise refused[0]
