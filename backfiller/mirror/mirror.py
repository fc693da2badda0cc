"""Mirrors complete hours to a bucket: segments first, then the playlist, the manifest last.

An hour is `mirrored` only after S3 listed every object of it with the right size; the SHA-256 of each, or
the MD5 of each part, went along with its bytes.
"""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from backfiller import sync
from backfiller.mirror import manifest as manifests
from backfiller.mirror import turns
from backfiller.mirror.bucket import Bucket, Text
from backfiller.mirror.hours import HourState, Patience, state_of
from backfiller.mirror.joined import Joined
from backfiller.mirror.layouts import Layout
from backfiller.mirror.manifest import Manifest
from backfiller.mirror.members import Members
from backfiller.mirror.verify import Problem, Verdict
from backfiller.together import each_of, together
from common.errors import ListingError, SegmentError, SegmeshError, SourceError, StoreError
from common.hls import playlist
from common.http.deadline import DeadlineError, deadline
from common.offload import OffloadedDisk
from common.place import EVERYTHING, Scope, Source, Troubles
from common.segment import Hour
from common.summaries import summary_of
from common.timeline import Interval

log = logging.getLogger(__name__)

LOOKS = 4
HOURS_AT_ONCE = 2
"""So that one is listed and described while another is sent."""

LEAVE_SECONDS = 2.0
FRESH = 'no-cache'
JSON = 'application/json'


@dataclass(frozen=True)
class HourResult:
    """What mirroring one hour came to; `fingerprint` is of our names when it was last found mirrored."""

    hour: Hour
    state: HourState
    segments: int = 0
    size_bytes: int = 0
    uploaded: int = 0
    holes: tuple[Interval, ...] = ()
    fingerprint: str = ''
    checked: datetime | None = None
    problems: tuple[str, ...] = ()


