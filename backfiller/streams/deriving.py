"""Derived variants as a part of a stream's recording."""

import shutil
from typing import Any

from backfiller.derive.deriver import Deriver
from backfiller.derive.metrics import DeriveMetrics
from backfiller.derive.pool import Pool
from backfiller.streams.keeper import Work
from backfiller.streams.stream import Stream
from common.changes import Changes
from common.errors import SourceError
from common.offload import OffloadedDisk


class Deriving:
    """The derived variants of one stream."""

    def __init__(self, deriver: Deriver, program: str) -> None:
        self._deriver = deriver
        self._program = program

    def run(self) -> None:
        """Goes on until killed; raises SourceError where there is no ffmpeg."""
        if not shutil.which(self._program):
            raise SourceError(f'there is no program {self._program}: install ffmpeg, or set transcoder')
        self._deriver.run()

    def status(self) -> dict[str, Any]:
        return self._deriver.status()

    def adopt(self, _: Stream) -> bool:
        return False

    @property
    def is_troubled(self) -> bool:
        return self._deriver.is_troubled


def work(store: OffloadedDisk, changes: Changes, pool: Pool, metrics: DeriveMetrics) -> Work:
    """What streams ask to be derived; `changes` are those of the store."""

    def new(stream: Stream) -> Deriving:
        deriver = Deriver(stream.name, stream.derive, store, pool, metrics, stream.best, changes=changes)
        return Deriving(deriver, pool.program)

    return Work('derive', lambda stream: stream.derive and (stream.best, stream.derive), new)
