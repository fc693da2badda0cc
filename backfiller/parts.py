"""What the backfiller's commands are made of, from their settings."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property
from typing import Any

from gevent.lock import BoundedSemaphore

from backfiller.backfill import Backfill
from backfiller.captured import Captured
from backfiller.client import Client, credentials_for, same_origin
from backfiller.credentials import NOBODY, Credentials
from backfiller.crowd import Crowd
from backfiller.engines import Engine
from backfiller.follow import Follower, Followers
from backfiller.metrics import Metrics
from backfiller.mirror import s3
from backfiller.mirror.bucket import Bucket
from backfiller.mirror.hours import Patience
from backfiller.mirror.s3 import Border
from backfiller.pace import Pace, Wait, no_cap
from backfiller.peer import Peer
from backfiller.retention import leave
from backfiller.retention.rules import is_past
from backfiller.roster import Roster
from backfiller.setbacks import Setbacks
from backfiller.sources.follower import SourceFollower
from backfiller.sources.source import BucketSource
from backfiller.swarm import Swarm
from backfiller.vitals import PEER_SECONDS, Vitals
from common import cli, service, times
from common.config import Settings
from common.disk import Disk
from common.errors import ListingError, UsageError
from common.horizon import Horizon
from common.http.tokens import Token
from common.identity import node_id
from common.offload import OffloadedDisk
from common.place import Scope
from common.segment import Hour
from common.settings.backfiller import Backfiller
from common.settings.mirror import Mirror, Retention
from common.settings.node import Node
from common.settings.streams import Derive

VITALS_DEADLINE_SECONDS = 10.0
SUMMARIES_AT_ONCE = 2

log = logging.getLogger(__name__)


@dataclass
class Parts:
    """What every command is made of, from its settings."""

    given: Settings
    node: Node
    own: Backfiller
    mirror: Mirror
    retention: Retention
    derive: Derive
    credentials: Credentials = NOBODY

    @classmethod
    def of(cls, flags: dict[str, Any]) -> 'Parts':
        found = cli.effective_settings(flags)
        node = found.section(Node)
        service.set_up(node.log_level)
        parts = cls(
            found,
            node,
            found.section(Backfiller),
            found.section(Mirror),
            found.section(Retention),
            found.section(Derive),
        )
        parts.scope()
        return parts

    def scope(self) -> Scope:
        """The streams, variants and hours that were asked for, as of now."""
        since = times.since(self.own.since, times.utc_now()) if self.own.since else None
        return Scope(frozenset(self.own.streams), frozenset(self.own.variants), since)

    def with_credentials(self) -> 'Parts':
        """The same for who asks peers; other commands need not be able to read the token files."""
        return replace(self, credentials=Credentials.of(self.given))

    @contextmanager
    def disk(self, reserve_bytes: int = 0) -> Iterator[OffloadedDisk]:
        """The store, swept of temps that a killed process left, and with the hours that one died over.

        What is fetched from elsewhere leaves `reserve_bytes` free; they are for our own capture.
        """
        disk = Disk(
            self.node.store,
            limit_bytes=self.own.max_segment_bytes,
            durability=self.own.durability,
            reserve_bytes=reserve_bytes,
        )
        disk.sweep()
        with _warned():
            leave.put_back(self.node.store)
        try:
            yield OffloadedDisk(disk)
        finally:
            disk.sweep()

    def node_id(self) -> str:
        return node_id(self.node.node_id, self.node.store)

    def bucket(self, *, tries: int = s3.TRIES, at_once: int = s3.CONNECTIONS) -> Bucket:
        if not self.mirror.bucket:
            raise UsageError('give the bucket: --bucket s3://BUCKET/PREFIX')
        return self._bucket(self.mirror.bucket, tries, at_once)

    def _bucket(self, url: str, tries: int = s3.TRIES, at_once: int = s3.CONNECTIONS) -> Bucket:
        """With connections of its own."""
        client = s3.new_client(self.mirror.endpoint_url, self.mirror.s3_checksums)
        border = Border(url, tries, crowd=Crowd(at_once))
        return Bucket(client, url, border=border, max_segment_bytes=self.own.max_segment_bytes)

    def peer(self, url: str) -> Peer:
        def new_client(engine: Engine, pace: Wait) -> Client:
            return Client(
                deadline_seconds=self.own.request_deadline,
                may_redirect=same_origin,
                engine=engine,
                pace=pace,
                credentials=credentials_for(url, self.credentials.peers),
            )

        return Peer(
            url,
            new_client,
            pace=self.pace,
            max_segment_bytes=self.own.max_segment_bytes,
            plain=self.own.protocol == 'plain',
            turns=self.turns,
        )

    def vitals(self, url: str, metrics: Metrics, look_seconds: float, token: Token | None) -> Vitals:
        client = Client(
            deadline_seconds=VITALS_DEADLINE_SECONDS,
            may_redirect=same_origin,
            credentials=credentials_for(url, token),
        )
        return Vitals(url, client, metrics, times.utc_now, look_seconds=look_seconds)

    @cached_property
    def turns(self) -> BoundedSemaphore:
        """So many peers' summaries are in memory at once: of 10,000 hours they take 10 MB."""
        return BoundedSemaphore(SUMMARIES_AT_ONCE)

    @cached_property
    def pace(self) -> Wait:
        """The one cap that all peers share."""
        return Pace(self.own.download_limit) if self.own.download_limit else no_cap

    def roster(self) -> Roster:
        return Roster(self.own.peers, self.own.peers_file)

    @cached_property
    def horizon(self) -> Horizon:
        """What was let go here; one that cannot be read is said, and counts as none."""
        found = Horizon(self.node.store)
        with _warned():
            found.load()
        return found

    def keeps(self, hour: Hour) -> bool:
        """Whether such an hour is kept here: not if it was let go, nor if it would soon be."""
        return self.horizon.admits(hour) and not is_past(hour, times.utc_now(), self.retention.keep)

    def patience(self) -> Patience:
        return Patience(
            settle=timedelta(seconds=self.mirror.settle),
            settle_max=timedelta(seconds=self.mirror.settle_max),
            started=times.utc_now(),
        )

    def backfill(self, disk: OffloadedDisk, metrics: Metrics) -> Backfill:
        return Backfill(
            swarm=Swarm(disk),
            metrics=metrics,
            setbacks=Setbacks(),
            clock=times.utc_now,
            order=self.own.order,
            cutoff=timedelta(seconds=self.own.recent_cutoff),
            ours=disk.summaries,
            captured=Captured(disk.disk.names),
            keeps=self.keeps,
        )

    def follow(self, backfill: Backfill, url: str) -> Follower:
        return Follower(
            self.peer(url),
            backfill,
            self.scope,
            vitals=self.vitals(url, backfill.metrics, PEER_SECONDS, self.credentials.peers),
            own_id=self.node_id(),
            recent_seconds=self.own.recent_interval,
            full_seconds=self.own.full_interval,
        )

    def sources(self) -> list[BucketSource]:
        """The buckets to fetch from what no peer has."""
        return [BucketSource(self._bucket(url), self.pace) for url in self.own.sources]

    def follow_source(self, backfill: Backfill, followers: Followers, source: BucketSource) -> SourceFollower:
        seconds = self.own.full_interval
        return SourceFollower(source, backfill, followers, self.scope, interval_seconds=seconds)


@contextmanager
def _warned() -> Iterator[None]:
    """Says what is wrong with the store, and goes on."""
    try:
        yield
    except ListingError as error:
        log.warning('%s', error)
