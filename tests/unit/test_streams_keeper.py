"""What runs is brought in line with what is wanted, and nothing else is touched."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import gevent
import pytest
from gevent.event import Event

from backfiller.capture.recipe import Recipe
from backfiller.derive.derived import Derived
from backfiller.streams.keeper import Keeper, Work
from backfiller.streams.stream import Stream
from tests.kit.process import eventually

BUS, TRAM = (Stream(Recipe(name, (f'http://o/{name}',))) for name in ('bus', 'tram'))
SMALL = (Derived('360p', 360, '600k'),)


@dataclass
class Part:
    """Runs until killed, or fails when it is told to."""

    made_of: Stream
    fail: Event = field(default_factory=Event)
    killed: bool = False
    adopts: bool = False
    is_troubled: bool = False

    def run(self) -> None:
        try:
            self.fail.wait()
        except gevent.GreenletExit:
            self.killed = True
            raise
        raise ZeroDivisionError

    def status(self) -> str:
        return 'running'

    def adopt(self, stream: Stream) -> bool:
        return self.adopts


@dataclass
class Made:
    """All parts that were ever made, and what was forgotten."""

    parts: list[Part] = field(default_factory=list)
    forgotten: list[str] = field(default_factory=list)
    surprises: list[None] = field(default_factory=list)

    def __post_init__(self) -> None:
        works = [
            Work('capture', lambda stream: stream.recipe, self.new, self.forgotten.append),
            Work('derive', lambda stream: stream.derive, self.new),
        ]
        self.keeper = Keeper(works, lambda: self.surprises.append(None))

    def new(self, stream: Stream) -> Part:
        self.parts.append(Part(stream))
        return self.parts[-1]

    def apply(self, *streams: Stream) -> list[str]:
        done = self.keeper.apply({stream.name: stream for stream in streams})
        gevent.idle()
        return done


@pytest.fixture
def made() -> Iterator[Made]:
    found = Made()
    yield found
    found.keeper.stop()


def test_only_the_difference_is_done(made: Made) -> None:
    assert made.apply(BUS, TRAM) == ['capture bus: started', 'capture tram: started']
    assert made.apply(BUS, TRAM) == []
    assert made.apply(TRAM) == ['capture bus: stopped']
    assert [part.killed for part in made.parts] == [True, False]
    assert made.forgotten == ['bus']


def test_a_changed_recipe_makes_it_anew_and_forgets_nothing(made: Made) -> None:
    made.apply(BUS, TRAM)
    elsewhere = replace(BUS, recipe=Recipe('bus', ('http://elsewhere',)))
    assert made.apply(elsewhere, TRAM) == ['capture bus: changed']
    assert [part.made_of for part in made.parts] == [BUS, TRAM, elsewhere]
    assert [part.killed for part in made.parts] == [True, False, False]
    assert made.forgotten == []


def test_a_change_that_it_can_take_in_its_stride_does_not(made: Made) -> None:
    made.apply(BUS)
    made.parts[0].adopts = True
    assert made.apply(replace(BUS, recipe=Recipe('bus', ('http://o/bus', 'http://more')))) == []
    assert not made.parts[0].killed


def test_what_is_derived_does_not_disturb_the_capture(made: Made) -> None:
    made.apply(BUS)
    assert made.apply(replace(BUS, derive=SMALL)) == ['derive bus: started']
    assert made.apply(BUS) == ['derive bus: stopped']
    assert [part.killed for part in made.parts] == [False, True]


def test_what_dies_unforeseen_is_made_anew_and_counted(made: Made) -> None:
    made.apply(BUS, TRAM)
    made.parts[0].fail.set()
    eventually(lambda: len(made.parts) == 3)
    (kept,) = made.keeper.parts('bus')
    assert (kept.restarts, len(made.surprises)) == (1, 1)
    assert kept.loop.last_error
    assert [part.made_of for part in made.parts] == [BUS, TRAM, BUS]
    assert not made.parts[1].killed


def test_trouble_in_a_part_is_that_of_what_keeps_it(made: Made) -> None:
    made.apply(BUS, TRAM)
    eventually(lambda: len(made.parts) == 2)
    assert not any(each.is_troubled for each in made.keeper.all)
    made.parts[1].is_troubled = True
    assert [each.is_troubled for each in made.keeper.all] == [False, True]


def test_stop_stops_all(made: Made) -> None:
    made.apply(BUS, TRAM)
    made.keeper.stop()
    assert all(part.killed for part in made.parts)
    assert made.keeper.all == []
