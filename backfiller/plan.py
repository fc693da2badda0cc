"""Which peer fetches which missing segment next: bookkeeping alone, without clock, thread or network.

Each pass over a peer offers what that peer has and we lack. Whoever has nothing to do takes some of it, so
the least busy peer gets the next share; a segment is in flight at one peer at a time. Within an hour those
that fewest peers have are taken first, so that nobody is left alone with a rest that others could have begun.

In the end-game, when a peer has nothing else to fetch and a segment has been under way elsewhere for much
longer than it should, it is asked of one more peer (Cohen, "Incentives Build Robustness in BitTorrent", 2003,
section 2.4.4); the one that comes later is not needed any more.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

from backfiller.sync import Known
from common.segment import Hour, Segment

PATIENCE_SECONDS = 3.0
"""A share is meant to take half a second; after so long, its segments may be asked of somebody else too."""

MOST_AT_ONCE = 100
MOST_IN_END_GAME = 4
MOST_LOOKED_AT = 300
FIRST_GUESS_BYTES = 256 * 1024


@dataclass(eq=False, slots=True)
class _Missing:
    """A segment that we lack: the peers that have it, and since when some of them are fetching it."""

    segment: Segment
    room: 'Room'
    holders: set[str] = field(default_factory=set)
    flights: dict[str, float] = field(default_factory=dict)


@dataclass(eq=False, slots=True)
class Room:
    """An hour that passes are in: what we hold of it, once that was listed, and what is missing."""

    hour: Hour
    known: Known | None = None
    visitors: int = 0
    missing: dict[str, _Missing] = field(default_factory=dict)
    alike: dict[str, dict[str, _Missing]] = field(default_factory=dict)
    """What is missing by hash, and then by name: twins."""


class Arrival(NamedTuple):
    """`needed` unless somebody else was faster; who is spared what; and who fetches what in vain."""

    needed: bool
    spared: Sequence[tuple[str, Segment]] = ()
    fetchers: Sequence[tuple[str, Segment]] = ()


class Plan:
    """What is missing, who has it and who fetches it. Memory: only the hours that passes are in."""

    def __init__(self) -> None:
        self._rooms: dict[Hour, Room] = {}
        self._queues: dict[str, dict[Hour, dict[str, _Missing]]] = {}
        self._in_flight: dict[str, int] = {}
        self._sizes: dict[tuple[str, str], float] = {}

    @contextmanager
    def room(self, hour: Hour) -> Iterator[Room]:
        """The hour as all passes know it that are in it, or fetch something of it."""
        room = self._rooms.setdefault(hour, Room(hour))
        room.visitors += 1
        try:
            yield room
        finally:
            room.visitors -= 1
            self._tidy(room)

    def concerns(self, hour: Hour) -> bool:
        """Whether a pass is in the hour, or something of it is to be fetched."""
        return hour in self._rooms

    def offer(self, peer: str, room: Room, segments: Iterable[Segment]) -> None:
        """The peer has these, in the order in which they are best fetched. The room's listing is there."""
        queue = self._queues.setdefault(peer, {}).setdefault(room.hour, {})
        for segment in segments:
            if room.known and room.known.lacks(segment):
                missing = room.missing.setdefault(segment.name, _Missing(segment, room))
                missing.holders.add(peer)
                room.alike.setdefault(segment.hash, {})[segment.name] = missing
                queue[segment.name] = missing
        self._tidy_queue(peer, room.hour)

    def outstanding(self, peer: str) -> int:
        """How many of the peer's segments are neither here nor given up."""
        return sum(map(len, self._queues.get(peer, {}).values()))

    def take(self, peer: str, now: float, budget_bytes: float) -> list[Segment]:
        """What the peer should fetch next, of one hour, and about so many bytes; empty if nothing now."""
        for queue in list(self._queues.get(peer, {}).values()):
            free = list(islice(self._free(queue), MOST_LOOKED_AT))
            if len(self._queues) > 1:
                free.sort(key=_urgency)
            if chosen := self._within(free, budget_bytes):
                return self._under_way(peer, now, chosen)
        return []

    def take_late(self, peer: str, now: float) -> list[Segment]:
        """In the end-game: a few that others have had for too long, unless the peer is slow as well.

        The last ones first, because the others will come to them last.
        """
        queues = list(self._queues.get(peer, {}).values())
        if any(_is_slow(each, peer, now) for queue in queues for each in queue.values()):
            return []
        for queue in queues:
            late = {each.segment.hash: each for each in queue.values() if _is_late(each, peer, now)}
            if late:
                return self._under_way(peer, now, list(late.values())[: -MOST_IN_END_GAME - 1 : -1])
        return []

    def held(self, peer: str, segment: Segment, size_bytes: int) -> Arrival:
        """The peer brought it, and it is ours now."""
        self._learn_size(segment, size_bytes)
        missing = self._find(segment)
        if not missing:
            return Arrival(needed=False)
        if missing.room.known:
            missing.room.known.add(segment)
        missing.holders.discard(peer)
        self._pop(missing, peer)
        self._land(missing, peer)
        here = [missing, *_twins(missing)]
        fetchers = [(other, found.segment) for found in here for other in found.flights]
        spared = [each for found in here for each in self._settle(found)]
        return Arrival(True, spared, fetchers)

    def failed(self, peer: str, segment: Segment) -> bool:
        """The peer could not bring it, and others that have it may; False if we have it already."""
        missing = self._find(segment)
        if missing:
            self._land(missing, peer)
            self._forget(missing, peer)
        return missing is not None

    def give_back(self, peer: str, segments: Iterable[Segment]) -> None:
        """Ends what is still in flight, without a word on whether the peer has it."""
        for segment in segments:
            missing = self._find(segment)
            if missing:
                self._land(missing, peer)

    def leave(self, peer: str) -> None:
        """The peer fetches nothing any more."""
        for queue in list(self._queues.pop(peer, {}).values()):
            for missing in list(queue.values()):
                self._land(missing, peer)
                self._forget(missing, peer)

    def _free(self, queue: dict[str, _Missing]) -> Iterator[_Missing]:
        """What nobody fetches, and nobody fetches the same bytes."""
        return (each for each in queue.values() if each.segment.hash not in self._in_flight)

    def _within(self, free: Sequence[_Missing], budget_bytes: float) -> list[_Missing]:
        """As many as the budget allows, at least one, and never the same bytes twice."""
        chosen: dict[str, _Missing] = {}
        for missing in free[:MOST_AT_ONCE]:
            budget_bytes -= self._guess_bytes(missing.segment)
            if chosen and budget_bytes < 0:
                break
            chosen.setdefault(missing.segment.hash, missing)
        return list(chosen.values())

    def _under_way(self, peer: str, now: float, chosen: Sequence[_Missing]) -> list[Segment]:
        for missing in chosen:
            missing.flights[peer] = now
            content = missing.segment.hash
            self._in_flight[content] = self._in_flight.get(content, 0) + 1
        return [missing.segment for missing in chosen]

    def _guess_bytes(self, segment: Segment) -> float:
        known = self._sizes.get((segment.hour.stream, segment.hour.variant), FIRST_GUESS_BYTES)
        return 0 if segment.withdrawal else known

    def _learn_size(self, segment: Segment, size_bytes: int) -> None:
        """A running mean for each variant, since listings tell no sizes."""
        variant = segment.hour.stream, segment.hour.variant
        mean = self._sizes.get(variant, size_bytes)
        if not segment.withdrawal:
            self._sizes[variant] = mean + (size_bytes - mean) / 8

    def _find(self, segment: Segment) -> _Missing | None:
        room = self._rooms.get(segment.hour)
        return room.missing.get(segment.name) if room else None

    def _land(self, missing: _Missing, peer: str) -> None:
        if missing.flights.pop(peer, None) is None:
            return
        self._in_flight[missing.segment.hash] -= 1
        if not self._in_flight[missing.segment.hash]:
            del self._in_flight[missing.segment.hash]

    def _pop(self, missing: _Missing, peer: str) -> None:
        """It is no longer in the peer's queue."""
        self._queues.get(peer, {}).get(missing.room.hour, {}).pop(missing.segment.name, None)
        self._tidy_queue(peer, missing.room.hour)

    def _forget(self, missing: _Missing, peer: str) -> None:
        """The peer does not count as having it any more."""
        missing.holders.discard(peer)
        self._pop(missing, peer)
        if not missing.holders:
            self._drop(missing)

    def _settle(self, missing: _Missing) -> list[tuple[str, Segment]]:
        """It is here; returns which peers had it still to fetch."""
        for peer in list(missing.flights):
            self._land(missing, peer)
        for peer in missing.holders:
            self._pop(missing, peer)
        self._drop(missing)
        return [(peer, missing.segment) for peer in missing.holders]

    def _drop(self, missing: _Missing) -> None:
        """Nothing is to be done about it any more."""
        room, segment = missing.room, missing.segment
        room.missing.pop(segment.name, None)
        alike = room.alike.get(segment.hash, {})
        alike.pop(segment.name, None)
        if not alike:
            room.alike.pop(segment.hash, None)
        self._tidy(room)

    def _tidy_queue(self, peer: str, hour: Hour) -> None:
        queues = self._queues.get(peer, {})
        if hour in queues and not queues[hour]:
            del queues[hour]
        if not queues:
            self._queues.pop(peer, None)

    def _tidy(self, room: Room) -> None:
        if not room.visitors and not room.missing:
            self._rooms.pop(room.hour, None)


def _urgency(missing: _Missing) -> tuple[bool, bool, int]:
    """Lowest first: what others need to be of use, then what fewest peers have."""
    segment = missing.segment
    return not segment.withdrawal, not segment.is_init, len(missing.holders)


def _is_late(missing: _Missing, peer: str, now: float) -> bool:
    """Whether other peers are fetching it, or the same bytes, all of them for too long."""
    alike = missing.room.alike[missing.segment.hash].values()
    flights = {other: since for each in alike for other, since in each.flights.items()}
    return bool(flights) and peer not in flights and now - max(flights.values()) > PATIENCE_SECONDS


def _is_slow(missing: _Missing, peer: str, now: float) -> bool:
    return peer in missing.flights and now - missing.flights[peer] > PATIENCE_SECONDS


def _twins(missing: _Missing) -> list[_Missing]:
    """What need not come any more, because the same came from another capture."""
    alike = missing.room.alike.get(missing.segment.hash, {})
    return [
        each for each in alike.values() if each.segment.is_twin_of(missing.segment) and each is not missing
    ]
