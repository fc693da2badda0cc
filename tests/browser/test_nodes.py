"""Chromium plays what nodes serve, with hls.js and by itself."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.viewer import View, need_browser, watching_node
from tests.kit.build import HOUR, Piece, fill
from tests.kit.footage import FRAMES_A_PIECE, broken_footage
from tests.kit.process import restreamer

RANGE = '?start=2026-11-14T03:00:00Z&end=2026-11-14T03:02:00Z'
PATHS = '/playlist/bus/source.m3u8', '/playlist/bus.m3u8'
A_MOMENT_SECONDS = 0.2


@pytest.fixture(scope='module')
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where Chromium leaves its files; the name is short, for that of a socket has to be."""
    need_browser()
    return tmp_path_factory.mktemp('home')


@pytest.fixture(scope='module')
def recorded(home: Path, tmp_path_factory: pytest.TempPathFactory) -> list[list[Piece]]:
    return broken_footage(tmp_path_factory.mktemp('video'), HOUR.start)


@pytest.fixture(scope='module')
def url(tmp_path_factory: pytest.TempPathFactory, recorded: list[list[Piece]]) -> Iterator[str]:
    store = fill(tmp_path_factory.mktemp('nodes') / 'store', (each for both in recorded for each in both))
    with restreamer(store) as url:
        yield url


def assert_played_whole(view: View, recorded: list[list[Piece]]) -> None:
    """From the beginning to the end, without a leap, and every frame was decoded."""
    ((first, last),) = view.played
    seconds = sum(best.segment.duration.total_seconds() for best, *_ in recorded)
    assert (first, last) == pytest.approx((0, seconds), abs=A_MOMENT_SECONDS)
    assert view.frames >= FRAMES_A_PIECE * len(recorded)


@pytest.mark.parametrize('path', PATHS)
def test_hls_js_plays_a_range_over_a_hole_and_a_new_beginning_to_its_end(
    home: Path, url: str, path: str, recorded: list[list[Piece]]
) -> None:
    with watching_node(f'{url}{path}{RANGE}', home) as viewer:
        view = viewer.until(lambda view: view.ended)
    assert view.complaints == []
    assert [start for start, _ in view.appended] == [best.segment.start for best, _ in recorded]
    for (_, size), variants in zip(view.appended, recorded, strict=True):
        assert size in {len(each.body) for each in variants}
    assert_played_whole(view, recorded)


@pytest.mark.parametrize('path', PATHS)
def test_chromium_plays_a_range_over_a_hole_and_a_new_beginning_by_itself(
    home: Path, url: str, path: str, recorded: list[list[Piece]]
) -> None:
    """Its timestamps go back by fourteen seconds where the encoder begins again."""
    with watching_node(f'{url}{path}{RANGE}', home, native=True) as viewer:
        assert_played_whole(viewer.until(lambda view: view.ended), recorded)
