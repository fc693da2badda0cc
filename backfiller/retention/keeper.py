"""Keeping a store within its limits: when it is looked at, and what is told of it."""

import logging
import math

from backfiller.loop import Backoff, Loop, Timer, jittered
from backfiller.metrics import Metrics, RetentionMetrics
from backfiller.retention.retention import Gone, Refused, Retention
from common.place import Scope

log = logging.getLogger(__name__)

REMIND_SECONDS = 3600.0


class RetentionKeeper:
    """Runs the retention's pass at an interval, logs each deletion, and says what cannot be freed."""

    def __init__(self, retention: Retention, metrics: Metrics, scope: Scope, interval_seconds: float) -> None:
        self.retention = retention
        self.hours = 0
        self.size_bytes = 0
        """How much was let go since the start."""
        self._metrics = RetentionMetrics(metrics.registry)
        self._scope = scope
        self._interval_seconds = interval_seconds
        self._reminder = Timer(REMIND_SECONDS)
        self._is_short = False
        backoff = Backoff(interval_seconds, max(600.0, interval_seconds))
        self.loop = Loop(
            'retention', self._act, backoff=backoff, on_surprise=metrics.errors.labels('retention').inc
        )

    def run(self) -> None:
        self.loop.run()

    def _act(self) -> float:
        try:
            for event in self.retention.run(self._scope):
                self._note(event)
        finally:
            self._measure()
        self._remind()
        return jittered(self._interval_seconds)

    def _note(self, event: Gone | Refused) -> None:
        if isinstance(event, Refused):
            log.warning('%s is not let go: %s', event.hour.path, event.problem)
            return
        segments, size_bytes = event.released
        self.hours += 1
        self.size_bytes += size_bytes
        self._metrics.hours.inc()
        self._metrics.size_bytes.inc(size_bytes)
        log.info('let go of %s: %d segments, %d bytes; %s', event.hour.path, segments, size_bytes, event.why)

    def _measure(self) -> None:
        choice = self.retention.choice
        free_bytes = self.retention.free_bytes
        self._metrics.free_bytes.set(math.nan if free_bytes is None else free_bytes)
        self._metrics.waiting.set(len(choice.waiting))
        self._metrics.lacking_bytes.set(choice.lacking_bytes)

    def _remind(self) -> None:
        """Says what cannot be freed when it begins, and then now and then; and when that is over."""
        waiting, lacking_bytes = self.retention.choice.waiting, self.retention.choice.lacking_bytes
        was_short, self._is_short = self._is_short, bool(waiting or lacking_bytes)
        if was_short and not self._is_short:
            log.info('what had to be freed could be freed again')
        if not self._is_short or (was_short and not self._reminder.is_due()):
            return
        self._reminder.restart()
        if waiting:
            why = self.retention.waits_for(waiting[0])
            log.warning(
                'past keep, but not let go: %d in all, first %s: %s', len(waiting), waiting[0].path, why
            )
        if lacking_bytes:
            log.warning(
                '%d bytes too many: no more hours may go; give it room or higher limits', lacking_bytes
            )
