"""One live variant: its new segments go up, then its playlist that names them, then the master."""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import takewhile

from gevent.event import Event
from gevent.lock import BoundedSemaphore

from backfiller.live.layout import Variant
from backfiller.live.master import LiveMaster
from backfiller.live.newest import newest
from backfiller.live.published import Published
from backfiller.loop import Backoff, Loop, jittered
from backfiller.metrics import Metrics
from backfiller.mirror.bucket import Bucket
from backfiller.together import together
from common.changes import Changes
from common.errors import SegmentError, SegmeshError, StoreError
from common.offload import Blocks, OffloadedDisk, offload
from common.place import verified
from common.segment import Hour, Segment

log = logging.getLogger(__name__)

LOOK_SECONDS = 2.0
"""Between looks that nothing woke."""

FIRST_BACKOFF_SECONDS = 0.5
MOST_BACKOFF_SECONDS = 30.0


@dataclass(frozen=True)
class Live:
    """What all live variants work with; `length` is how much video a playlist holds."""

    disk: OffloadedDisk
    bucket: Bucket
    metrics: Metrics
    clock: Callable[[], datetime]
    length: timedelta
    uploads: BoundedSemaphore


@dataclass(frozen=True)
class Listed:
    """The newest segment that was listed, and how long after its landing in the store."""

    segment: Segment
    lag_seconds: float


class LiveVariant:
    """Keeps the live playlist of one variant up to date."""

    def __init__(self, live: Live, variant: Variant, master: LiveMaster) -> None:
        self.variant = variant
        self.last: Listed | None = None
        self._live = live
        self._master = master
        self._published = Published(live.bucket, variant, live.length, live.clock)
        self._sent: dict[Segment, int] = {}
        self._left_out: set[Segment] = set()
        self._wake = Event()
        self._backoff = Backoff(FIRST_BACKOFF_SECONDS, MOST_BACKOFF_SECONDS)
        self.loop = Loop(
            f'live {variant.path}',
            self._act,
            backoff=self._backoff,
            on_surprise=live.metrics.errors.labels('live').inc,
            wake=self._wake,
        )

    def run(self, changes: Changes) -> None:
        """Goes on until killed; a change of its hours wakes it."""
        with changes.told_to(self._wake, self._concerns_us):
            self.loop.run()

    def _concerns_us(self, hour: Hour) -> bool:
        """A bucket that is backed off from is left alone all the same."""
        return not self._backoff.failures and (hour.stream, hour.variant) == self.variant

    def _act(self) -> float:
        self.bring_up_to_date()
        return jittered(LOOK_SECONDS)

    def bring_up_to_date(self) -> None:
        """Lists what is new; asks nothing of the bucket if nothing is. Raises an error of ours."""
        live = self._live
        held = offload(newest, live.disk.disk, self.variant, live.clock(), live.length)
        if not held:
            self._master.drop(self.variant.name)
            return
        self._forget_all_but(held)
        wanted = self._usable(self._published.new_of(held))
        sections = [section for each in wanted if (section := each.needs)]
        error = self._send(sections) or self._send(self._usable(wanted))
        if confirmed := list(takewhile(self._is_there, self._usable(wanted))):
            self._list(confirmed)
        self._master.bring_up_to_date()
        if error:
            raise error

    def _usable(self, segments: Iterable[Segment]) -> list[Segment]:
        """Without those that are left out, or whose init section is."""
        return [each for each in segments if not self._left_out.intersection((each, each.needs))]

    def _is_there(self, segment: Segment) -> bool:
        """Whether it was sent, and what it needs to be played."""
        return segment in self._sent and (not segment.init or segment.needs in self._sent)

    def _send(self, segments: Iterable[Segment]) -> SegmeshError | None:
        """Puts what was not sent yet, several at a time.

        Returns the first error that is not for the segment alone.
        """
        lacking = dict.fromkeys(each for each in segments if each not in self._sent)
        return next(filter(None, together([partial(self._put, each) for each in lacking])), None)

    def _put(self, segment: Segment) -> SegmeshError | None:
        with self._live.uploads:
            try:
                body = self._body(segment)
            except SegmentError as error:
                log.warning('live: %s; it is left out', error)
                self._left_out.add(segment)
                return None
            try:
                self._sent[segment] = self._live.bucket.add(segment, Blocks(lambda: [body]))
            except (SegmentError, StoreError) as error:
                return error
        return None

    def _body(self, segment: Segment) -> bytes:
        """The bytes of a segment, whole and checked; raises SegmentError."""
        return offload(_whole, self._live.disk, segment)

    def _list(self, confirmed: Sequence[Segment]) -> None:
        self._published.publish(confirmed)
        self._master.note(self.variant.name, _rate({each: self._sent[each] for each in confirmed}))
        landed = offload(_landed, self._live.disk, confirmed[-1])
        lag = max(0.0, (self._live.clock() - landed).total_seconds()) if landed else 0.0
        self.last = Listed(confirmed[-1], lag)
        self._live.metrics.live.listed(*self.variant, len(confirmed), lag)

    def _forget_all_but(self, held: Sequence[Segment]) -> None:
        kept = {*held, *(each.needs for each in held)}
        self._left_out &= kept
        self._sent = {each: size for each, size in self._sent.items() if each in kept}


def _whole(disk: OffloadedDisk, segment: Segment) -> bytes:
    for _, blocks in disk.disk.read([segment]):
        return b''.join(verified(segment, blocks))
    raise AssertionError('not reached')


def _landed(disk: OffloadedDisk, segment: Segment) -> datetime | None:
    """When the segment came into the store under its name; None if it is gone."""
    try:
        return datetime.fromtimestamp(disk.disk.path(segment).stat().st_ctime, UTC)
    except OSError:
        return None


def _rate(sizes: dict[Segment, int]) -> int:
    """The peak rate in bits a second; pieces much shorter than the others say nothing of it."""
    longest = max(segment.duration for segment in sizes)
    return max(
        int(size * 8 / segment.duration.total_seconds())
        for segment, size in sizes.items()
        if segment.duration >= longest / 2
    )
