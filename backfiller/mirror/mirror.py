"""Mirrors complete hours to a bucket: segments first, then the playlist, the manifest last.

    open -> settling -> mirroring -> mirrored -> (behind -> mirrored), or failed

An hour is `mirrored` only after S3 listed every object of it with the right size; the SHA-256 of each went
along with its bytes.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial

from backfiller import sync
from backfiller.mirror import manifest as manifests
from backfiller.mirror.bucket import Bucket
from backfiller.mirror.manifest import Manifest
from backfiller.together import together
from common import playlist
from common.errors import ListingError, SegmentError, SourceError, StoreError
from common.offload import OffloadedDisk
from common.place import EVERYTHING, Scope, Source, Store, Troubles
from common.segment import Hour, Segment
from common.summaries import summary_of

log = logging.getLogger(__name__)

UPLOADS = 8
LOOKS = 4


class HourState(StrEnum):
    """Where the mirror of an hour stands."""

    OPEN = 'open'
    SETTLING = 'settling'
    MIRRORING = 'mirroring'
    MIRRORED = 'mirrored'
    BEHIND = 'behind'
    FAILED = 'failed'


@dataclass(frozen=True)
class Patience:
    """How long an hour is left alone after its end: always, and at most if peers hold something else.

    A node that just `started` has asked nobody yet, so the longest wait begins then at the earliest.
    """

    settle: timedelta
    settle_max: timedelta
    started: datetime

    def has_settled(self, hour: Hour, now: datetime, agreed: Callable[[Hour], bool]) -> bool:
        """Whether the hour is complete, as far as anybody can know now."""
        if now < hour.end + self.settle:
            return False
        return now >= max(hour.end, self.started) + self.settle_max or agreed(hour)


@dataclass(frozen=True)
class HourResult:
    """What mirroring one hour came to; `fingerprint` is of our names when it was last mirrored."""

    hour: Hour
    state: HourState
    segments: int = 0
    uploaded: int = 0
    holes: int = 0
    fingerprint: str = ''
    problems: tuple[str, ...] = ()


class Mirror:
    """The mirror of one store; remembers what it saw, so that a quiet hour costs no request."""

    def __init__(
        self,
        disk: OffloadedDisk,
        bucket: Bucket,
        *,
        patience: Patience,
        clock: Callable[[], datetime],
        node_id: str,
        agreed: Callable[[Hour], bool] = lambda _: True,
    ) -> None:
        self.hours: dict[Hour, HourResult] = {}
        self.bucket = bucket
        self._disk = disk
        self._patience = patience
        self._clock = clock
        self._node_id = node_id
        self._agreed = agreed

    def run(self, scope: Scope = EVERYTHING) -> Iterator[HourResult]:
        """Looks at every hour held, the oldest first, and mirrors those that are due.

        Raises SourceError or StoreError if the bucket as a whole is of no use now, and in the end
        ListingError if a folder of the store could not be listed.
        """
        troubles: Troubles = []
        held = sorted(self._disk.hours(scope, troubles), key=lambda each: (each.text, each.path))
        self.hours = {hour: self.hours[hour] for hour in held if hour in self.hours}
        for hour in held:
            self.hours[hour] = self._look_at(hour)
            yield self.hours[hour]
        if troubles:
            raise troubles[0]

    def _look_at(self, hour: Hour) -> HourResult:
        """What the hour came to; its own errors are in the result, those of the bucket end the pass."""
        if self._clock() < hour.end:
            return HourResult(hour, HourState.OPEN)
        last = self.hours.get(hour, HourResult(hour, HourState.SETTLING))
        try:
            return self._bring_up_to_date(last)
        except (ListingError, SegmentError) as error:
            return replace(last, state=HourState.FAILED, uploaded=0, problems=(str(error),))
        except (SourceError, StoreError) as error:
            self.hours[hour] = replace(last, state=HourState.FAILED, uploaded=0, problems=(str(error),))
            raise

    def _bring_up_to_date(self, last: HourResult) -> HourResult:
        hour, fingerprint = last.hour, self._fingerprint(last.hour)
        if last.state is HourState.MIRRORED and last.fingerprint == fingerprint:
            return replace(last, uploaded=0)
        if last.fingerprint:
            self.hours[hour] = replace(last, state=HourState.BEHIND)
        elif self._patience.has_settled(hour, self._clock(), self._agreed):
            self.hours[hour] = HourResult(hour, HourState.MIRRORING)
        else:
            return HourResult(hour, HourState.SETTLING)
        return self._mirror(last, fingerprint)

    def _fingerprint(self, hour: Hour) -> str:
        """From the summary, which costs a stat while the hour is quiet; raises ListingError."""
        summary = self._disk.summaries([hour]).get(hour) or summary_of(self._disk.names(hour))
        return summary.fingerprint

    def _mirror(self, last: HourResult, fingerprint: str) -> HourResult:
        hour, sizes = last.hour, self._disk.sizes(last.hour)
        added, problems = self._upload(hour, sizes)
        manifest = None if problems else self._describe(hour, sizes)
        if manifest is None:
            problems = problems or [f'{hour.path}: the bucket does not hold, or not tell, what was put there']
            return replace(last, state=HourState.FAILED, uploaded=added, problems=tuple(problems))
        return HourResult(
            hour,
            HourState.MIRRORED,
            segments=len(manifest.sizes),
            uploaded=added,
            holes=len(manifest.coverage.holes),
            fingerprint=fingerprint,
        )

    def _upload(self, hour: Hour, sizes: dict[str, int]) -> tuple[int, list[str]]:
        """Puts what the bucket lacks, several at a time; returns how many, and what went wrong."""
        target = _Intact(self.bucket, sizes)
        events = list(sync.sync(self._disk, target, [hour], carry=_in_shares))
        added = sum(isinstance(event, sync.Added) for event in events)
        return added, [str(e.error) for e in events if isinstance(e, sync.Failed | sync.Unlisted)]

    def _describe(self, hour: Hour, sizes: dict[str, int]) -> Manifest | None:
        """Playlist and manifest as S3 gives them back; None if they do not come to say what is there.

        Another node may write its own in between: each names all that is listed, so a second look settles it.
        """
        for _ in range(LOOKS):
            objects, there = self.bucket.objects(hour), self._described(hour)
            if any(objects.get(name) != size for name, size in sizes.items()):
                return None
            manifest = manifests.of_objects(hour, sizes, objects, there)
            if there == manifest and objects.get(manifests.PLAYLIST_NAME) == len(manifest.playlist()):
                return manifest
            self._write(manifest)
        return None

    def _write(self, manifest: Manifest) -> None:
        """The playlist, by which any player plays the hour from the bucket, and the manifest last."""
        told = manifest.encode(written_by=self._node_id, written_at=self._clock())
        for name, text, content_type in (
            (manifests.PLAYLIST_NAME, manifest.playlist(), playlist.CONTENT_TYPE),
            (manifests.NAME, told, 'application/json'),
        ):
            path = f'{manifest.hour.path}/{name}'
            self.bucket.put_text(path, text, content_type=content_type, cache_control='no-cache')

    def _described(self, hour: Hour) -> Manifest | None:
        """The manifest in the bucket; None if there is none that can be read, so that it is written anew."""
        text = self.bucket.get_text(f'{hour.path}/{manifests.NAME}')
        try:
            return Manifest.decode(hour, text) if text is not None else None
        except ListingError as error:
            log.warning('%s; it is written anew', error)
            return None


def _in_shares(
    source: Source, target: Store, segments: Sequence[Segment]
) -> Iterator[sync.Added | sync.Failed]:
    """Transfers UPLOADS segments at a time."""
    shares = [segments[number::UPLOADS] for number in range(UPLOADS)]
    done = together([lambda share=share: list(sync.transfer(source, target, share)) for share in shares])  # type: ignore[misc]
    return (event for events in done for event in events)


class _Intact:
    """A bucket whose objects of another size than ours do not count, so that they are sent again."""

    def __init__(self, bucket: Bucket, sizes: dict[str, int]) -> None:
        self._bucket = bucket
        self._sizes = sizes
        self.hours, self.read, self.add = bucket.hours, bucket.read, bucket.add

    def names(self, hour: Hour) -> set[str]:
        objects = self._bucket.objects(hour)
        return {name for name, size in objects.items() if self._sizes.get(name) == size}


def nothing_more_at(peers: Callable[[], Iterable[Source]], disk: OffloadedDisk) -> Callable[[Hour], bool]:
    """Whether no peer that can be reached has a segment of the hour that the disk lacks."""

    def agreed(hour: Hour) -> bool:
        known = sync.Known(hour, disk.names(hour), skip_twins=True)
        return not any(together([partial(_has_more, peer, hour, known) for peer in peers()]))

    return agreed


def _has_more(peer: Source, hour: Hour, known: sync.Known) -> bool:
    try:
        return bool(sync.compare(hour, peer.names(hour), known).missing)
    except (SourceError, ListingError):
        return False
