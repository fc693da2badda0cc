"""The live layout in a real bucket, as a player sees it that polls while segments land."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from gevent.lock import BoundedSemaphore
from prometheus_client import CollectorRegistry

from backfiller.live.layout import Variant
from backfiller.live.master import LiveMaster
from backfiller.live.variant import Live, LiveVariant
from backfiller.metrics import Metrics
from backfiller.mirror.bucket import Bucket, Text
from common.disk import Disk
from common.hls import master_reader, playlist_reader
from common.offload import OffloadedDisk
from deploy.demo import video
from deploy.demo.cluster import free_port
from tests.kit import s3
from tests.kit.archive import Archive
from tests.kit.build import at, fill, run_of
from tests.kit.footage import footage
from tests.kit.process import backfiller, eventually, get, metrics
from tests.kit.s3_servers import ministack
from tests.unit.test_live_window import Player

PLAYLIST, MASTER = 'bus/source/live.m3u8', 'bus/live.m3u8'
LANDING_SECONDS = 10.0
"""Promised are 2; a busy machine is no failure."""


class Recording:
    """Segments of the last minute, which land in the stores of one or more nodes."""

    def __init__(self, count: int = 20) -> None:
        start = datetime.now(UTC) - timedelta(seconds=2 * count)
        self.pieces = run_of(count, f'{start:%Y-%m-%dT%H:%M:%S}')

    def land(self, number: int, *stores: Path) -> str:
        """The URI of the piece in the live playlist."""
        only = self.pieces[number]
        for store in stores:
            Disk(store).add(only.segment, [only.body])
        return only.path.removeprefix('bus/source/').replace(':', '%3A')


class Watcher:
    """A player that polls: each time all that is named is there, and the list only grows at its end."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._player = Player()
        self._there: set[str] = set()

    def sees(self, uri: str) -> bool:
        """Whether the newest poll names the segment last."""
        if PLAYLIST not in self._archive.paths():
            return False
        text = self._archive.read(PLAYLIST).decode()
        self._player.poll(text)
        uris = [entry.uri for entry in playlist_reader.parse_media(text, '').entries]
        for each in uris:
            if each not in self._there:
                self._archive.head(f'bus/source/{each.replace("%3A", ":")}')
                self._there.add(each)
        return uris[-1] == uri


@pytest.fixture
def archive(s3_url: str, bucket_url: str) -> Archive:
    return Archive(s3_url, bucket_url)


@contextmanager
def live(store: Path, archive: Archive) -> Iterator[str]:
    """A backfiller that keeps the live layout; where it tells of itself."""
    with backfiller(store, *archive.flags, '--live') as (_, control):
        yield control


def of_variant(control: str) -> Any:
    return get(f'{control}/status').json()['live']['variants'].get('bus/source', {})


def test_a_player_follows_what_lands_also_while_the_backfiller_starts_again(
    archive: Archive, tmp_path: Path
) -> None:
    recording, watcher = Recording(), Watcher(archive)
    for part in (range(5), range(5, 9)):
        with live(tmp_path, archive) as control:
            for number in part:
                uri = recording.land(number, tmp_path)
                eventually(lambda uri=uri: watcher.sees(uri), LANDING_SECONDS)  # type: ignore[misc]
            newest = recording.pieces[part[-1]].path
            eventually(lambda newest=newest: of_variant(control).get('newest') == newest)  # type: ignore[misc]
            assert of_variant(control)['lag_seconds'] >= 0
            assert of_variant(control)['last_error'] is None
            counted = metrics(control)['live_segments_total{stream="bus",variant="source"}']
            assert counted == len(part)
            assert 'live_lag_seconds{stream="bus",variant="source"}' in metrics(control)
    assert archive.head(PLAYLIST)['CacheControl'] == 'public, max-age=1'
    assert archive.head(PLAYLIST)['ContentType'] == 'application/vnd.apple.mpegurl'
    assert 'immutable' in archive.head(recording.pieces[0].path)['CacheControl']
    (only,) = master_reader.parse_master(archive.read(MASTER).decode(), '').variants
    assert only.uri == 'source/live.m3u8'


def test_two_nodes_make_one_playlist(archive: Archive, tmp_path: Path) -> None:
    recording, watcher = Recording(), Watcher(archive)
    stores = [tmp_path / name for name in 'AB']
    with live(stores[0], archive), live(stores[1], archive):
        for number in range(8):
            both = stores if number % 3 else stores[number % 2 :][:1]
            uri = recording.land(number, *both)
            eventually(lambda uri=uri: watcher.sees(uri), LANDING_SECONDS)  # type: ignore[misc]


def test_what_lands_while_the_bucket_is_away_is_listed_when_it_is_back(tmp_path: Path) -> None:
    port, store, recording = free_port(), tmp_path / 'A', Recording()
    with ExitStack() as stack:
        with ministack(tmp_path / 's3', port) as url:
            archive = Archive(url, s3.new_bucket(url))
            watcher, control = Watcher(archive), stack.enter_context(live(store, archive))
            uri = recording.land(0, store)
            eventually(lambda: watcher.sees(uri))
        landed = [recording.land(number, store) for number in range(1, 5)]
        eventually(lambda: of_variant(control).get('last_error'))
        stack.enter_context(ministack(tmp_path / 's3', port))
        eventually(lambda: watcher.sees(landed[-1]))
        assert archive.read(PLAYLIST).count(b'#EXTINF') == 5


def test_the_mirror_of_the_hour_finds_its_segments_there(
    archive: Archive, s3_url: str, tmp_path: Path
) -> None:
    pieces = run_of(5)
    disk = OffloadedDisk(Disk(fill(tmp_path, pieces)))
    bucket, now = Bucket(s3.client(s3_url), archive.url), at('2026-11-14T03:00:12')
    working = Live(
        disk, bucket, Metrics(CollectorRegistry()), lambda: now, timedelta(minutes=1), BoundedSemaphore(8)
    )
    master = LiveMaster(bucket, 'bus', lambda: now)
    LiveVariant(working, Variant('bus', 'source'), master).bring_up_to_date()
    assert {PLAYLIST, MASTER, *(each.path for each in pieces)} == archive.paths()
    mirrored = archive.mirror(tmp_path)
    assert mirrored.wait() == 0
    assert '0 segments put' in mirrored.output
    assert {PLAYLIST, MASTER} <= archive.paths()


def test_a_playlist_is_put_only_over_what_was_read(archive: Archive, s3_url: str) -> None:
    bucket = Bucket(s3.client(s3_url), archive.url)

    def put(text: str, over: Text | None) -> bool:
        return bucket.replace_text(PLAYLIST, text, over=over, content_type='text/plain', cache_control='')

    assert bucket.get_version(PLAYLIST) is None
    assert not put('none', Text('gone', '"0123456789abcdef0123456789abcdef"'))
    assert put('first', None)
    assert not put('also first', None)
    first = bucket.get_version(PLAYLIST)
    assert put('second', first)
    assert not put('also second', first)
    assert bucket.get_text(PLAYLIST) == 'second'


def test_real_video_plays_from_the_live_playlists(archive: Archive, tmp_path: Path) -> None:
    made = footage(tmp_path, datetime.now(UTC) - timedelta(seconds=30))
    with live(fill(tmp_path / 'store', chain.from_iterable(made)), archive):
        eventually(lambda: MASTER in archive.paths() and archive.read(MASTER).count(b'live.m3u8') == 2)
    assert video.plays_cleanly(archive.public_url(MASTER), seconds=4) == ''
