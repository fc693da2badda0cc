"""What is told of derived variants, for as long as their stream is derived here."""

from prometheus_client import CollectorRegistry, Counter, Gauge

_OF_VARIANT = ('stream', 'variant')


class DeriveMetrics:
    """The metrics of all derived variants in one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self._segments = Counter('derived_segments', 'Segments made.', _OF_VARIANT, registry=registry)
        self._seconds = Counter(
            'derive_seconds', 'How long it took to make them, failures too.', _OF_VARIANT, registry=registry
        )
        self._failed = Counter(
            'derive_failed', 'Tries that came to nothing.', (*_OF_VARIANT, 'cause'), registry=registry
        )
        self._skipped = Counter(
            'derive_skipped', 'Segments left out because others came first.', _OF_VARIANT, registry=registry
        )
        self._queued = Gauge('derive_queued', 'Segments that are to be made.', _OF_VARIANT, registry=registry)
        self._lag = Gauge(
            'derive_lag_seconds',
            "From the landing of the source's segment to that of the newest derived one.",
            _OF_VARIANT,
            registry=registry,
        )

    def begin(self, stream: str, variant: str) -> None:
        """Nothing so far: what is to be alarmed about has to be there before."""
        for family in (self._segments, self._seconds, self._skipped, self._queued):
            family.labels(stream, variant)

    def made(self, stream: str, variant: str) -> None:
        self._segments.labels(stream, variant).inc()

    def lags(self, stream: str, variant: str, seconds: float) -> None:
        self._lag.labels(stream, variant).set(seconds)

    def took(self, stream: str, variant: str, seconds: float) -> None:
        self._seconds.labels(stream, variant).inc(seconds)

    def failed(self, stream: str, variant: str, cause: str) -> None:
        self._failed.labels(stream, variant, cause).inc()

    def skipped(self, stream: str, variant: str, segments: int) -> None:
        self._skipped.labels(stream, variant).inc(segments)

    def queued(self, stream: str, variant: str, segments: int) -> None:
        self._queued.labels(stream, variant).set(segments)

    def forget(self, stream: str) -> None:
        """Removes what was told of a stream."""
        families = (self._segments, self._seconds, self._failed, self._skipped, self._queued, self._lag)
        for family in families:
            family.remove_by_labels({'stream': stream})
