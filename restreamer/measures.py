"""What is counted of the requests and of what was sent."""

from typing import cast

from flask import current_app
from prometheus_client import CollectorRegistry, Counter, Histogram

EXTENSION = 'segmesh-measures'


class Measures:
    """The restreamer's own metrics in one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            'http_requests', 'Requests answered.', ['endpoint', 'method', 'status'], registry=registry
        )
        self._seconds = Histogram(
            'http_request_seconds', 'Time to the first byte of an answer.', ['endpoint'], registry=registry
        )
        self._segments = Counter('segments_served', 'Segments sent whole.', ['request'], registry=registry)
        self._bytes = Counter('segment_bytes_served', 'Their bytes.', ['request'], registry=registry)

    def answered(self, endpoint: str, method: str, status: int, seconds: float) -> None:
        """Counts a request."""
        self._requests.labels(endpoint, method, status).inc()
        self._seconds.labels(endpoint).observe(seconds)

    def sent(self, request: str, segments: int, size_bytes: int) -> None:
        """Counts segments sent to the end, by `single` requests or in a `batch`."""
        self._segments.labels(request).inc(segments)
        self._bytes.labels(request).inc(size_bytes)


def measures() -> Measures:
    """Of the application that answers this request."""
    return cast(Measures, current_app.extensions[EXTENSION])
