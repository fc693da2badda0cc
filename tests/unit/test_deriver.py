"""A stream with derived variants, whose ffmpeg is slow, broken or missing, as a test wants it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import gevent
import pytest
from prometheus_client import CollectorRegistry

from backfiller.derive import deriver as module
from backfiller.derive.backlog import TRIES
from backfiller.derive.derived import Derived
from backfiller.derive.deriver import Deriver
from backfiller.derive.metrics import DeriveMetrics
from backfiller.derive.pool import Pool
from common.disk import Disk
from common.offload import OffloadedDisk
from tests.kit.build import Piece, at, fill, piece, tombstone_of
from tests.kit.encoders import Gate, gate, script
from tests.kit.process import eventually
from tests.kit.transport import TABLES, picture

NOW = at('2026-11-14T03:01:00')
SMALL, TINY = Derived('360p', 360, '600k'), Derived('180p', 180, '150k')


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, 'LOOK_SECONDS', 0.05)


def source(second: int, kind: str = 'full', *, good: bool = True) -> Piece:
    """Two seconds of video that begin so many seconds after three o'clock."""
    body = TABLES + picture(pts=90_000 * second) if good else b'<html>'
    return piece(f'2026-11-14T03:00:{second:02}', body=body, kind=kind)


class Derive:
    """A deriver that runs over a store."""

    def __init__(self, store: Path, program: str, derived: tuple[Derived, ...], most: int) -> None:
        self.store = store
        self.now = NOW
        self.registry = CollectorRegistry()
        self.deriver = Deriver(
            'bus',
            derived,
            OffloadedDisk(Disk(store)),
            Pool(most, program),
            DeriveMetrics(self.registry),
            clock=lambda: self.now,
            look_back=timedelta(seconds=60),
        )

    def told(self, variant: str = '360p') -> dict[str, Any]:
        told: dict[str, Any] = self.deriver.status()[variant]
        return told

    def counted(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(name, {'stream': 'bus', 'variant': '360p', **labels})

    def made(self, variant: str = '360p') -> list[str]:
        """The names of what is there, up to the hash."""
        hours = Disk(self.store).hours_of('bus', variant)
        return sorted(name[:-47] for hour in hours for name in Disk(self.store).names(hour))


@contextmanager
def deriving(
    store: Path, program: str, derived: tuple[Derived, ...] = (SMALL,), most: int = 1
) -> Iterator[Derive]:
    found = Derive(store, program, derived, most)
    running = gevent.spawn(found.deriver.run)
    try:
        yield found
    finally:
        running.kill()


@pytest.fixture
def gated(tmp_path: Path) -> Iterator[Gate]:
    with gate(tmp_path) as found:
        yield found


def test_start_duration_and_type_are_those_of_the_source(store: Path, gated: Gate) -> None:
    fill(store, [source(50), source(52, 'suspect'), source(54, 'partial')])
    gated.let_go(6)
    with deriving(store, gated.program, (SMALL, TINY)) as derive:
        for variant in ('360p', '180p'):
            eventually(lambda each=variant: len(derive.made(each)) == 3)
            assert derive.made(variant) == ['00:50-2-full', '00:52-2-suspect', '00:54-2-partial']
        eventually(lambda: derive.told()['segments'] == 3)
        assert derive.told()['newest'] == '2026-11-14T03:00:54Z'
        assert derive.counted('derived_segments_total') == 3
        assert derive.counted('derive_lag_seconds') is not None


def test_the_newest_goes_first_and_what_waits_too_long_is_skipped(store: Path, gated: Gate) -> None:
    fill(store, [source(second) for second in (0, 2, 4, 6)])
    with deriving(store, gated.program) as derive:
        eventually(lambda: derive.told()['running'] == 1)
        assert derive.told()['queued'] == 3
        assert derive.counted('derive_queued') == 3
        fill(store, [source(50), source(52)])
        eventually(lambda: derive.told()['queued'] == 5)
        gated.let_go(2)
        eventually(lambda: derive.made() == ['00:06-2-full', '00:52-2-full'])
        derive.now += timedelta(seconds=30)
        eventually(lambda: derive.told()['skipped'] == 3)
        assert derive.counted('derive_skipped_total') == 3
        gated.let_go(9)
        eventually(lambda: derive.told()['segments'] == 3)
        assert derive.made() == ['00:06-2-full', '00:50-2-full', '00:52-2-full']
        assert derive.told()['queued'] == derive.told()['running'] == 0


def test_the_queue_is_no_longer_than_allowed(
    store: Path, gated: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, 'MOST_QUEUED', 2)
    fill(store, [source(second) for second in (40, 42, 44, 46, 48, 50)])
    with deriving(store, gated.program) as derive:
        eventually(lambda: derive.told()['running'] == 1)
        eventually(lambda: derive.told()['skipped'] == 4)
        assert derive.told()['queued'] == 1
        gated.let_go(9)
        eventually(lambda: derive.told()['segments'] == 2)
        assert derive.made() == ['00:48-2-full', '00:50-2-full']


def test_so_many_run_at_once_as_there_is_room_for(store: Path, gated: Gate) -> None:
    fill(store, [source(second) for second in (50, 52, 54, 56)])
    with deriving(store, gated.program, (SMALL, TINY), most=3) as derive:
        eventually(lambda: derive.told('360p')['running'] + derive.told('180p')['running'] == 3)
        assert derive.told('360p')['queued'] + derive.told('180p')['queued'] == 5


def test_what_another_node_made_meanwhile_is_not_made_again(store: Path, gated: Gate) -> None:
    fill(store, [source(50), source(52)])
    with deriving(store, gated.program) as derive:
        eventually(lambda: derive.told()['queued'] == 1)
        fill(store, [piece('2026-11-14T03:00:50', variant='360p')])
        gated.let_go(9)
        eventually(lambda: derive.told()['segments'] == 1 and not derive.told()['queued'])
        assert derive.made() == ['00:50-2-full', '00:52-2-full']
        assert derive.told()['skipped'] == 0


def test_what_is_withdrawn_while_it_waits_is_not_made(store: Path, gated: Gate) -> None:
    one, other = source(50), source(52)
    fill(store, [one, other])
    with deriving(store, gated.program) as derive:
        eventually(lambda: derive.told()['queued'] == 1)
        (store / tombstone_of(one).path).touch()
        gated.let_go(9)
        eventually(lambda: derive.told()['segments'] == 1 and not derive.told()['queued'])
        assert derive.made() == ['00:52-2-full']


def test_a_new_segment_is_noticed_at_once(store: Path, gated: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, 'LOOK_SECONDS', 3600)
    fill(store, [source(50)])
    gated.let_go(9)
    with deriving(store, gated.program) as derive:
        eventually(lambda: derive.told()['segments'] == 1)
        fill(store, [source(52)])
        eventually(lambda: derive.told()['segments'] == 2)


def test_failures_are_counted_by_their_cause_and_cost_the_others_nothing(store: Path, gated: Gate) -> None:
    fill(store, [source(50), source(52, good=False), source(54)])
    gated.let_go(9)
    with deriving(store, gated.program) as derive:
        eventually(lambda: derive.told()['segments'] == 2)
        assert derive.told()['failed'] == {'refused': 1}
        assert derive.counted('derive_failed_total', cause='refused') == 1
        assert 'no MPEG transport stream' in derive.told()['last_error']['message']


def test_an_ffmpeg_that_is_not_there_is_said_and_tried_no_more_than_a_few_times(store: Path) -> None:
    fill(store, [source(50)])
    with deriving(store, '/no/ffmpeg') as derive:
        eventually(lambda: derive.told()['failed'] == {'encoder': TRIES})
        assert derive.counted('derive_failed_total', cause='encoder') == TRIES
        assert 'install ffmpeg' in derive.told()['last_error']['message']
        assert derive.told()['queued'] == 0


def test_a_store_that_takes_nothing_is_tried_again(store: Path, gated: Gate) -> None:
    fill(store, [source(50)])
    (store / 'bus/360p').write_bytes(b'')
    gated.let_go(99)
    with deriving(store, gated.program) as derive:
        eventually(lambda: derive.told()['failed'].get('unwritable'))
        (store / 'bus/360p').unlink()
        eventually(lambda: derive.told()['segments'] == 1)


def test_no_ffmpeg_is_left_when_it_ends_and_no_metric(store: Path, tmp_path: Path) -> None:
    fill(store, [source(50)])
    program = script(
        tmp_path, f'sleep 60 & echo $! > {tmp_path}/pid.new; mv {tmp_path}/pid.new {tmp_path}/pid; wait'
    )
    with deriving(store, program) as derive:
        eventually((tmp_path / 'pid').exists)
        assert derive.counted('derive_queued') == 0
    pid = int((tmp_path / 'pid').read_text())
    eventually(lambda: not is_running(pid))
    assert derive.counted('derive_queued') is None


def is_running(pid: int) -> bool:
    """Zombies are not: somebody else has to bury them."""
    try:
        return Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[0] != 'Z'
    except FileNotFoundError:
        return False
