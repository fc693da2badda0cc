"""How much the store takes, and for how long there is room. All calls block.

Sizes are those of a few hours of each variant, times the number of segments: to look at every file of a week
would take seconds.
"""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from common.disk import Disk
from common.errors import ListingError
from common.remembered import Remembered
from common.segment import ONE_HOUR, Hour
from common.wire import HourSummary

DAY = timedelta(days=1)
SAMPLED_HOURS = 3
MOST_HOURS = 10_000
"""Whose means are remembered."""

Summed = Mapping[Hour, HourSummary]
"""The hours of one variant, in order of time."""


@dataclass(frozen=True)
class Room:
    """Bytes; None where it is not known. `bytes_per_day` is of the last 24 complete hours."""

    free_bytes: int | None
    total_bytes: int | None
    bytes_per_day: int | None
    held_bytes: int | None

    @property
    def days_left(self) -> float | None:
        """Until nothing is free, if nothing is let go."""
        if not self.bytes_per_day or self.free_bytes is None:
            return None
        return round(self.free_bytes / self.bytes_per_day, 2)


class Sampler:
    """Measures a store; the size of the segments of an hour is remembered until the hour changes."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._means = Remembered(disk, self._mean_of, most=MOST_HOURS)

    def room(self, variants: Sequence[Summed], now: datetime) -> Room:
        free, total = self._file_system()
        rates = [self._bytes_per_day(each, now) for each in variants]
        known = [rate for rate in rates if rate is not None]
        held = sum(self._usual(_quiet(each)) * _segments(each) for each in variants)
        return Room(free, total, round(sum(known)) if known else None, round(held))

    def _bytes_per_day(self, summed: Summed, now: datetime) -> float | None:
        """None before there is a complete hour."""
        complete = [hour for hour in summed if hour.end <= now]
        recent = {hour: summed[hour] for hour in complete if hour.start >= now - DAY - ONE_HOUR}
        if not complete:
            return None
        share = min(DAY / (now - complete[0].start), 24.0) if now - complete[0].start < DAY else 1.0
        return self._usual(list(recent)) * _segments(recent) * share

    def _usual(self, hours: Sequence[Hour]) -> float:
        """The bytes of a segment in a few of the hours; 0 if there are none."""
        step = max(1, (len(hours) - 1) // (SAMPLED_HOURS - 1))
        means = list(filter(None, map(self._mean, hours[::-step][:SAMPLED_HOURS])))
        return sum(means) / len(means) if means else 0.0

    def _mean(self, hour: Hour) -> float:
        try:
            return self._means.of(hour)
        except ListingError:
            return 0.0

    def _mean_of(self, hour: Hour) -> float:
        sizes = [size for size in self._disk.sizes(hour).values() if size]
        return sum(sizes) / len(sizes) if sizes else 0.0

    def _file_system(self) -> tuple[int | None, int | None]:
        try:
            found = shutil.disk_usage(self._disk.root)
        except OSError:
            return None, None
        return found.free, found.total


def _quiet(summed: Summed) -> list[Hour]:
    """All but the newest, which changes all the time; if there is another."""
    return list(summed)[:-1] or list(summed)


def _segments(summed: Summed) -> int:
    return sum(each.segments for each in summed.values())
