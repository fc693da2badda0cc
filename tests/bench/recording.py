"""Stores of whole days for a restreamer to tell of: small segments that a scanner takes for video.

Their names are true: each hash is that of the bytes, and the clock in them goes on from the first segment of
a day to the last. Every day is the same: from the second on the files are links to those of the first.
"""

import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from common.segment import Hour, hour_text
from common.timeline import Interval
from common.video.mpegts import TICKS_PER_SECOND
from tests.bench import corpus
from tests.bench.corpus import APART, STREAM, VARIANT
from tests.kit import transport

DAY = timedelta(days=1)
STUFFING_PID = 0x1FFF
STUFFING = transport.packet(STUFFING_PID, bytes(184)) * 18
"""What makes a segment one of 21 packets, which is 3,948 bytes."""


@dataclass(frozen=True)
class Recording:
    """A store of `hours` up to `end`, each with the same number of segments from its beginning on."""

    root: Path
    hours: int
    names: int
    end: datetime

    @property
    def within(self) -> Interval:
        return Interval(self.end - timedelta(hours=self.hours), self.end)

    @property
    def newest(self) -> Hour:
        return Hour.holding(STREAM, VARIANT, self.end - timedelta(hours=1))

    @property
    def segments(self) -> int:
        return self.hours * self.names


def make(root: Path, *, hours: int, names: int, end: datetime) -> Recording:
    """So many hours up to `end`, which is the beginning of one; the folders are as old as their hours."""
    recording = Recording(root, hours, names, end)
    for number in range(hours):
        start = recording.within.start + timedelta(hours=number)
        earlier, folder = (root / STREAM / VARIANT / hour_text(time) for time in (start - DAY, start))
        if earlier.exists():
            _link(earlier, folder)
        else:
            _write(root, start, names, since=timedelta(hours=number))
        os.utime(folder, (start.timestamp(), start.timestamp()))
    return recording


def _link(earlier: Path, folder: Path) -> None:
    folder.mkdir()
    for name in os.listdir(earlier):
        os.link(f'{earlier}/{name}', f'{folder}/{name}')


def _write(root: Path, start: datetime, names: int, since: timedelta) -> None:
    for number in range(names):
        later = APART * number
        pts = int((since + later).total_seconds()) * TICKS_PER_SECOND
        corpus.put(root, start + later, transport.TABLES + transport.picture(pts=pts) + STUFFING)
