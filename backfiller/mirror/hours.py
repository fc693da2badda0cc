"""Where the mirror of an hour stands: a pure function of the clock, what we hold, and what others hold.

open -> settling -> mirroring -> mirrored -> (behind -> mirrored), or failed
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from common.segment import Hour


class HourState(StrEnum):
    """Where the mirror of an hour stands."""

    OPEN = 'open'
    SETTLING = 'settling'
    MIRRORING = 'mirroring'
    MIRRORED = 'mirrored'
    BEHIND = 'behind'
    FAILED = 'failed'


@dataclass(frozen=True)
class Patience:
    """How long an hour is left alone after its end: always, and at most if peers hold something else.

    A node that just `started` has asked nobody yet, so the longest wait begins then at the earliest.
    """

    settle: timedelta
    settle_max: timedelta
    started: datetime

    def has_settled(self, hour: Hour, now: datetime, agreed: Callable[[Hour], bool]) -> bool:
        """Whether the hour is complete, as far as anybody can know now."""
        if now < hour.end + self.settle:
            return False
        return now >= max(hour.end, self.started) + self.settle_max or agreed(hour)


def state_of(
    hour: Hour,
    now: datetime,
    *,
    ours: str,
    mirrored: str,
    patience: Patience,
    agreed: Callable[[Hour], bool],
) -> HourState:
    """The state before anything is done about it.

    `ours` is the fingerprint of what we hold, and `mirrored` of what we held when the bucket was last seen to
    hold all of it, or empty. `agreed` says whether no peer holds more, and is only asked if that matters.
    """
    if now < hour.end:
        return HourState.OPEN
    if mirrored:
        return HourState.MIRRORED if mirrored == ours else HourState.BEHIND
    return HourState.MIRRORING if patience.has_settled(hour, now, agreed) else HourState.SETTLING
