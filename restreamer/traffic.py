"""What was sent of the store, counted."""

from typing import cast

from flask import current_app
from prometheus_client import CollectorRegistry, Counter

EXTENSION = 'segmesh-traffic'


class Traffic:
    """Segments sent to the end, by `single` requests or in a `batch`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._segments = Counter('segments_served', 'Segments sent whole.', ['request'], registry=registry)
        self._bytes = Counter('segment_bytes_served', 'Their bytes.', ['request'], registry=registry)

    def count(self, request: str, segments: int, size_bytes: int) -> None:
        self._segments.labels(request).inc(segments)
        self._bytes.labels(request).inc(size_bytes)


def traffic() -> Traffic:
    """Of the application that answers this request."""
    return cast(Traffic, current_app.extensions[EXTENSION])
