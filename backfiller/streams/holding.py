"""The leases that this node holds, renewed well before they end.

A lease lasts three quarters of the time after which the streams of a dead node are to be with others, and is
renewed each quarter, so that two renewals may fail. Nodes that start together wait a moment for each other
before they take anything.
"""

import math
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from backfiller.streams.calls import Calls, Slot
from backfiller.streams.turns import Lease, Turn, gives_back, next_turn

LONGEST_WAIT_SECONDS = 1.0
LONGEST_JOIN_SECONDS = 2.5
AFTER_AWAY_SECONDS = 5.0
"""So long what is free when Redis is back is left to who held it: all find out within that time."""

SETTLED_LEASES = 6
"""So many lease times a node has to be there before others give back what is rather its turn."""

SHORTEST_SECONDS = 0.02


@dataclass
class Held:
    """What one look found: the slots that are ours, who holds the others, and when to look again."""

    slots: dict[str, int] = field(default_factory=dict)
    leases: dict[str, list[Lease]] = field(default_factory=dict)
    again_seconds: float = math.inf


@dataclass
class _Due:
    """What one look comes to: the slots to let go of, and those to take."""

    release: list[Slot] = field(default_factory=list)
    take: list[Slot] = field(default_factory=list)


class Holding:
    """Takes, renews and releases leases for one node, `me`."""

    def __init__(
        self, calls: Calls, me: str, lease_seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.seconds = lease_seconds * 0.75
        self.renew_seconds = lease_seconds / 4
        self.last = Held()
        self._calls = calls
        self._me = me
        self._clock = clock
        self._wait_seconds = min(self.renew_seconds, LONGEST_WAIT_SECONDS)
        self._settled_seconds = lease_seconds * SETTLED_LEASES
        self._patience_seconds = min(self.renew_seconds, LONGEST_JOIN_SECONDS)
        self._patient_until = math.inf
        self._free_since: dict[str, float] = {}
        self._member_since: dict[str, float] = {}
        self._lingering: dict[str, float] = {}

    def was_away(self) -> None:
        """Redis did not answer: when it does, those who still record take their leases first."""
        self._patience_seconds = AFTER_AWAY_SECONDS
        self._patient_until = math.inf

    def look(self, replicas: Mapping[str, int], members: Collection[str]) -> Held:
        """Renews, takes and gives back; `replicas` are the streams that want so many of them."""
        now = self._clock()
        if self._patient_until == math.inf:
            self._patient_until = now + self._patience_seconds
        self._note_members(members, now)
        leases = self._renewed(replicas)
        held, due = Held(leases=leases), _Due()
        for stream, found in leases.items():
            self._decide(stream, found, held, due, now)
        self._act(due, held)
        self._free_since = {name: since for name, since in self._free_since.items() if name in leases}
        self.last = held
        return held

    def claim(self, streams: Collection[str]) -> None:
        """Says what this node held before it was started again: if it is free, it is taken at once."""
        self.last.slots.update(dict.fromkeys(streams, 0))

    def lingering(self) -> set[str]:
        """Streams that we gave back just now, and record until their new holder surely does."""
        now = self._clock()
        self._lingering = {stream: until for stream, until in self._lingering.items() if until > now}
        return set(self._lingering)

    def release_all(self) -> None:
        self._calls.release(list(self.last.slots.items()), self._me)
        self.last = Held()

    def _renewed(self, replicas: Mapping[str, int]) -> dict[str, list[Lease]]:
        """The leases of all slots, after those that are not wanted any more were released."""
        gone = [slot for slot in self.last.slots.items() if slot[1] >= replicas.get(slot[0], 0)]
        if gone:
            self._calls.release(gone, self._me)
        slots: list[Slot] = [(name, number) for name, count in replicas.items() for number in range(count)]
        found = self._calls.renew(slots, self._me, self.seconds) if slots else {}
        return {name: [found[name, n] for n in range(count)] for name, count in replicas.items()}

    def _decide(self, stream: str, leases: list[Lease], held: Held, due: _Due, now: float) -> None:
        """What to do about one stream; notes what is `held` as it is, and what is `due`."""
        ours = [slot for slot, lease in enumerate(leases) if lease.holder == self._me]
        if ours and gives_back(stream, leases, self._me, self._member_since, self._settled(now)):
            due.release += [(stream, slot) for slot in ours]
            self._lingering[stream] = now + self.renew_seconds
        elif ours:
            held.slots[stream] = ours[0]
            due.release += [(stream, slot) for slot in ours[1:]]  # we are one replica, not two
        elif turn := next_turn(stream, leases, self._me, self._member_since):
            self._await(stream, turn, held, due, now)
        else:
            self._free_since.pop(stream, None)
            ends = (lease.left_seconds + SHORTEST_SECONDS for lease in leases if lease.left_seconds)
            held.again_seconds = min([held.again_seconds, *ends])

    def _await(self, stream: str, turn: Turn, held: Held, due: _Due, now: float) -> None:
        """The slot is to be taken when it is our turn; at once if it was ours when we last looked."""
        since = self._free_since.setdefault(stream, now)
        at = max(self._patient_until, since) + turn.waits * self._wait_seconds
        if stream in self.last.slots or now >= at:
            due.take.append((stream, turn.slot))
        else:
            held.again_seconds = min(held.again_seconds, at - now)

    def _act(self, due: _Due, held: Held) -> None:
        """In one call each: with one a stream a slow Redis would have leases end while others are taken."""
        if due.release:
            self._calls.release(due.release, self._me)
        taken = self._calls.take(due.take, self._me, self.seconds) if due.take else []
        for stream, slot in taken:
            held.leases[stream][slot] = Lease(self._me, self.seconds)
            held.slots[stream] = slot
            self._free_since.pop(stream, None)

    def _note_members(self, members: Collection[str], now: float) -> None:
        self._member_since = {each: self._member_since.get(each, now) for each in members}

    def _settled(self, now: float) -> set[str]:
        return {each for each, since in self._member_since.items() if now - since >= self._settled_seconds}
