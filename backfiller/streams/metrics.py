"""What is measured of the streams of a node."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class StreamsMetrics:
    """The metrics of `backfiller record`, in one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self._known = Gauge(
            'streams_known', 'Streams of the registry and of the settings.', registry=registry
        )
        self._here = Gauge('streams_recording', 'Streams that this node is recording.', registry=registry)
        self.registry_good = Gauge(
            'streams_registry_good',
            'Whether all of the registry could be read, 0 or 1; if not, what was good before is in force.',
            registry=registry,
        )
        self.problems = Gauge(
            'streams_problems', 'Streams, or registries, that are wrong as they stand.', registry=registry
        )
        self._leases = Gauge('streams_leases', 'Leases that this node holds.', registry=registry)
        self.errors = Counter(
            'unexpected_errors', 'Errors nobody foresaw; see the log.', ['part'], registry=registry
        )
        self.hub_latency = Histogram(
            'hub_latency_seconds',
            'How long a greenlet that is due waits for its turn.',
            registry=registry,
            buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0),
        )

    def tell(self, known: int, here: int, leases: int) -> None:
        self._known.set(known)
        self._here.set(here)
        self._leases.set(leases)
