"""Keeps what is to run running: starts and stops by difference, and starts again what died.

What does not change is not touched. A part that ends, or dies of an error that nobody foresaw, is made anew
after a while; that costs the others nothing.
"""

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import gevent

from backfiller.loop import Backoff, Loop
from backfiller.streams.stream import Stream

FIRST_RETRY_SECONDS = 0.5
MOST_RETRY_SECONDS = 30.0
STEADY_SECONDS = 60.0
"""A part that ran this long is made anew after the shortest delay."""

ENDED_SECONDS = 5.0
"""A part that came to an end by itself is asked again after this long."""

log = logging.getLogger(__name__)


class Part(Protocol):
    """What runs for one stream."""

    def run(self) -> None:
        """Goes on until killed."""
        ...

    def status(self) -> Any:
        """What /status says of it."""
        ...

    def adopt(self, stream: Stream) -> bool:
        """Goes on with what is to be done now, if it can do so without being made anew."""
        ...

    @property
    def is_troubled(self) -> bool:
        """Whether something in it ended last in an error that nobody foresaw."""
        ...


@dataclass(frozen=True)
class Work:
    """One kind of work that streams ask for: `concerns` is what of a stream it rests on; nothing, no work."""

    name: str
    concerns: Callable[[Stream], object]
    new: Callable[[Stream], Part]
    forget: Callable[[str], None] = lambda _: None


class Kept:
    """One part, made again and again."""

    def __init__(self, work: Work, stream: Stream, on_surprise: Callable[[], object]) -> None:
        self.restarts = -1
        self.work = work
        self.stream = stream
        self.part: Part | None = None
        self._backoff = Backoff(FIRST_RETRY_SECONDS, MOST_RETRY_SECONDS)
        name = f'{work.name} {stream.name}'
        self.loop = Loop(name, self._act, backoff=self._backoff, on_surprise=on_surprise)
        self._greenlet = gevent.spawn(self.loop.run)

    def adopt(self, stream: Stream) -> bool:
        """Whether what runs is, or now became, what the stream asks for."""
        same = self.work.concerns(self.stream) == self.work.concerns(stream)
        if same or (self.part and self.part.adopt(stream)):
            self.stream = stream
            return True
        return False

    @property
    def is_troubled(self) -> bool:
        return self.loop.is_troubled or bool(self.part and self.part.is_troubled)

    def stop(self) -> None:
        self._greenlet.kill()

    def _act(self) -> float:
        self.restarts += 1
        began = time.monotonic()
        self.part = self.work.new(self.stream)
        try:
            self.part.run()
        finally:
            if time.monotonic() - began > STEADY_SECONDS:
                self._backoff.after_success()
        return ENDED_SECONDS


class Keeper:
    """The parts that run, by stream and kind of work."""

    def __init__(self, works: Sequence[Work], on_surprise: Callable[[], object]) -> None:
        self._works = works
        self._on_surprise = on_surprise
        self._kept: dict[tuple[str, str], Kept] = {}

    def apply(self, wanted: Mapping[str, Stream]) -> list[str]:
        """Brings what runs in line with what is wanted; returns what was done, in words."""
        tasks = {
            (name, work.name): (work, stream)
            for name, stream in wanted.items()
            for work in self._works
            if work.concerns(stream)
        }
        done = [self._stop(key) for key in [key for key in self._kept if key not in tasks]]
        for key, (work, stream) in tasks.items():
            kept = self._kept.get(key)
            if kept and kept.adopt(stream):
                continue
            if kept:
                kept.stop()
            self._kept[key] = Kept(work, stream, self._on_surprise)
            done.append(f'{work.name} {stream.name}: {"changed" if kept else "started"}')
        return done

    def parts(self, stream: str) -> Iterator[Kept]:
        """What runs for the stream."""
        return (kept for (name, _), kept in self._kept.items() if name == stream)

    @property
    def all(self) -> list[Kept]:
        return list(self._kept.values())

    def stop(self) -> None:
        """Stops all of it."""
        for key in list(self._kept):
            self._stop(key)

    def _stop(self, key: tuple[str, str]) -> str:
        kept = self._kept.pop(key)
        kept.stop()
        kept.work.forget(kept.stream.name)
        return f'{kept.work.name} {kept.stream.name}: stopped'
