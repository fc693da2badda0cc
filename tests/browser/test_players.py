"""Chromium plays what is mirrored, with hls.js and by itself, from a real S3 server."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import pytest

from common.disk import Disk
from tests.browser.viewer import View, need_browser, watching
from tests.kit.archive import Archive
from tests.kit.build import HOUR, Piece, fill
from tests.kit.footage import FRAMES_A_PIECE, footage
from tests.kit.needs import need_time
from tests.kit.process import backfiller, eventually

PLAYLIST, LIVE_MASTER = f'{HOUR.path}/playlist.m3u8', 'bus/live.m3u8'
LAYOUTS = 'segments', 'hour'
A_MOMENT_SECONDS = 0.2


@pytest.fixture(scope='module')
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where Chromium leaves its files; the name is short, for that of a socket has to be."""
    need_time()
    need_browser()
    return tmp_path_factory.mktemp('home')


@pytest.fixture
def archive(s3_url: str, bucket_url: str) -> Archive:
    return Archive(s3_url, bucket_url)


@pytest.fixture(scope='module')
def pieces(tmp_path_factory: pytest.TempPathFactory) -> list[Piece]:
    """Six seconds of a stream that was on already, and four more after a hole of as many."""
    _, *made = [source for source, _ in footage(tmp_path_factory.mktemp('video'), HOUR.start)]
    return [*made[:3], *made[5:]]


def mirrored(archive: Archive, store: Path, pieces: list[Piece], layout: str) -> None:
    outcome = archive.mirror(fill(store, pieces), '--layout', layout)
    assert outcome.wait() == 0, outcome.output
    playlist = archive.read(PLAYLIST).decode().splitlines()
    assert playlist.count('#EXT-X-DISCONTINUITY') == 1
    assert playlist.count('hour.ts') == (len(pieces) if layout == 'hour' else 0)


def assert_played_whole(view: View, pieces: list[Piece]) -> None:
    """From the beginning to the end, without a leap, and every frame was decoded."""
    ((first, last),) = view.played
    seconds = sum(each.segment.duration.total_seconds() for each in pieces)
    assert (first, last) == pytest.approx((0, seconds), abs=A_MOMENT_SECONDS)
    assert view.frames >= FRAMES_A_PIECE * len(pieces)


@pytest.mark.parametrize('layout', LAYOUTS)
def test_hls_js_plays_an_hour_over_a_hole_to_its_end(
    home: Path, archive: Archive, store: Path, pieces: list[Piece], layout: str
) -> None:
    mirrored(archive, store, pieces, layout)
    with watching(archive, PLAYLIST, home) as viewer:
        view = viewer.until(lambda view: view.ended)
    assert view.complaints == []
    assert view.appended == [(each.segment.start, len(each.body)) for each in pieces]
    assert view.has_reached(pieces[-1])
    assert_played_whole(view, pieces)


@pytest.mark.parametrize('layout', LAYOUTS)
def test_chromium_plays_an_hour_over_a_hole_by_itself(
    home: Path, archive: Archive, store: Path, pieces: list[Piece], layout: str
) -> None:
    mirrored(archive, store, pieces, layout)
    with watching(archive, PLAYLIST, home, native=True) as viewer:
        assert_played_whole(viewer.until(lambda view: view.ended), pieces)


def test_a_segment_that_is_not_there_is_heard_of(
    home: Path, archive: Archive, store: Path, pieces: list[Piece]
) -> None:
    """What the tests above rest on: the player does complain where there is something to complain of."""
    mirrored(archive, store, pieces, 'segments')
    archive.delete(pieces[4].path)
    with watching(archive, PLAYLIST, home) as viewer:
        viewer.until(lambda view: 'fragLoadError' in view.complaints)


def test_hls_js_follows_what_lands_over_a_hole_while_the_window_moves_on(
    home: Path, archive: Archive, store: Path, tmp_path: Path
) -> None:
    start = datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=40)
    made = footage(tmp_path, start, seconds=20)
    there, next_two, after_a_hole = made[:5], made[5:7], made[8:]
    live = ['--live', '--mirror-live-window', '12']
    with backfiller(land(store, there), *archive.flags, *live):
        eventually(lambda: all(lists(archive, each) for each in there[-1]))
        with watching(archive, LIVE_MASTER, home) as viewer:
            for part in (there, next_two, after_a_hole):
                land(store, part)
                newest, _ = part[-1]
                view = viewer.until(lambda view, newest=newest: view.has_reached(newest))  # type: ignore[misc]
    assert view.complaints == []
    assert lists(archive, newest)
    assert not lists(archive, made[0][0])


def land(store: Path, made: Iterable[list[Piece]]) -> Path:
    store.mkdir(exist_ok=True)
    for each in (piece for together in made for piece in together):
        Disk(store).add(each.segment, [each.body])
    return store


def lists(archive: Archive, piece: Piece) -> bool:
    """Whether the live playlist of the piece's variant names it, and the master names that."""
    uri = f'{piece.hour.variant}/live.m3u8'
    path = f'{piece.hour.stream}/{uri}'
    if not {path, LIVE_MASTER} <= archive.paths():
        return False
    return uri in archive.read(LIVE_MASTER).decode() and quote(piece.name) in archive.read(path).decode()
