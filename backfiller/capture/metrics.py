"""What is told of recording, for each stream and variant, for as long as the stream is recorded."""

from collections.abc import Callable
from typing import NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge


class Watched(NamedTuple):
    """The variant that a series is of."""

    stream: str
    variant: str


class CaptureMetrics:
    """The metrics of all recorders of a process in one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        labels = ('stream', 'variant')

        def counter(name: str, text: str, *more: str) -> Counter:
            return Counter(f'capture_{name}', text, (*labels, *more), registry=registry)

        def gauge(name: str, text: str) -> Gauge:
            return Gauge(f'capture_{name}', text, labels, registry=registry)

        self._segments = counter('segments', 'Segments taken from origins and stored.', 'type')
        self._bytes = counter('bytes', 'Bytes of the segments stored.')
        self._skipped = counter('skipped', 'Sequence numbers that were not taken.', 'cause')
        self._loads = counter('playlist_loads', 'Loads of the playlist.', 'result')
        self._failures = counter('failures', 'Tries of segments that came to nothing.', 'cause')
        self._seconds = counter('second_tries', 'Segments asked for again while the first try was under way.')
        self._times = counter('times', 'Starts of segments by what they are known from.', 'from')
        self._stalls = counter('stalls', 'Times that the playlist did not change for long.')
        self._restarts = counter('restarts', 'Times that the origin counted anew.')
        self._lag = gauge('lag_seconds', 'How long ago the newest segment that is held ended.')
        self._source = gauge('source', 'Which of the sources is recorded; 0 is the preferred one.')
        self._success = gauge('last_success_timestamp_seconds', 'When a segment was last stored.')

    def follow(self, watched: Watched, lag_seconds: Callable[[], float]) -> None:
        """Begins to tell of a variant."""
        self._lag.labels(*watched).set_function(lag_seconds)
        self._source.labels(*watched).set(0)
        for family in (self._bytes, self._seconds, self._stalls, self._restarts):
            family.labels(*watched)

    def stored(self, watched: Watched, kind: str, size_bytes: int) -> None:
        self._segments.labels(*watched, kind).inc()
        self._bytes.labels(*watched).inc(size_bytes)
        self._success.labels(*watched).set_to_current_time()

    def skipped(self, watched: Watched, cause: str, count: int) -> None:
        self._skipped.labels(*watched, cause).inc(count)

    def loaded(self, watched: Watched, result: str) -> None:
        """`result` is `changed`, `unchanged` or `failed`."""
        self._loads.labels(*watched, result).inc()

    def failed(self, watched: Watched, cause: str) -> None:
        self._failures.labels(*watched, cause).inc()

    def second_try(self, watched: Watched) -> None:
        self._seconds.labels(*watched).inc()

    def placed(self, watched: Watched, by: str) -> None:
        self._times.labels(*watched, by).inc()

    def stalled(self, watched: Watched) -> None:
        self._stalls.labels(*watched).inc()

    def restarted(self, watched: Watched) -> None:
        self._restarts.labels(*watched).inc()

    def uses(self, watched: Watched, source: int) -> None:
        self._source.labels(*watched).set(source)

    def forget(self, stream: str) -> None:
        """Removes the series of a stream that is not recorded any more."""
        for family in vars(self).values():
            family.remove_by_labels({'stream': stream})
