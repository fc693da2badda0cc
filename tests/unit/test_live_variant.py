"""A live variant between a store and a bucket in memory: what goes up when, and what may go wrong."""

from datetime import timedelta
from pathlib import Path

import pytest
from gevent.lock import BoundedSemaphore
from prometheus_client import CollectorRegistry

from backfiller.live.layout import Variant
from backfiller.live.master import LiveMaster
from backfiller.live.newest import variants_of_late
from backfiller.live.variant import Live, LiveVariant
from backfiller.metrics import Metrics
from common.disk import Disk
from common.errors import SegmentError, StoreError
from common.hls.master_reader import parse_master
from common.hls.playlist_reader import parse_media
from common.offload import OffloadedDisk
from common.place import EVERYTHING, Scope
from tests.kit.build import Piece, at, fill, piece, run_of, tombstone_of
from tests.kit.objects import Objects

PLAYLIST, MASTER = 'bus/source/live.m3u8', 'bus/live.m3u8'
NOW = at('2026-11-14T03:01:00')


class Kept:
    """A live variant `bus/source` and where its objects go; `restart` forgets all but these."""

    def __init__(self, store: Path) -> None:
        self.objects = Objects()
        self.now = NOW
        self.registry = CollectorRegistry()
        self.metrics = Metrics(self.registry)
        self._disk = OffloadedDisk(Disk(store))
        self.restart()

    def restart(self) -> None:
        live = Live(
            self._disk,
            self.objects.bucket,
            self.metrics,
            lambda: self.now,
            timedelta(minutes=1),
            BoundedSemaphore(4),
        )
        master = LiveMaster(self.objects.bucket, 'bus', lambda: self.now)
        self.variant = LiveVariant(live, Variant('bus', 'source'), master)

    def listed(self) -> list[str]:
        text = self.objects.there[PLAYLIST].text
        return [f'bus/source/{each.uri}'.replace('%3A', ':') for each in parse_media(text, '').entries]


@pytest.fixture
def kept(store: Path) -> Kept:
    return Kept(store)


def paths(pieces: list[Piece]) -> list[str]:
    return [each.path for each in pieces]


def test_segments_go_first_then_their_playlist_then_the_master(kept: Kept, store: Path) -> None:
    pieces = run_of(5)
    fill(store, pieces)
    kept.variant.bring_up_to_date()
    assert sorted(kept.objects.order[:5]) == paths(pieces)
    assert kept.objects.order[5:] == [PLAYLIST, MASTER]
    assert kept.listed() == paths(pieces)
    (variant,) = parse_master(kept.objects.there[MASTER].text, '').variants
    assert (variant.uri, variant.bandwidth) == ('source/live.m3u8', 7400)
    labels = {'stream': 'bus', 'variant': 'source'}
    assert kept.registry.get_sample_value('live_segments_total', labels) == 5
    assert kept.variant.last is not None
    assert kept.variant.last.segment == pieces[-1].segment


def test_nothing_is_asked_while_nothing_is_new(kept: Kept, store: Path) -> None:
    fill(store, run_of(5))
    kept.variant.bring_up_to_date()
    asked = kept.objects.asked
    kept.variant.bring_up_to_date()
    assert kept.objects.asked == asked


def test_what_is_minutes_old_is_not_live(kept: Kept, store: Path) -> None:
    fill(store, run_of(5))
    kept.now += timedelta(minutes=6)
    kept.variant.bring_up_to_date()
    assert kept.objects.asked == 0


def test_a_restart_sends_nothing_again(kept: Kept, store: Path) -> None:
    pieces = run_of(7)
    fill(store, pieces[:5])
    kept.variant.bring_up_to_date()
    kept.restart()
    kept.objects.order.clear()
    fill(store, pieces)
    kept.variant.bring_up_to_date()
    assert sorted(kept.objects.order[:2]) == paths(pieces[5:])
    assert kept.objects.order[2] == PLAYLIST
    assert kept.listed() == paths(pieces)


def test_a_failed_upload_holds_its_place_and_only_what_comes_after_it(kept: Kept, store: Path) -> None:
    pieces = run_of(5)
    fill(store, pieces)
    kept.objects.fails = lambda path: path == pieces[2].path
    with pytest.raises(SegmentError):
        kept.variant.bring_up_to_date()
    assert kept.listed() == paths(pieces[:2])
    kept.objects.fails = lambda _: False
    kept.objects.order.clear()
    kept.variant.bring_up_to_date()
    assert kept.objects.order[:2] == [pieces[2].path, PLAYLIST]
    assert kept.listed() == paths(pieces)


def test_a_playlist_that_could_not_be_put_is_put_later(kept: Kept, store: Path) -> None:
    pieces = run_of(5)
    fill(store, pieces)
    kept.objects.fails = lambda path: path == PLAYLIST
    with pytest.raises(StoreError):
        kept.variant.bring_up_to_date()
    assert MASTER not in kept.objects.there
    kept.objects.fails = lambda _: False
    kept.objects.order.clear()
    kept.variant.bring_up_to_date()
    assert kept.objects.order == [PLAYLIST, MASTER]


def test_a_damaged_segment_is_a_hole(kept: Kept, store: Path) -> None:
    pieces = run_of(5)
    fill(store, pieces)
    (store / pieces[2].path).write_bytes(b'rotten')
    kept.variant.bring_up_to_date()
    assert kept.listed() == paths(pieces[:2] + pieces[3:])
    assert kept.objects.there[PLAYLIST].text.count('#EXT-X-DISCONTINUITY\n') == 1
    assert pieces[2].path not in kept.objects.there


def test_neither_the_withdrawn_nor_the_future_is_listed(kept: Kept, store: Path) -> None:
    pieces = [*run_of(5), piece('2026-11-14T03:05:00')]
    fill(store, pieces)
    (store / tombstone_of(pieces[1]).path).touch()
    kept.variant.bring_up_to_date()
    assert kept.listed() == [pieces[0].path, *paths(pieces[2:5])]


def test_after_an_outage_of_the_bucket_the_newest_minute_is_listed(kept: Kept, store: Path) -> None:
    pieces = run_of(120)
    fill(store, pieces[:5])
    kept.variant.bring_up_to_date()
    fill(store, pieces)
    kept.now += timedelta(minutes=3)
    kept.variant.bring_up_to_date()
    assert kept.listed() == paths(pieces[90:])
    assert set(paths(pieces[5:90])).isdisjoint(kept.objects.there)
    assert '#EXT-X-DISCONTINUITY-SEQUENCE:1\n' in kept.objects.there[PLAYLIST].text


def test_the_turn_of_the_hour_is_no_hole(kept: Kept, store: Path) -> None:
    pieces = run_of(20, '2026-11-14T02:59:40')
    fill(store, pieces)
    kept.variant.bring_up_to_date()
    assert kept.listed() == paths(pieces)
    assert '#EXT-X-DISCONTINUITY' not in kept.objects.there[PLAYLIST].text


def test_only_variants_of_the_last_hours_are_followed(store: Path) -> None:
    old = piece('2026-11-14T01:30:00', variant='480p')
    fill(store, [piece('2026-11-14T02:30:00'), old, piece('2026-11-14T03:00:00', stream='yard')])
    both = {Variant('bus', 'source'), Variant('yard', 'source')}
    assert variants_of_late(Disk(store), EVERYTHING, NOW) == both
    assert variants_of_late(Disk(store), Scope(streams=frozenset({'yard'})), NOW) == {
        Variant('yard', 'source')
    }
