"""Passes: what one did, and what is remembered of those over one source."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from common.errors import ListingError, SourceError, StoreError

log = logging.getLogger(__name__)


@dataclass
class PassResult:
    """What a pass over one peer, or another source, did.

    Of the `missing` segments it `fetched` some, and was `spared` others that another peer brought; `doubled`
    were asked of it although another peer was at it. `undone` are those it could not bring, by path. `young`
    were left to our own capture.
    """

    peer: str
    kind: str
    started: datetime
    seconds: float = 0.0
    hours: int = 0
    compared: int = 0
    missing: int = 0
    fetched: int = 0
    fetched_bytes: int = 0
    spared: int = 0
    doubled: int = 0
    refused: int = 0
    unlisted: int = 0
    young: int = 0
    undone: dict[str, str] = field(default_factory=dict)
    error: SourceError | StoreError | ListingError | None = None

    def followed_by(self, later: 'PassResult') -> 'PassResult':
        """Both passes as one."""
        return replace(
            later,
            started=self.started,
            seconds=self.seconds + later.seconds,
            fetched=self.fetched + later.fetched,
            fetched_bytes=self.fetched_bytes + later.fetched_bytes,
            spared=self.spared + later.spared,
            doubled=self.doubled + later.doubled,
            refused=max(self.refused, later.refused),
            undone=self.undone | later.undone,
        )

    @property
    def bytes_per_second(self) -> float:
        return self.fetched_bytes / self.seconds if self.seconds else 0.0

    @property
    def left(self) -> int:
        """How many of the peer's segments we are known to lack after the pass."""
        return self.missing - self.fetched - self.spared if self.error else len(self.undone)

    @property
    def complete(self) -> bool:
        return not (self.undone or self.unlisted or self.error)


class Passes:
    """The passes over one source, of which only the last is kept."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self.last: PassResult | None = None
        self.last_success: datetime | None = None
        """When a pass last left nothing undone."""
        self._clock = clock
        self._started = clock()

    def behind_seconds(self) -> float:
        """How long ago that was; since the start, if none did yet."""
        return (self._clock() - (self.last_success or self._started)).total_seconds()

    def note(self, result: PassResult) -> None:
        """Remembers the pass, and says what it did; raises its error."""
        self.last = result
        if result.fetched or not result.complete:
            log.info(
                '%s: %s pass: %d fetched, %d left', result.peer, result.kind, result.fetched, result.left
            )
        if result.error:
            raise result.error
        if result.complete:
            self.last_success = self._clock()
