"""What became of one derived variant so far, for the log, the metrics and the status."""

import logging
from collections import Counter
from datetime import datetime
from typing import Any

from backfiller.derive.metrics import DeriveMetrics
from backfiller.loop import LastError, told_error
from common.errors import SegmentError
from common.segment import Segment
from common.times import iso, utc_now

log = logging.getLogger(__name__)


class Tally:
    """Of one variant; a trouble is logged when it begins, and when it is over."""

    def __init__(self, stream: str, variant: str, metrics: DeriveMetrics) -> None:
        self._of = stream, variant
        self._metrics = metrics
        self._segments = 0
        self._skipped = 0
        self._failed: Counter[str] = Counter()
        self._newest: datetime | None = None
        self._lag_seconds: float | None = None
        self._last_error: LastError | None = None
        self._trouble = ''
        self._is_skipping = False

    def begin(self) -> None:
        self._metrics.begin(*self._of)

    def made(self, segment: Segment, lag_seconds: float | None) -> None:
        """The lag counts of the newest; that of what was left behind for a while says nothing."""
        self._segments += 1
        self._metrics.made(*self._of)
        if self._newest is None or segment.start > self._newest:
            self._newest = segment.start
            self._lag_seconds = lag_seconds
            self._metrics.lags(*self._of, lag_seconds or 0.0)
        if self._trouble:
            log.info('%s/%s: is derived again', *self._of)
        self._trouble = ''

    def took(self, seconds: float) -> None:
        self._metrics.took(*self._of, seconds)

    def failed(self, source: Segment, error: SegmentError) -> None:
        self._failed[error.reason] += 1
        self._metrics.failed(*self._of, error.reason)
        self._last_error = LastError(utc_now(), f'{source.path}: {error}')
        if error.reason != self._trouble:
            log.warning('%s/%s: nothing is derived of %s: %s', *self._of, source.path, error)
        self._trouble = error.reason

    def skipped(self, segments: int) -> None:
        """Called at each look, with none in most cases."""
        self._skipped += segments
        self._metrics.skipped(*self._of, segments)
        if segments and not self._is_skipping:
            log.warning(
                '%s/%s: segments are skipped, because ffmpeg cannot keep up with the source', *self._of
            )
        self._is_skipping = bool(segments)

    def told(self, *, queued: int, running: int) -> dict[str, Any]:
        return {
            'segments': self._segments,
            'newest': iso(self._newest) if self._newest else None,
            'lag_seconds': None if self._lag_seconds is None else round(self._lag_seconds, 3),
            'queued': queued,
            'running': running,
            'skipped': self._skipped,
            'failed': dict(self._failed),
            'last_error': told_error(self._last_error),
        }
