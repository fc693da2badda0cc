"""Retention over a real store, with a clock that a test sets and a bucket that says what it is told to."""

from collections.abc import Iterable, Set
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import cast

from backfiller.mirror import manifest as manifests
from backfiller.mirror.hours import HourState
from backfiller.mirror.manifest import Manifest
from backfiller.mirror.mirror import HourResult, Mirror
from backfiller.retention import leave
from backfiller.retention.leave import Released
from backfiller.retention.retention import Gone, Refused, Retention
from backfiller.retention.rules import STEADY_SECONDS
from common.alone import alone
from common.disk import Disk
from common.errors import SourceError
from common.horizon import Horizon
from common.offload import OffloadedDisk
from common.place import EVERYTHING
from common.segment import Hour
from common.settings.mirror import Retention as Limits
from tests.kit.build import Piece, at

NOW = at('2026-11-20T12:00:00')
FOR_AGE = Limits(keep=timedelta(days=2))
FOR_ROOM = Limits(keep_bytes=1)


@dataclass
class Copies:
    """A bucket's hours, each with a manifest of what it holds."""

    hours: dict[Hour, dict[str, int]] = field(default_factory=dict)
    is_away: bool = False

    def objects(self, hour: Hour) -> dict[str, int]:
        if self.is_away:
            raise SourceError('the bucket is away')
        playlist = {manifests.PLAYLIST_NAME: len(self.manifest(hour).playlist())}
        return {**self.hours[hour], manifests.NAME: 1, **playlist} if hour in self.hours else {}

    def manifest(self, hour: Hour) -> Manifest:
        return Manifest(hour, self.hours.get(hour, {}))


@dataclass
class Mirrored:
    """A mirror that has seen these hours."""

    bucket: Copies = field(default_factory=Copies)
    hours: dict[Hour, HourResult] = field(default_factory=dict)

    def vouches_for(self, hour: Hour) -> bool:
        return hour in self.hours and self.hours[hour].state is HourState.MIRRORED

    def take(self, pieces: Iterable[Piece]) -> None:
        """Mirrors the pieces."""
        for each in pieces:
            sizes = self.bucket.hours.setdefault(each.hour, {})
            sizes[each.name] = len(each.body)
            self.hours[each.hour] = HourResult(each.hour, HourState.MIRRORED, fingerprint=str(len(sizes)))


class Retained:
    """A retention at NOW; `later` lets time pass on both clocks."""

    def __init__(self, store: Path, limits: Limits, *, mirrored: Iterable[Piece] = ()) -> None:
        self.now: datetime = NOW
        self.seconds = 0.0
        self.mirror = Mirrored()
        self.mirror.take(mirrored)
        self.busy: set[Hour] = set()
        self.retention = Retention(
            OffloadedDisk(Disk(store)),
            Horizon(store),
            limits,
            mirror=cast(Mirror, self.mirror),
            is_busy=lambda hour: hour in self.busy,
            clock=lambda: self.now,
            monotonic=lambda: self.seconds,
        )

    def look(self) -> list[Gone | Refused]:
        return list(self.retention.run(EVERYTHING))

    def later(self, seconds: float = STEADY_SECONDS) -> None:
        self.now += timedelta(seconds=seconds)
        self.seconds += seconds

    def look_twice(self) -> list[Gone | Refused]:
        """Once to see everything, and once when it was seen for long enough."""
        seen = self.look()
        self.later()
        return seen + self.look()


def gone(events: Iterable[Gone | Refused]) -> list[Hour]:
    return [each.hour for each in events if isinstance(each, Gone)]


def refused(events: Iterable[Gone | Refused]) -> dict[Hour, str]:
    return {each.hour: each.problem for each in events if isinstance(each, Refused)}


def let_go(store: Path, hour: Hour, checked: Set[str]) -> Released:
    """As retention does, while nobody else deletes anything."""
    with alone(store):
        return leave.let_go(store, hour, checked)
