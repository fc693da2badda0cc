"""Passes into one target side by side: nothing twice, and everything that anyone can bring."""

import random
from collections import Counter
from collections.abc import Iterable, Iterator

import gevent
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backfiller.swarm import SharedWork, together
from backfiller.sync import sync
from common.errors import SegmentError, SourceError
from common.place import Chunks
from common.segment import Segment
from tests.kit.build import HOUR, run_of
from tests.kit.memory import Memory

PIECES = [*run_of(6), *run_of(4, '2026-11-14T04:00:00')]
NUMBERS = st.sets(st.integers(0, len(PIECES) - 1))


class Shy(Memory):
    """A peer that lets others run while it reads, and refuses some segments."""

    def __init__(self, holds: set[int], refuses: set[int], seed: int) -> None:
        super().__init__()
        self.refuses = {PIECES[n].name for n in refuses}
        self.asked: Counter[str] = Counter()
        self.in_flight: set[str] = set()
        self._random = random.Random(seed)
        for n in holds:
            self.add(PIECES[n].segment, [PIECES[n].body])

    def read(self, segments: Iterable[Segment]) -> Iterator[tuple[Segment, Chunks]]:
        for segment, chunks in super().read(segments):
            yield segment, self._slowly(segment, chunks)

    def _slowly(self, segment: Segment, chunks: Chunks) -> Iterator[bytes]:
        self.asked[segment.name] += 1
        self.in_flight.add(segment.name)
        try:
            for _ in range(self._random.randrange(4)):
                gevent.sleep(0)
            if segment.name in self.refuses:
                raise SegmentError('refused', 'not today')
            yield from chunks
        finally:
            self.in_flight.discard(segment.name)


class Watched(Memory):
    """A target that counts how often each segment is added."""

    def __init__(self) -> None:
        super().__init__()
        self.adds: Counter[str] = Counter()
        self.listings = 0

    def names(self, hour: object) -> set[str]:
        self.listings += 1
        return super().names(hour)  # type: ignore[arg-type]

    def add(self, segment: Segment, chunks: Chunks) -> int:
        size = super().add(segment, chunks)
        self.adds[segment.name] += 1
        return size


@given(st.lists(st.tuples(NUMBERS, NUMBERS, st.integers(0, 9)), min_size=1, max_size=4))
def test_everything_obtainable_arrives_and_nothing_twice(peers: list[tuple[set[int], set[int], int]]) -> None:
    sources = [Shy(*each) for each in peers]
    target, work = Watched(), SharedWork()

    def one_pass(source: Shy) -> None:
        for _ in sync(source, target, sorted(source.hours()), work=work):
            flying = [name for each in sources for name in each.in_flight]
            assert len(flying) == len(set(flying))

    together([lambda source=source: one_pass(source) for source in sources])  # type: ignore[misc]
    obtainable = {PIECES[n].name for holds, refuses, _ in peers for n in holds - refuses}
    assert set(target.adds) == obtainable
    assert set(target.adds.values()) <= {1}
    assert all(count == 1 for source in sources for count in source.asked.values())


def test_the_target_is_listed_once_for_all_who_are_in_the_hour() -> None:
    sources = [Shy(set(range(6)), set(), seed) for seed in range(4)]
    target, work = Watched(), SharedWork()
    together([lambda source=source: list(sync(source, target, [HOUR], work=work)) for source in sources])  # type: ignore[misc]
    assert target.listings <= 2


def test_a_pass_that_is_killed_gives_back_what_it_claimed() -> None:
    work, target = SharedWork(), Watched()
    hanging = gevent.event.Event()

    class Hanging(Memory):
        def read(self, segments: Iterable[Segment]) -> Iterator[tuple[Segment, Chunks]]:
            for segment in segments:
                hanging.wait()
                yield segment, []

    stuck = Hanging()
    stuck.add(PIECES[0].segment, [PIECES[0].body])
    victim = gevent.spawn(lambda: list(sync(stuck, target, [HOUR], work=work)))
    gevent.sleep(0)
    other = gevent.spawn(lambda: list(sync(Shy({0}, set(), 1), target, [HOUR], work=work)))
    gevent.sleep(0)
    victim.kill()
    other.join(timeout=5)
    assert set(target.adds) == {PIECES[0].name}


@pytest.fixture
def quiet_hub() -> Iterator[None]:
    """No traceback on standard error for greenlets that end with an error of ours."""
    hub = gevent.get_hub()
    before = hub.NOT_ERROR
    hub.NOT_ERROR = (*before, SourceError)
    yield
    hub.NOT_ERROR = before


def test_the_first_error_ends_all_and_goes_on(quiet_hub: None) -> None:
    ended: list[str] = []

    def fails() -> None:
        raise SourceError('gone')

    def waits() -> None:
        try:
            gevent.sleep(60)
        finally:
            ended.append('killed')

    with pytest.raises(SourceError):
        together([waits, fails])
    assert ended == ['killed']


def test_after_an_error_no_further_job_is_begun(quiet_hub: None) -> None:
    begun: list[int] = []

    def fails(number: int) -> None:
        begun.append(number)
        gevent.sleep(0)
        raise SourceError('gone')

    with pytest.raises(SourceError):
        together([lambda number=number: fails(number) for number in range(100)], at_most=2)  # type: ignore[misc]
    assert len(begun) < 6
