"""What the views ask of the store, off the hub."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import cast

from flask import current_app

from common import wire
from common.changes import Changes
from common.disk import Disk
from common.errors import ListingError
from common.offload import offload
from common.segment import Hour, Segment, hour_text
from common.summaries import Summaries
from common.timeline import Interval, playable
from restreamer.live import LiveWindows
from restreamer.waiting import Question, Waiters

EXTENSION = 'segmesh'

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Context:
    """What the views work with; they find it by `context()`."""

    disk: Disk
    node_id: str
    clock: Callable[[], datetime]
    live_window_seconds: float
    live: LiveWindows = field(default_factory=LiveWindows)
    changes: Changes = field(init=False)
    summaries: Summaries = field(init=False)
    waiters: Waiters[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, 'changes', Changes(self.disk.root))
        object.__setattr__(self, 'summaries', Summaries(self.disk))
        object.__setattr__(self, 'waiters', Waiters(self.changes, self._fingerprints))

    def _fingerprints(self, question: Question) -> str:
        return offload(fingerprints, self.disk, self.summaries, question)


def context() -> Context:
    """What the application that answers this request works with."""
    return cast(Context, current_app.extensions[EXTENSION])


def names(hour: Hour) -> set[str]:
    return offload(context().disk.names, hour)


def fingerprints(disk: Disk, summaries: Summaries, question: Question) -> str:
    """The answer as it is sent; hours that cannot be read are left out: nothing of them can be served."""
    hours = filter(question.concerns, disk.hours_of(question.stream, question.variant))
    return wire.encode_summaries({hour.text: summary for hour, summary in summaries.of(hours).items()})


def segments_within(stream: str, variant: str, within: Interval) -> list[Segment]:
    """The segments to play for a range, in order of time."""
    return offload(_segments_within, context().disk, stream, variant, within)


def _segments_within(disk: Disk, stream: str, variant: str, within: Interval) -> list[Segment]:
    return playable(_held(disk, stream, variant, within), within)


def _held(disk: Disk, stream: str, variant: str, within: Interval) -> Iterator[Segment]:
    """The segments of the hours that the range touches; one that began in the hour before may reach in."""
    first, last = hour_text(within.start), hour_text(within.end)
    hours = disk.hours_of(stream, variant)
    before = [hour for hour in hours if hour.text < first][-1:]
    for hour in before + [hour for hour in hours if first <= hour.text <= last]:
        for name in readable_names(disk, hour):
            yield Segment.parse(hour, name)


def readable_names(disk: Disk, hour: Hour) -> set[str]:
    """The names of an hour; none if it cannot be read, because then nothing of it can be served either."""
    try:
        return disk.names(hour)
    except ListingError as error:
        log.warning('%s', error)
        return set()
