"""One look at a store for hours to let go: chosen by the rules, checked once more, and then deleted.

chosen -> the bucket holds all of it, now -> the horizon moves, durably -> the hour vanishes -> its files go
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from backfiller.mirror.hours import HourState
from backfiller.mirror.mirror import HourResult, Mirror
from backfiller.mirror.verify import verify
from backfiller.retention import leave
from backfiller.retention.leave import Released
from backfiller.retention.rules import Choice, Held, Sightings, Why, choose, is_past
from common.alone import alone
from common.errors import ListingError
from common.horizon import Horizon
from common.offload import OffloadedDisk, offload
from common.place import Scope, Troubles
from common.segment import Hour
from common.settings.mirror import Retention as Limits

REST_SECONDS = 3600.0
"""An hour that could not go is looked at again when it or its mirror changed, or after so long."""

State = tuple[int, int] | None


@dataclass(frozen=True)
class Gone:
    """The hour was let go."""

    hour: Hour
    why: Why
    released: Released


@dataclass(frozen=True)
class Refused:
    """The hour was to go, and stays."""

    hour: Hour
    problem: str


@dataclass(frozen=True)
class _Rest:
    """Why an hour stays for now: until the monotonic clock says so, or it looks otherwise."""

    problem: str
    state: State
    mirrored: HourResult | None
    until_seconds: float

    def holds(self, state: State, mirrored: HourResult | None, now_seconds: float) -> bool:
        return (state, mirrored) == (self.state, self.mirrored) and now_seconds < self.until_seconds


class Retention:
    """Lets go of the hours of one store; remembers how it saw them.

    `is_busy` says whether something of an hour is being fetched; `mirror` is None if there is no bucket.
    """

    def __init__(
        self,
        disk: OffloadedDisk,
        horizon: Horizon,
        limits: Limits,
        *,
        mirror: Mirror | None,
        is_busy: Callable[[Hour], bool],
        clock: Callable[[], datetime],
        monotonic: Callable[[], float],
    ) -> None:
        self.horizon = horizon
        self.choice = Choice({})
        self.free_bytes: int | None = None
        self._disk = disk
        self._limits = limits
        self._mirror = mirror
        self._is_busy = is_busy
        self._clock = clock
        self._monotonic = monotonic
        self._sightings = Sightings()
        self._states: dict[Hour, State] = {}
        self._sizes: dict[Hour, tuple[State, int]] = {}
        self._rests: dict[Hour, _Rest] = {}

    def run(self, scope: Scope) -> Iterator[Gone | Refused]:
        """Lets go of what the limits say, the oldest first, and says what came of each.

        Raises ListingError if the horizon or a folder cannot be read, SourceError if the bucket cannot,
        StoreError if the horizon cannot be written, or the disk not be asked: then nothing more is deleted.
        """
        offload(self.horizon.load)
        troubles: Troubles = []
        held = sorted(self._disk.hours(scope, troubles))
        if held:
            self._choose(held)
            for hour, why in self.choice.going.items():
                yield from self._let_go(hour, why)
        if troubles:
            raise troubles[0]

    def waits_for(self, hour: Hour) -> str:
        """Why an hour that is past `keep` has not gone."""
        rest = self._rests.get(hour)
        return rest.problem if rest else 'it is not mirrored yet'

    def _choose(self, held: list[Hour]) -> None:
        now, now_seconds = self._clock(), self._monotonic()
        self._states = offload(lambda: {hour: self._disk.disk.state(hour) for hour in held})
        past = {hour: is_past(hour, now, self._limits.keep) for hour in held}
        seen = self._sightings.note({hour: (self._states[hour], past[hour]) for hour in held}, now_seconds)
        self._rests = {hour: rest for hour, rest in self._rests.items() if hour in seen}
        self.free_bytes = free_bytes = offload(self._disk.disk.free_bytes)
        sizes = self._measured(held, free_bytes)
        self.choice = choose(
            [Held(hour, sizes.get(hour, 0), seen[hour], self._may_go(hour)) for hour in held],
            self._limits,
            now=now,
            free_bytes=free_bytes,
        )

    def _measured(self, held: Iterable[Hour], free_bytes: int) -> Mapping[Hour, int]:
        """The sizes, as far as a limit asks for them; an hour that did not change costs nothing."""
        if not self._limits.keep_bytes and free_bytes >= self._limits.min_free:
            return {}
        known = self._sizes
        self._sizes = {}
        for hour in held:
            state = self._states[hour]
            found = known.get(hour)
            self._sizes[hour] = found if found and found[0] == state else (state, self._size_of(hour))
        return {hour: size for hour, (_, size) in self._sizes.items()}

    def _size_of(self, hour: Hour) -> int:
        try:
            return sum(self._disk.sizes(hour).values())
        except ListingError:
            return 0  # nothing that is known would be freed

    def _may_go(self, hour: Hour) -> bool:
        rest, mirrored = self._rests.get(hour), self._mirrored(hour)
        if rest and rest.holds(self._states[hour], mirrored, self._monotonic()):
            return False
        self._rests.pop(hour, None)
        if self._limits.keep_unmirrored:
            return self._mirror is not None and self._mirror.vouches_for(hour)
        return mirrored is None or mirrored.state is not HourState.MIRRORING

    def _mirrored(self, hour: Hour) -> HourResult | None:
        return self._mirror.hours.get(hour) if self._mirror else None

    def _let_go(self, hour: Hour, why: Why) -> Iterator[Gone | Refused]:
        """Nothing, if something of the hour is just being fetched: nothing new is, so its turn comes."""
        try:
            released = self._released(hour)
        except ListingError as error:
            until = self._monotonic() + REST_SECONDS
            self._rests[hour] = _Rest(str(error), self._states[hour], self._mirrored(hour), until)
            yield Refused(hour, str(error))
        else:
            if released:
                yield Gone(hour, why, released)

    def _released(self, hour: Hour) -> Released | None:
        """What was deleted; None if somebody is at the hour, or at its copy in the bucket, right now."""
        root = self._disk.disk.root
        with suppress(BlockingIOError), alone(root):
            checked = self._checked(hour)
            offload(self.horizon.advance, hour)
            if not self._is_busy(hour):
                return offload(leave.let_go, root, hour, checked)
        return None

    def _checked(self, hour: Hour) -> set[str]:
        """The names of the hour, which the bucket was found to hold right now; raises ListingError."""
        names = self._disk.names(hour)
        if self._limits.keep_unmirrored and self._mirror:
            verdict = verify(self._mirror.bucket, self._disk, hour)
            if verdict.problems:
                raise ListingError(verdict.problems[0].message)
            if not self._mirror.vouches_for(hour):
                raise ListingError(f'{hour.path}: what the bucket holds is in doubt')
        return names
