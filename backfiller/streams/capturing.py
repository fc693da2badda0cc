"""Capture as a part of a stream's recording: one session, made of the stream's recipe."""

from typing import Any

from backfiller.capture.metrics import CaptureMetrics
from backfiller.capture.session import Session
from backfiller.streams.keeper import Work
from backfiller.streams.stream import Stream
from common.offload import OffloadedDisk


class Capturing:
    """A session, and what its stream asks for now."""

    def __init__(self, stream: Stream, store: OffloadedDisk, metrics: CaptureMetrics) -> None:
        self._session = Session(stream.recipe, store, metrics)

    def run(self) -> None:
        self._session.run()

    def status(self) -> dict[str, Any]:
        return self._session.status()

    def adopt(self, stream: Stream) -> bool:
        """Whether it goes on with other sources behind the one that it records."""
        return self._session.adopt(stream.recipe)

    @property
    def is_troubled(self) -> bool:
        return self._session.is_troubled


def work(store: OffloadedDisk, metrics: CaptureMetrics) -> Work:
    """The capture of streams into the store."""
    return Work(
        'capture',
        lambda stream: stream.recipe,
        lambda stream: Capturing(stream, store, metrics),
        metrics.forget,
    )
