"""What the views ask of the store, off the hub."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import cast

from flask import current_app

from common import wire
from common.changes import Changes
from common.disk import Disk
from common.http.tokens import Token
from common.offload import offload
from common.segment import Hour
from common.summaries import Summaries
from restreamer.admission.limits import Gate
from restreamer.missing.neighbours import Neighbours
from restreamer.playing.hours import Hours
from restreamer.playing.journal import Journal
from restreamer.playing.live import Lengths, LiveWindows
from restreamer.playing.variants import Variants
from restreamer.serving.waiting import Question, Waiters

EXTENSION = 'segmesh'


@dataclass
class Context:
    """What the views work with; they find it by `context()`."""

    disk: Disk
    node_id: str
    clock: Callable[[], datetime]
    lengths: Lengths = Lengths()
    backfiller: str = ''
    peer_token: Token | None = None
    keep: timedelta | None = None
    ffmpeg: str = 'ffmpeg'
    cuts: Gate = field(default_factory=lambda: Gate(8, 'cuts'))
    ranges: Gate = field(default_factory=lambda: Gate(32, 'playlists of a range'))
    hours: Hours = field(init=False)
    variants: Variants = field(init=False)
    live: LiveWindows = field(init=False)
    changes: Changes = field(init=False)
    summaries: Summaries = field(init=False)
    waiters: Waiters[str] = field(init=False)
    neighbours: Neighbours = field(init=False)

    def __post_init__(self) -> None:
        self.hours = Hours(self.disk)
        self.variants = Variants(self.disk, self.hours)
        self.live = LiveWindows(self.hours, partial(Journal, self.disk.root), self.clock, self.lengths)
        self.changes = Changes(self.disk.root)
        self.summaries = Summaries(self.disk)
        self.waiters = Waiters(self.changes, self._fingerprints)
        self.neighbours = Neighbours(self.backfiller, self.peer_token)

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