class Mirror:
    """The mirror of one store; remembers what it saw, so that a quiet hour costs no request.

    The `members` are the nodes that share the work; without them it is all ours. What is mirrored is listed
    and compared again after `check_again`.
    """

    def __init__(
        self,
        disk: OffloadedDisk,
        bucket: Bucket,
        layout: Layout,
        *,
        patience: Patience,
        clock: Callable[[], datetime],
        node_id: str,
        agreed: Callable[[Hour], bool] = lambda _: True,
        members: Members | None = None,
        check_again: timedelta | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.hours: dict[Hour, HourResult] = {}
        self.damaged: dict[Hour, tuple[str, ...]] = {}
        """What was found damaged when the bucket was read, and cannot be sent again from here."""
        self.bucket = bucket
        self._disk = disk
        self._layout = layout
        self._patience = patience
        self._clock = clock
        self._node_id = node_id
        self._agreed = agreed
        self._members = members
        self._check_again = check_again
        self._monotonic = monotonic
        self._seen: dict[Hour, tuple[Mapping[str, int], float]] = {}
        self._doubts: dict[Hour, object] = {}

    def run(self, scope: Scope = EVERYTHING) -> Iterator[HourResult]:
        """Looks at every hour held, the oldest first and HOURS_AT_ONCE, and mirrors those that are due.

        Raises SourceError or StoreError if the bucket as a whole is of no use now, and in the end
        ListingError if a folder of the store could not be listed.
        """
        troubles: Troubles = []
        held = sorted(self._disk.hours(scope, troubles), key=lambda each: (each.text, each.path))
        self.hours = {hour: self.hours[hour] for hour in held if hour in self.hours}
        self.damaged = {hour: self.damaged[hour] for hour in held if hour in self.damaged}
        self._doubts = {hour: self._doubts[hour] for hour in held if hour in self._doubts}
        self.bucket.find_out(self._node_id)
        self._layout.sweep(held)
        yield from each_of(held, self._look_at, at_most=HOURS_AT_ONCE)
        if troubles:
            raise troubles[0]

    @property
    def requests(self) -> Mapping[str, int]:
        """How many were sent to the bucket, by their operations."""
        return self.bucket.calls.requests

    def was_read(self, verdict: Verdict, staying: Sequence[Problem]) -> None:
        """Takes note of what reading an hour in the bucket showed, and of what of it is not mended."""
        hour, wrong = verdict.hour, [each.message for each in verdict.problems if each not in verdict.unread]
        was_damaged = self.damaged.pop(hour, None)
        if staying:
            self.damaged[hour] = tuple(problem.message for problem in staying)
        if wrong or was_damaged:
            self._doubts[hour] = object()
        if wrong and hour in self.hours:
            self.hours[hour] = replace(self.hours[hour], state=HourState.FAILED, problems=tuple(wrong))

    def vouches_for(self, hour: Hour) -> bool:
        """Whether the bucket holds all of the hour, and nothing was found since that speaks against it."""
        found = self.hours.get(hour)
        return found is not None and found.state is HourState.MIRRORED and hour not in self._doubts

    def is_first_for(self, hour: Hour) -> bool:
        """Whether of all nodes that mirror to this bucket it is this one that looks after the hour."""
        return not self._members or turns.is_mine(hour, self._node_id, self._members.others(), 0.0)

    def leave(self) -> None:
        """Lets the other nodes take over at once."""
        if self._members:
            refused = SourceError, StoreError, SegmentError, DeadlineError
            with suppress(*refused), deadline(LEAVE_SECONDS, self.bucket.url):
                self._members.leave()

    def _look_at(self, hour: Hour) -> HourResult:
        """What the hour came to; its own errors are in the result, those of the bucket end the pass."""
        last = self.hours.get(hour, HourResult(hour, HourState.SETTLING))
        try:
            self.hours[hour] = self._bring_up_to_date(last)
        except (ListingError, SegmentError) as error:
            self.hours[hour] = _failed(last, error)
        except (SourceError, StoreError) as error:
            self.hours[hour] = _failed(last, error)
            raise
        return self.hours[hour]

    def _bring_up_to_date(self, last: HourResult) -> HourResult:
        hour, fingerprint = last.hour, self._fingerprint(last.hour)
        state = state_of(
            hour,
            self._clock(),
            ours=fingerprint,
            mirrored=last.fingerprint,
            patience=self._patience,
            agreed=self._agreed,
        )
        if state is HourState.MIRRORED and not self._is_doubtful(last):
            return replace(last, state=state, uploaded=0)
        if state is not HourState.MIRRORED:
            self.hours[hour] = replace(last, state=state, uploaded=0)
        if state in (HourState.OPEN, HourState.SETTLING):
            return HourResult(hour, state)
        return self._mirror(last, fingerprint)

    def _is_doubtful(self, last: HourResult) -> bool:
        """Whether the bucket is to be looked at although nothing has changed here."""
        is_old = self._check_again and last.checked and self._clock() > last.checked + self._check_again
        return last.state is HourState.FAILED or bool(is_old) or last.hour in self._doubts

    def _fingerprint(self, hour: Hour) -> str:
        """From the summary, which costs a stat while the hour is quiet; raises ListingError."""
        summary = self._disk.summaries([hour]).get(hour) or summary_of(self._disk.names(hour))
        return summary.fingerprint

    def _mirror(self, last: HourResult, fingerprint: str) -> HourResult:
        """Puts what the bucket lacks, unless it is another node's turn to do so."""
        hour, sizes = last.hour, self._disk.sizes(last.hour)
        doubt = self._doubts.get(hour)
        if not sizes and not self._disk.state(hour):
            return replace(last, uploaded=0)  # it was let go a moment ago
        objects, (there, _) = self.bucket.objects(hour), self._described(hour)
        if not self._is_mirrored(sizes, objects, there) and not self._is_our_turn(hour, objects):
            return replace(last, state=HourState.MIRRORING, uploaded=0)
        sent = self._layout.send(hour, sizes, objects, there)
        manifest = None if sent.problems else self._describe(hour, sizes, sent.inside)
        if manifest is None:
            untold = f'{hour.path}: the bucket does not hold, or does not tell, what was put there'
            problems = sent.problems or [untold]
            return replace(last, state=HourState.FAILED, uploaded=sent.segments, problems=tuple(problems))
        self._seen.pop(hour, None)
        if self._doubts.get(hour) is doubt:  # and none came meanwhile
            self._doubts.pop(hour, None)
        damaged = self.damaged.get(hour, ())
        return HourResult(
            hour,
            HourState.FAILED if damaged else HourState.MIRRORED,
            segments=len(manifest.sizes),
            size_bytes=sum(manifest.sizes.values()),
            uploaded=sent.segments,
            holes=tuple(manifest.coverage.holes),
            fingerprint=fingerprint,
            checked=self._clock(),
            problems=damaged,
        )

    def _is_mirrored(
        self, sizes: Mapping[str, int], objects: Mapping[str, int], there: Manifest | None
    ) -> bool:
        """Whether the manifest names all that we hold: there is nothing to put, and no turn to await."""
        return there is not None and sizes.items() <= there.sizes.items() and manifests.NAME in objects

    def _is_our_turn(self, hour: Hour, objects: Mapping[str, int]) -> bool:
        if not self._members:
            return True
        now = self._monotonic()
        seen, since = self._seen.get(hour, ({}, now))
        if hour not in self._seen or seen != objects:
            self._seen[hour] = objects, (since := now)
        return turns.is_mine(hour, self._node_id, self._members.others(), now - since)

    def _describe(self, hour: Hour, sizes: Mapping[str, int], inside: Joined | None) -> Manifest | None:
        """Playlist and manifest as S3 gives them back; None if they do not come to say what is there.

        Another node may write its own in between, and then ours does not replace it, where the store knows of
        conditions: each names all that is listed, so another look settles it.
        """
        for _ in range(LOOKS):
            objects, (there, over) = self.bucket.objects(hour), self._described(hour)
            manifest = manifests.of_objects(hour, sizes, objects, there, inside)
            if not sizes.items() <= manifest.sizes.items():
                return None
            if there == manifest and objects.get(manifests.PLAYLIST_NAME) == len(manifest.playlist()):
                return manifest
            if self._has_written(manifest, over):
                return manifest
        return None

    def _has_written(self, manifest: Manifest, over: Text | None) -> bool:
        """The playlist, by which any player plays the hour from the bucket, and the manifest last.

        Whether S3 has both as they were written.
        """
        path, text = f'{manifest.hour.path}/{manifests.PLAYLIST_NAME}', manifest.playlist()
        self.bucket.put_text(path, text, content_type=playlist.CONTENT_TYPE, cache_control=FRESH)
        told = f'{manifest.hour.path}/{manifests.NAME}'
        encoded = manifest.encode(written_by=self._node_id, written_at=self._clock())
        self.bucket.replace_text(told, encoded, over=over, content_type=JSON, cache_control=FRESH)
        return self._described(manifest.hour)[0] == manifest and self.bucket.get_text(path) == text

    def _described(self, hour: Hour) -> tuple[Manifest | None, Text | None]:
        """The manifest in the bucket as it says and as it stands; one that is damaged says nothing."""
        found = self.bucket.get_version(f'{hour.path}/{manifests.NAME}')
        try:
            return Manifest.decode(hour, found.text) if found else None, found
        except ListingError as error:
            log.warning('%s; it is written anew', error)
            return None, found


def _failed(last: HourResult, error: SegmeshError) -> HourResult:
    return replace(last, state=HourState.FAILED, uploaded=0, problems=(str(error),))


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
