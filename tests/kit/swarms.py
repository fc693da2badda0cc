"""Peers in this process, and passes of a real swarm over them."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from backfiller import sync
from backfiller.swarm import Brought, Doubled, Event, Swarm
from backfiller.together import together
from common.disk import Disk
from common.errors import ListingError
from common.offload import OffloadedDisk
from common.place import Chunks
from common.segment import Hour, Segment
from tests.kit.build import HOUR, Piece, files_below
from tests.kit.plans import is_empty


@dataclass
class Peer:
    """A peer in this process; `before` is called in a lane's thread before each segment is read."""

    url: str
    pieces: Sequence[Piece]
    before: Callable[[Segment], None] = lambda _: None
    unlisted: frozenset[Hour] = frozenset()
    odd: frozenset[str] = frozenset()
    asked: list[str] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    def names(self, hour: Hour) -> set[str]:
        if hour in self.unlisted:
            raise ListingError('not JSON')
        return {each.name for each in self.pieces if each.hour == hour} | self.odd

    def fetcher(self) -> 'Peer':
        return self

    def read(self, segments: Iterable[Segment]) -> Iterator[tuple[Segment, Chunks]]:
        bodies = {each.name: each.body for each in self.pieces}
        for segment in segments:
            self.asked.append(segment.name)
            yield segment, self._chunks(segment, bodies[segment.name])

    def _chunks(self, segment: Segment, body: bytes) -> Iterator[bytes]:
        yield body[:10]
        self.before(segment)
        yield body[10:]

    def close(self) -> None:
        pass

    def count(self, kind: type[Event]) -> int:
        """How many segments events of that kind were about."""
        found = [event for event in self.events if isinstance(event, kind)]
        many = {Brought: 'added', Doubled: 'segments'}
        return sum(len(getattr(event, many[kind])) if kind in many else 1 for event in found)

    @property
    def missing(self) -> int:
        return sum(event.missing for event in self.events if isinstance(event, sync.Compared))


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def swarm_at(store: Path, clock: Callable[[], float] | None = None) -> Swarm:
    return Swarm(OffloadedDisk(Disk(store)), clock or Clock())


def one_pass(swarm: Swarm, peer: Peer, hours: Sequence[Hour] = (HOUR,)) -> None:
    swarm.run(peer, hours, wanted=sync.everything, note=peer.events.append)  # type: ignore[arg-type]


def passes(swarm: Swarm, *peers: Peer) -> None:
    together([lambda peer=each: one_pass(swarm, peer) for each in peers])  # type: ignore[misc]


def assert_nothing_is_left(swarm: Swarm, store: Path) -> None:
    assert is_empty(swarm.plan)
    assert not any(path.startswith('.') for path in files_below(store))
    assert not any(swarm._busy.values())
    assert not swarm._visits
