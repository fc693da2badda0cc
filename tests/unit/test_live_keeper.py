"""Which variants the live keeper follows, and for how long."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import gevent
import pytest
from prometheus_client import CollectorRegistry

from backfiller.live import keeper as module
from backfiller.live import variant as variants
from backfiller.live.keeper import LiveKeeper
from backfiller.live.layout import Variant
from backfiller.metrics import Metrics
from common.disk import Disk
from common.offload import OffloadedDisk
from common.place import EVERYTHING, Scope
from common.times import utc_now
from tests.kit.build import Piece, fill, run_of
from tests.kit.objects import Objects
from tests.kit.process import eventually

SOURCE, SMALL = Variant('bus', 'source'), Variant('bus', '180p')


class Kept:
    """A keeper over a store, and the registry of its metrics."""

    def __init__(self, store: Path, scope: Scope) -> None:
        self.objects = Objects()
        self.registry = CollectorRegistry()
        disk, metrics = OffloadedDisk(Disk(store)), Metrics(self.registry)
        self.keeper = LiveKeeper(disk, self.objects.bucket, metrics, lambda: scope, length_seconds=1e9)

    def counted(self, variant: Variant) -> float | None:
        labels = {'stream': variant.stream, 'variant': variant.name}
        return self.registry.get_sample_value('live_segments_total', labels)


@contextmanager
def kept(store: Path, scope: Scope = EVERYTHING) -> Iterator[Kept]:
    found = Kept(store, scope)
    running = gevent.spawn(found.keeper.run)
    try:
        yield found
    finally:
        running.kill()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, 'LOOK_SECONDS', 0.05)
    monkeypatch.setattr(variants, 'LOOK_SECONDS', 0.05)


def recorded(variant: str = 'source') -> list[Piece]:
    return run_of(3, f'{utc_now() - timedelta(seconds=20):%Y-%m-%dT%H:%M:%S}', variant=variant)


def test_a_variant_is_followed_from_its_first_segment_until_it_is_hours_old(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with kept(store) as found:
        fill(store, recorded())
        eventually(lambda: found.counted(SOURCE) == 3)
        fill(store, recorded('180p'))
        eventually(lambda: found.counted(SMALL) == 3)
        assert found.objects.there['bus/live.m3u8'].text.count('live.m3u8') == 2
        assert {'live', 'live bus/source', 'live bus/180p'} == {loop._name for loop in found.keeper.loops}

        def later() -> datetime:
            return utc_now() + timedelta(hours=3)

        monkeypatch.setattr(module, 'utc_now', later)
        eventually(lambda: not found.keeper.variants)
        assert found.counted(SOURCE) is None


def test_only_what_was_asked_for_is_followed(store: Path) -> None:
    fill(store, [*recorded(), *recorded('180p')])
    with kept(store, Scope(variants=frozenset({'180p'}))) as found:
        eventually(lambda: found.counted(SMALL) == 3)
        assert set(found.keeper.variants) == {SMALL}


def test_one_variant_that_fails_says_so_and_does_not_hold_up_the_other(store: Path) -> None:
    pieces = recorded()
    fill(store, [*pieces, *recorded('180p')])
    with kept(store) as found:
        found.objects.fails = lambda path: path == pieces[0].path
        eventually(lambda: found.counted(SMALL) == 3)
        eventually(lambda: found.keeper.variants[SOURCE].loop.last_error)
        found.objects.fails = lambda _: False
        eventually(lambda: found.counted(SOURCE) == 3)
