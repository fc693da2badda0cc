"""What a recorder tells: in the log, in metrics, in the journal of skips, and when it is asked."""

import logging
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from backfiller.capture.keep import Kept
from backfiller.capture.metrics import CaptureMetrics, Watched
from backfiller.capture.origin import bare
from backfiller.capture.piece import Piece
from backfiller.capture.places import Place
from backfiller.capture.window import Load
from backfiller.loop import LastError, told_error
from common.errors import StoreError
from common.offload import offload
from common.segment import Segment
from common.skips import Skip, Skips
from common.times import utc_now

log = logging.getLogger(__name__)

MOST_UNSAVED = 10_000
MOST_SAID = 3
"""So many lines that cannot be read are said of one load."""

_IN_WORDS = {'gone': 'offered and gone before being taken'}


class Report:
    """Of one variant of a stream."""

    def __init__(self, stream: str, variant: str, metrics: CaptureMetrics, skips: Skips) -> None:
        self.label = f'{stream}/{variant}'
        self.holes: Counter[str] = Counter()
        self.last: Segment | None = None
        self.last_error: LastError | None = None
        self._stream = stream
        self._variant = variant
        self._metrics = metrics
        self._watched = Watched(stream, variant)
        self._skips = skips
        self._unsaved: list[Skip] = []
        self._said: set[str] = set()
        self._place: Place | None = None
        metrics.follow(self._watched, self.lag_seconds)

    def status(self) -> dict[str, Any]:
        """As it stands in /status."""
        return {
            'last_segment': self.last.path if self.last else None,
            'lag_seconds': round(self.lag_seconds(), 3) if self.last else None,
            'holes': dict(self.holes),
            'source': bare(self._place.url) if self._place else None,
            'source_number': self._place.source if self._place else None,
            'last_error': told_error(self.last_error),
        }

    def lag_seconds(self) -> float:
        """How long ago the newest segment that is held ended; not a number if there is none."""
        return (utc_now() - self.last.end).total_seconds() if self.last else float('nan')

    def uses(self, place: Place) -> None:
        if self._place and self._place.source != place.source:
            log.warning('%s: recorded from source %d from now on', self.label, place.source + 1)
        self._place = place
        self._metrics.uses(self._watched, place.source)

    def loaded(self, load: Load, *, wrong_clock: bool) -> None:
        self._metrics.loaded(self._watched, 'changed' if load.changed else 'unchanged')
        if load.restarted:
            self._metrics.restarted(self._watched)
            log.warning('%s: the origin counts its segments anew', self.label)
        self._say(
            'clock',
            'the clock of the origin is more than a year off: segments are named by their arrival',
            holds=wrong_clock,
        )
        for cause in load.unread[:MOST_SAID]:
            log.warning('%s: %s', self.label, cause)
        for piece in load.new:
            self._metrics.placed(self._watched, piece.by)

    def load_failed(self, error: Exception) -> None:
        self._metrics.loaded(self._watched, 'failed')
        self.last_error = LastError(utc_now(), str(error))

    def stalled(self, *, holds: bool) -> None:
        if self._say('stall', 'the playlist has not changed for three target durations', holds=holds):
            self._metrics.stalled(self._watched)

    def second_try(self) -> None:
        self._metrics.second_try(self._watched)

    def kept(self, kept: Kept) -> None:
        if kept.segment is None:
            return
        self._say('store', '', holds=False)
        self._metrics.stored(self._watched, kept.segment.type, kept.size_bytes)
        if self.last is None or kept.segment.start >= self.last.start:
            self.last = kept.segment

    def failed(self, piece: Piece, cause: str, message: str) -> None:
        """A try that came to nothing: the first is said, the others are counted."""
        self._metrics.failed(self._watched, cause)
        self.last_error = LastError(utc_now(), message)
        if cause == 'unwritable':
            self._say('store', message, holds=True)  # of every segment it would be the same
            return
        log.log(logging.WARNING if piece.tries == 1 else logging.DEBUG, '%s: %s', self.label, message)

    def skipped(self, skips: Sequence[Skip], now: datetime) -> None:
        """Notes what was skipped; what cannot be written now is written with the next."""
        for skip in skips:
            self.holes[skip.cause] += skip.count
            self._metrics.skipped(self._watched, skip.cause, skip.count)
        if skips:
            log.warning('%s: %s', self.label, _told(skips))
        taken, self._unsaved = [*self._unsaved, *skips], []  # others come by while this is written
        if not taken:
            return
        try:
            offload(self._skips.append, self._stream, self._variant, taken, now)
        except StoreError as error:
            self._unsaved = [*taken, *self._unsaved][-MOST_UNSAVED:]
            self._say('journal', str(error), holds=True)
        else:
            self._say('journal', '', holds=False)

    def _say(self, what: str, message: str, *, holds: bool) -> bool:
        """Says once what holds, and once more when it does again; returns whether it said so."""
        if not holds:
            self._said.discard(what)
            return False
        if what in self._said:
            return False
        self._said.add(what)
        log.warning('%s: %s', self.label, message)
        return True


def _told(skips: Sequence[Skip]) -> str:
    """How many, why and which, in one line."""
    told = []
    for cause in dict.fromkeys(skip.cause for skip in skips):
        alike = [skip for skip in skips if skip.cause == cause]
        count = sum(skip.count for skip in alike)
        first = min(skip.sequence for skip in alike)
        last = max(skip.sequence + skip.count for skip in alike) - 1
        words = _IN_WORDS.get(cause, f'skipped ({cause})')
        told.append(f'{_how_many(count)} {words}: {first}' + (f' to {last}' if last > first else ''))
    return ', '.join(told)


def _how_many(count: int) -> str:
    return '1 segment was' if count == 1 else f'{count} segments were'
