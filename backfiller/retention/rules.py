"""Which hours may go: decided from what is held and how it was seen, without a clock, a disk or a network.

An hour goes for its age when it was seen to be past `keep`, and unchanged, for an hour by the monotonic
clock: a wall clock that jumps forward has so long to be set right, and what was restored has so long to be
looked at. For room, the oldest hours go until it is enough, but none of the newest 24 hours of the store:
they are counted from the newest hour held, so that a clock that jumps ahead does not reach them.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from common.segment import Hour
from common.settings.mirror import Retention

STEADY_SECONDS = 3600.0
NEWEST = timedelta(hours=24)

Sight = tuple[tuple[int, int] | None, bool]
"""How an hour looked: the state of its folder, and whether it was past `keep`."""


class Why(StrEnum):
    """Which limit an hour is let go for."""

    KEEP = 'older than keep'
    KEEP_BYTES = 'more than keep_bytes are held'
    MIN_FREE = 'less than min_free is free'


@dataclass(frozen=True, slots=True)
class Held:
    """An hour that is held; `seen_seconds` is for how long it has looked as it does.

    It `may_go` if it is mirrored, or need not be.
    """

    hour: Hour
    size_bytes: int
    seen_seconds: float
    may_go: bool


@dataclass(frozen=True)
class Choice:
    """Which hours go, oldest first; which are past `keep` and may not; and what will still be lacking."""

    going: Mapping[Hour, Why]
    waiting: tuple[Hour, ...] = ()
    lacking_bytes: int = 0


def is_past(hour: Hour, now: datetime, keep: timedelta | None) -> bool:
    """Whether the hour ended so long ago."""
    return keep is not None and hour.end <= now - keep


class Sightings:
    """For how long each hour has looked as it does."""

    def __init__(self) -> None:
        self._since: dict[Hour, tuple[Sight, float]] = {}

    def note(self, sights: Mapping[Hour, Sight], now_seconds: float) -> dict[Hour, float]:
        """Takes what is seen now, and returns for how many seconds each was seen so; 0 if it is new."""
        known = self._since
        self._since = {
            hour: known[hour] if hour in known and known[hour][0] == sight else (sight, now_seconds)
            for hour, sight in sights.items()
        }
        return {hour: now_seconds - since for hour, (_, since) in self._since.items()}


def choose(held: Iterable[Held], limits: Retention, *, now: datetime, free_bytes: int) -> Choice:
    """What goes now."""
    ordered = sorted(held, key=lambda each: (each.hour.text, each.hour))
    past = [each for each in ordered if is_past(each.hour, now, limits.keep)]
    going = {each.hour: Why.KEEP for each in past if each.may_go and each.seen_seconds >= STEADY_SECONDS}
    freed = sum(each.size_bytes for each in ordered if each.hour in going)
    why, needed = _needed(limits, sum(each.size_bytes for each in ordered), free_bytes)
    needed -= freed
    for each in _old_enough([each for each in ordered if each.hour not in going], now):
        if needed <= 0:
            break
        if each.may_go and each.size_bytes:
            needed -= each.size_bytes
            going |= {each.hour: why} if each.seen_seconds > 0 else {}
    return Choice(going, tuple(each.hour for each in past if not each.may_go), max(0, needed))


def _needed(limits: Retention, total_bytes: int, free_bytes: int) -> tuple[Why, int]:
    """How many bytes have to go for room, and for which of the limits."""
    over = total_bytes - limits.keep_bytes if limits.keep_bytes else 0
    short = limits.min_free - free_bytes
    return (Why.MIN_FREE, short) if short > over else (Why.KEEP_BYTES, over)


def _old_enough(ordered: list[Held], now: datetime) -> Iterator[Held]:
    """Those that may go for room, in their order: what was seen but now counts as going by the next pass."""
    newest = min(now, max((each.hour.end for each in ordered), default=now))
    return (each for each in ordered if each.hour.end <= newest - NEWEST)
