"""The counters that people graph. Series of hours older than the newest 72 are removed."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from common.segment import Segment

HOURS_KEPT = 72


class Metrics:
    """The backfiller's metrics in one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self._backfilled = Counter(
            'segments_backfilled',
            'Segments fetched from a peer and stored.',
            ['remote', 'stream', 'variant', 'hour'],
            registry=registry,
        )
        self._hours: dict[str, set[tuple[str, str, str]]] = {}
        self.backfilled_bytes = Counter(
            'backfilled_bytes', 'Bytes of the segments stored.', ['remote'], registry=registry
        )
        self.failed = Counter(
            'segments_failed',
            'Segments that could not be fetched or stored.',
            ['remote', 'reason'],
            registry=registry,
        )
        self.refused = Counter(
            'names_refused', 'Listed names that are no segment names.', ['remote'], registry=registry
        )
        self.unlisted = Counter(
            'listings_failed', 'Listings that could not be used.', ['remote'], registry=registry
        )
        self.missing = Gauge(
            'segments_missing',
            'What this peer holds and we did not after the last pass.',
            ['remote'],
            registry=registry,
        )
        self.passes = Counter('passes', 'Passes over a peer.', ['remote', 'result'], registry=registry)
        self.pass_seconds = Histogram(
            'pass_seconds', 'How long a pass took.', ['remote', 'kind'], registry=registry
        )
        self.last_success = Gauge(
            'last_successful_pass_timestamp_seconds',
            'When the last pass over this peer left nothing undone.',
            ['remote'],
            registry=registry,
        )
        self.errors = Counter(
            'unexpected_errors', 'Errors nobody foresaw; see the log.', ['part'], registry=registry
        )
        self.mirrored_segments = Counter(
            'segments_mirrored', 'Segments put into the bucket.', registry=registry
        )
        self.hour_states = Gauge(
            'mirror_hours', 'Hours of this node by state of their mirror.', ['state'], registry=registry
        )

    def backfilled(self, remote: str, segment: Segment, size_bytes: int) -> None:
        """Counts one segment under its hour."""
        hour = segment.hour
        self._backfilled.labels(remote, hour.stream, hour.variant, hour.text).inc()
        self.backfilled_bytes.labels(remote).inc(size_bytes)
        self._hours.setdefault(hour.text, set()).add((remote, hour.stream, hour.variant))
        while len(self._hours) > HOURS_KEPT:
            self._forget(min(self._hours))

    def _forget(self, hour: str) -> None:
        for remote, stream, variant in self._hours.pop(hour):
            self._backfilled.remove(remote, stream, variant, hour)
