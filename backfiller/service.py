"""A running backfiller: its followers and sources, its mirror, retention and live layout."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import gevent

from backfiller import status
from backfiller.follow import Followers
from backfiller.live.keeper import LiveKeeper
from backfiller.metrics import Metrics
from backfiller.mirror.keeper import MirrorKeeper
from backfiller.pulse import Pulse
from backfiller.retention.keeper import RetentionKeeper
from backfiller.sources.follower import SourceFollower
from backfiller.vitals import Vitals
from common.place import Scope
from common.times import iso


@dataclass
class Service:
    """What runs inside `backfiller run`, and how it describes itself in /status."""

    node_id: str
    clock: Callable[[], datetime]
    metrics: Metrics
    followers: Followers
    sources: Sequence[SourceFollower]
    keeper: MirrorKeeper | None
    retention: RetentionKeeper | None
    live: LiveKeeper | None
    restreamer: Vitals | None

    def start(self) -> list['gevent.Greenlet[..., None]']:
        """Starts the parts; kill the greenlets to stop them."""
        parts = [self.followers.run, Pulse(self.metrics.hub_latency.observe).run]
        parts += [each.run for each in self.sources]
        parts += [self.keeper.run] if self.keeper else []
        parts += [self.retention.run] if self.retention else []
        parts += [self.live.run] if self.live else []
        parts += [self.restreamer.run] if self.restreamer else []
        return [gevent.spawn(part) for part in parts]

    def is_healthy(self) -> bool:
        """Whether no part ended its last pass in an error that nobody foresaw."""
        loops = [each.loop for each in self.followers.by_url.values()]
        loops += [each.loop for each in self.sources]
        loops += self.keeper.loops if self.keeper else []
        loops += [self.retention.loop] if self.retention else []
        loops += self.live.loops if self.live else []
        return not any(loop.is_troubled for loop in loops)

    def ask(self, scope: Scope) -> int:
        """Asks all peers and sources for a pass now; returns how many were asked."""
        for source in self.sources:
            source.ask(scope)
        return self.followers.ask(scope) + len(self.sources)

    def status(self) -> dict[str, Any]:
        """The answer to GET /status."""
        now, followers = self.clock(), self.followers.by_url
        answer: dict[str, Any] = {
            'id': self.node_id,
            'time': iso(now),
            'healthy': self.is_healthy(),
            'peers': {url: status.of_peer(follower, now) for url, follower in followers.items()},
        }
        if self.sources:
            answer['sources'] = {each.url: status.of_source(each, now) for each in self.sources}
        if self.restreamer:
            answer['restreamer'] = status.of_vitals(self.restreamer)
        if self.keeper:
            answer['mirror'] = status.of_mirror(self.keeper)
        if self.retention:
            answer['retention'] = status.of_retention(self.retention)
        if self.live:
            answer['live'] = status.of_live(self.live)
        return answer
