"""What makes the mirror look, and how often it does at most."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import cast

import gevent
import pytest
from prometheus_client import CollectorRegistry

from backfiller.metrics import Metrics
from backfiller.mirror import keeper
from backfiller.mirror.keeper import MirrorKeeper, rest_seconds
from backfiller.mirror.mirror import HourResult, Mirror
from common.changes import Changes
from common.errors import SourceError
from common.place import EVERYTHING, Scope
from common.segment import Hour
from common.times import utc_now
from tests.kit.build import HOUR, fill, piece, run_of
from tests.kit.process import eventually

NOW_OPEN = Hour.holding('bus', 'source', utc_now() + timedelta(hours=1))


class Passes:
    """A mirror that only counts how often it looked."""

    def __init__(self) -> None:
        self.count = 0
        self.works = True
        self.hours: dict[Hour, HourResult] = {}
        self.requests: dict[str, int] = {}

    def run(self, scope: Scope) -> Iterator[HourResult]:
        self.count += 1
        if not self.works:
            raise SourceError('the bucket cannot be reached')
        return iter(())


class Kept:
    """A keeper over a store, with an interval that no test lives to see."""

    def __init__(self, store: Path, scope: Scope) -> None:
        self.passes = Passes()
        self.changes = Changes(store)
        metrics = Metrics(CollectorRegistry())
        self.keeper = MirrorKeeper(cast(Mirror, self.passes), metrics, lambda: scope, 3600, self.changes)


@contextmanager
def kept(store: Path, scope: Scope = EVERYTHING) -> Iterator[Kept]:
    """A keeper that looked at first, and again when the store was watched."""
    found = Kept(store, scope)
    running = gevent.spawn(found.keeper.run)
    try:
        eventually(lambda: found.passes.count == 2 and found.changes.at_once)
        yield found
    finally:
        running.kill()


@pytest.fixture(autouse=True)
def no_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper, 'SHORTEST_REST_SECONDS', 0)


def test_a_late_segment_makes_it_look(store: Path) -> None:
    *pieces, late = run_of(3)
    with kept(fill(store, pieces)) as found:
        fill(store, [late])
        eventually(lambda: found.passes.count == 3)


def test_neither_an_hour_that_goes_on_nor_one_out_of_its_scope_does(store: Path) -> None:
    with kept(fill(store, run_of(1)), Scope(streams=frozenset({'bus'}))) as found:
        assert found.keeper._concerns_us(HOUR)
        assert not found.keeper._concerns_us(NOW_OPEN)
        assert not found.keeper._concerns_us(piece(stream='yard').hour)


def test_a_bucket_that_is_backed_off_from_is_left_alone(store: Path) -> None:
    *pieces, late = run_of(3)
    with kept(fill(store, pieces)) as found:
        found.passes.works = False
        fill(store, [late])
        eventually(lambda: found.keeper.loop.last_error)
        assert not found.keeper._concerns_us(HOUR)


def test_the_longer_it_looks_the_longer_it_rests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper, 'SHORTEST_REST_SECONDS', 2)
    assert [rest_seconds(each) for each in (0.1, 1, 600)] == [2, 4, 30]
