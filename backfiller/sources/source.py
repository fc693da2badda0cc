"""A bucket as a source: what no peer has, or could bring, is fetched from a mirror of it."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import NamedTuple

from backfiller import sync
from backfiller.carry import side_by_side
from backfiller.mirror.bucket import Bucket
from backfiller.pace import Wait, no_cap, paced
from backfiller.peer import Peer
from backfiller.setbacks import Setbacks
from backfiller.swarm import Brought, Note, Swarm
from backfiller.together import together
from common.errors import ListingError, SourceError
from common.place import EVERYTHING, Chunks, Scope, Troubles
from common.segment import Hour, Segment
from common.summaries import summary_of
from common.wire import HourSummary

LISTED_SECONDS = 86_400.0
"""So long what an hour of the bucket holds is remembered: if we hold just that, it is not asked."""


class _Listed(NamedTuple):
    summary: HourSummary
    at: float


class BucketSource:
    """A bucket that is only read; remembers what its hours were found to hold."""

    def __init__(
        self, bucket: Bucket, pace: Wait = no_cap, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self.url = bucket.url
        self.refused: set[str] = set()
        self._bucket = bucket
        self._pace = pace
        self._monotonic = monotonic
        self._listed: dict[Hour, _Listed] = {}

    def hours(self, scope: Scope = EVERYTHING, troubles: Troubles | None = None) -> Iterator[Hour]:
        return self._bucket.hours(scope, troubles)

    def summaries(
        self, scope: Scope = EVERYTHING, troubles: Troubles | None = None
    ) -> Iterator[Mapping[Hour, HourSummary | None]]:
        """All hours at once, with what is remembered of them."""
        oldest = self._monotonic() - LISTED_SECONDS
        self._listed = {hour: listed for hour, listed in self._listed.items() if listed.at > oldest}
        known = self._listed
        yield {hour: known[hour].summary if hour in known else None for hour in self.hours(scope, troubles)}

    def names(self, hour: Hour) -> set[str]:
        found = self._bucket.names(hour)
        self._listed[hour] = _Listed(summary_of(found), self._monotonic())
        return found

    def read(self, segments: Iterable[Segment]) -> Iterator[tuple[Segment, Chunks]]:
        for segment, chunks in self._bucket.read(segments):
            yield segment, paced(chunks, self._pace)


def bring(
    source: BucketSource,
    swarm: Swarm,
    hours: Iterable[Hour],
    *,
    wanted: sync.Wanted,
    note: Note,
    is_left: sync.Wanted = lambda _: False,
) -> None:
    """Adds what is wanted, less what `is_left` to the peers; raises SourceError or StoreError.

    While something of an hour may come, the plan knows of it, so that the hour is not let go.
    """

    def lacking(segment: Segment) -> bool:
        return wanted(segment) and not is_left(segment)

    for hour in hours:
        with swarm.plan.room(hour):
            events = sync.sync(
                source, swarm.disk, [hour], wanted=lacking, carry=side_by_side, skip_twins=True
            )
            _tell(events, note)


def _tell(events: Iterable[sync.Event], note: Note) -> None:
    """What came of the hour comes together, as with peers."""
    added = []
    try:
        for event in events:
            if isinstance(event, sync.Added):
                added.append(event)
            else:
                note(event)
    finally:
        if added:
            note(Brought(tuple(added)))


class LeftToPeers:
    """Whether a peer that answers has a segment, and has not failed to bring it; for one pass."""

    def __init__(self, peers: Callable[[], Iterable[Peer]], setbacks: Setbacks) -> None:
        self._peers = peers
        self._setbacks = setbacks
        self._away: set[str] = set()
        self._hour: Hour | None = None
        self._names: Mapping[str, set[str]] = {}

    def __call__(self, segment: Segment) -> bool:
        if segment.hour != self._hour:
            self._hour, self._names = segment.hour, self._listed(segment.hour)
        return any(
            segment.name in names and not self._setbacks.has_failed(url, segment)
            for url, names in self._names.items()
        )

    def _listed(self, hour: Hour) -> Mapping[str, set[str]]:
        """What each peer lists, asked once for an hour: the segments of a pass come hour by hour."""
        peers = [peer for peer in self._peers() if peer.url not in self._away]
        listed = together([partial(self._names_of, peer, hour) for peer in peers])
        return {peer.url: names for peer, names in zip(peers, listed, strict=True)}

    def _names_of(self, peer: Peer, hour: Hour) -> set[str]:
        """Nothing of a peer that fails, which is not waited for again."""
        try:
            return peer.names(hour)
        except (SourceError, ListingError):
            self._away.add(peer.url)
            return set()
