"""The counters that people graph. Series of hours older than the newest 72 are removed."""

import math
from collections.abc import Callable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from common.segment import Hour

HOURS_KEPT = 72


class Metrics:
    """The backfiller's metrics in one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(name, text, labels, registry=registry)

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(name, text, labels, registry=registry)

        self.registry = registry
        self._hours: dict[str, set[tuple[str, str, str]]] = {}
        self._backfilled = counter(
            'segments_backfilled', 'Segments fetched and stored.', 'remote', 'stream', 'variant', 'hour'
        )
        self.backfilled_bytes = counter('backfilled_bytes', 'Bytes of the segments stored.', 'remote')
        self.failed = counter('segments_failed', 'Segments not fetched or not stored.', 'remote', 'reason')
        self.batches = counter('batches', 'Shares of segments that were stored together.', 'remote')
        self.avoided = counter(
            'duplicates_avoided', 'Segments of a peer that another one brought first.', 'remote'
        )
        self.doubled = counter(
            'duplicates_made',
            'Segments asked of a peer although another one had been asked, which is slow.',
            'remote',
        )
        self.refused = counter('names_refused', 'Listed names that are no segment names.', 'remote')
        self.unlisted = counter('listings_failed', 'Listings that could not be used.', 'remote')
        self.missing = gauge('segments_missing', 'What the last pass left missing.', 'remote')
        self.passes = counter('passes', 'Passes over a peer.', 'remote', 'result')
        self.pass_seconds = Histogram(
            'pass_seconds', 'How long a pass took.', ['remote', 'kind'], registry=registry
        )
        self.last_success = gauge(
            'last_successful_pass_timestamp_seconds', 'When a pass last left nothing undone.', 'remote'
        )
        self.hub_latency = Histogram(
            'hub_latency_seconds',
            'How long a greenlet that is due waits for its turn.',
            registry=registry,
            buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0),
        )
        self.roster = RosterMetrics(registry, self.missing)
        self.errors = counter('unexpected_errors', 'Errors nobody foresaw; see the log.', 'part')
        self.mirror = MirrorMetrics(registry)
        self.live = LiveMetrics(registry)

    def backfilled(self, remote: str, hour: Hour, segments: int, size_bytes: int) -> None:
        """Counts segments under their hour."""
        self._backfilled.labels(remote, hour.stream, hour.variant, hour.text).inc(segments)
        self.backfilled_bytes.labels(remote).inc(size_bytes)
        self._hours.setdefault(hour.text, set()).add((remote, hour.stream, hour.variant))
        while len(self._hours) > HOURS_KEPT:
            self._forget(min(self._hours))

    def _forget(self, hour: str) -> None:
        for remote, stream, variant in self._hours.pop(hour):
            self._backfilled.remove(remote, stream, variant, hour)


class MirrorMetrics:
    """What is told of the mirror."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.segments = Counter('segments_mirrored', 'Segments put into the bucket.', registry=registry)
        self.hours = Gauge(
            'mirror_hours', 'Hours held by state of their mirror.', ['state'], registry=registry
        )
        self.requests = Counter(
            's3_requests',
            'Requests to S3 to mirror hours, but not those that read them back.',
            ['operation'],
            registry=registry,
        )
        self.read_back_bytes = Counter(
            'mirror_read_back_bytes', 'Bytes of the bucket that were read back and hashed.', registry=registry
        )
        self.damaged_segments = Counter(
            'mirror_damaged_segments', 'Segments read back that were not what was put.', registry=registry
        )


class LiveMetrics:
    """What is told of a variant for as long as its live layout is kept."""

    def __init__(self, registry: CollectorRegistry) -> None:
        labels = ('stream', 'variant')
        self._segments = Counter(
            'live_segments', 'Segments put and listed in a live playlist.', labels, registry=registry
        )
        self._lag = Gauge(
            'live_lag_seconds',
            'From the landing of the newest segment to its name in the live playlist.',
            labels,
            registry=registry,
        )

    def listed(self, stream: str, variant: str, segments: int, lag_seconds: float) -> None:
        self._segments.labels(stream, variant).inc(segments)
        self._lag.labels(stream, variant).set(lag_seconds)

    def forget(self, stream: str, variant: str) -> None:
        for family in (self._segments, self._lag):
            family.remove_by_labels({'stream': stream, 'variant': variant})


class RosterMetrics:
    """What is told of a peer for as long as it is on the roster."""

    def __init__(self, registry: CollectorRegistry, missing: Gauge) -> None:
        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(name, text, labels, registry=registry)

        self._missing = missing
        self._behind = gauge(
            'peer_behind_seconds', 'How long ago a pass over the peer last left nothing undone.', 'remote'
        )
        self._queued = gauge('segments_queued', 'Segments of the peer that are to be fetched.', 'remote')
        self._ready = gauge('restreamer_ready', 'Whether a restreamer said so, 0 or 1.', 'remote')
        self._answer_seconds = gauge(
            'restreamer_answer_seconds', 'How long its last answer took.', 'remote', 'request'
        )

    def follow(self, remote: str, behind: Callable[[], float], queued: Callable[[], float]) -> None:
        """Begins to tell of a peer."""
        self._behind.labels(remote).set_function(behind)
        self._queued.labels(remote).set_function(queued)

    def unfollow(self, remote: str) -> None:
        for family in (self._behind, self._queued, self._ready, self._answer_seconds, self._missing):
            family.remove_by_labels({'remote': remote})

    def watched(self, remote: str, ready: bool, seconds: Mapping[str, float | None]) -> None:
        """Tells how a restreamer answered; what it did not is not a number."""
        self._ready.labels(remote).set(ready)
        for request, taken in seconds.items():
            self._answer_seconds.labels(remote, request).set(math.nan if taken is None else taken)


class RetentionMetrics:
    """What is told of a store that is kept within limits."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.hours = Counter('hours_released', 'Hours that were let go.', registry=registry)
        self.size_bytes = Counter('released_bytes', 'Bytes of the hours that were let go.', registry=registry)
        self.free_bytes = Gauge(
            'store_free_bytes', "Bytes free on the store's file system.", registry=registry
        )
        self.waiting = Gauge('retention_waiting_hours', 'Hours past keep that may not go.', registry=registry)
        self.lacking_bytes = Gauge(
            'retention_lacking_bytes', 'Bytes to be freed that no hour may go for.', registry=registry
        )
