"""Reading back what was mirrored, some of each hour now and then, and having it mended where it is wrong.

Listings compare sizes: only reading shows that the bytes are still what the names say.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from backfiller.mirror.bucket import Bucket
from backfiller.mirror.hours import HourState
from backfiller.mirror.mend import remove_damaged
from backfiller.mirror.mirror import Mirror
from backfiller.mirror.verify import Reading, Verdict, verify
from common.disk import Disk
from common.segment import Hour

NEVER = datetime.min.replace(tzinfo=UTC)
ALL = 1.0


@dataclass
class Tally:
    """What was read since the start."""

    segments: int = 0
    size_bytes: int = 0
    damaged: int = 0

    def add(self, verdict: Verdict) -> None:
        self.segments += verdict.read
        self.size_bytes += verdict.read_bytes
        self.damaged += len(verdict.damaged)


class Reread:
    """Reads the mirrored hours that are this node's to read, each at its interval.

    The `bucket` is the mirror's, over connections of its own.
    """

    def __init__(
        self,
        mirror: Mirror,
        bucket: Bucket,
        disk: Disk,
        reading: Reading,
        *,
        interval: timedelta,
        clock: Callable[[], datetime],
    ) -> None:
        self.tally = Tally()
        self._mirror = mirror
        self._bucket = bucket
        self._disk = disk
        self._reading = reading
        self._interval = interval
        self._clock = clock
        self._read_at: dict[Hour, datetime] = {}

    def run(self) -> Iterator[Verdict]:
        """Reads the hours that are due, those first that were not read for longest.

        What is damaged, and whole here, is removed, so that the mirror sends it again. Raises SourceError,
        ListingError or StoreError.
        """
        held = list(self._mirror.hours)
        self._read_at = {hour: self._read_at[hour] for hour in held if hour in self._read_at}
        self._reading.choose.shuffle(held)  # so that a node that is often restarted comes to all of them
        for hour in sorted(filter(self._is_due, held), key=lambda hour: self._read_at.get(hour, NEVER)):
            verdict = verify(self._bucket, None, hour, self._reading_of(hour))
            self.tally.add(verdict)
            self._mirror.was_read(verdict, verdict.damaged)
            if verdict.damaged:
                self._mend(verdict)
            self._read_at[hour] = self._clock()
            yield verdict

    def _mend(self, verdict: Verdict) -> None:
        """While something is let go of, nothing is mended: the hour is read again at its interval."""
        with suppress(BlockingIOError):
            self._mirror.was_read(verdict, remove_damaged(self._bucket, self._disk, verdict))

    def _is_due(self, hour: Hour) -> bool:
        looked_at = self._mirror.hours.get(hour)
        if not looked_at or self._clock() < self._read_at.get(hour, hour.end) + self._interval:
            return False
        is_there = looked_at.state is HourState.MIRRORED or hour in self._mirror.damaged
        return is_there and self._mirror.is_first_for(hour)

    def _reading_of(self, hour: Hour) -> Reading:
        """All of an hour that was found damaged and could not be mended."""
        return replace(self._reading, share=ALL) if hour in self._mirror.damaged else self._reading
