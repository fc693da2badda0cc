"""Chromium plays what nodes serve, with hls.js and by itself."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from common.disk import Disk
from tests.browser.viewer import View, need_browser, watching_node
from tests.kit.build import HOUR, Piece, fill
from tests.kit.footage import FRAMES_A_PIECE, broken_footage, footage
from tests.kit.fragmented import FRAMES_A_FRAGMENT, encoded
from tests.kit.fragmented import recorded as recorded_as
from tests.kit.needs import need_time
from tests.kit.process import eventually, metrics, restreamer
from tests.kit.proxy import switching

LIVE = '/playlist/bus/source.m3u8'
RANGE = '?start=2026-11-14T03:00:00Z&end=2026-11-14T03:02:00Z'
PATHS = '/playlist/bus/source.m3u8', '/playlist/bus.m3u8'
A_MOMENT_SECONDS = 0.2
SIX_SECONDS = timedelta(seconds=6)
WAITED_LONG = 'bufferNudgeOnStall'
"""What hls.js says when it has waited for a while at the end of what there is."""


@pytest.fixture(scope='module')
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where Chromium leaves its files; the name is short, for that of a socket has to be."""
    need_time()
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


def played_to_the_end(url: str, home: Path, *, native: bool = False) -> list[View]:
    """The media playlist and the master, side by side."""
    with ExitStack() as stack:
        viewers = [
            stack.enter_context(watching_node(f'{url}{path}{RANGE}', home, native=native)) for path in PATHS
        ]
        return [viewer.until(lambda view: view.ended) for viewer in viewers]


def test_hls_js_plays_a_range_over_a_hole_and_a_new_beginning_to_its_end(
    home: Path, url: str, recorded: list[list[Piece]]
) -> None:
    """Through the master it may take some segments of the one variant, some of the other, and one of both."""
    by_itself, through_master = played_to_the_end(url, home)
    assert by_itself.appended == [(best.segment.start, len(best.body)) for best, _ in recorded]
    there = {(each.segment.start, len(each.body)) for both in recorded for each in both}
    assert there.issuperset(through_master.appended)
    assert {start for start, _ in through_master.appended} == {start for start, _ in there}
    for view in (by_itself, through_master):
        assert view.complaints == []
        assert_played_whole(view, recorded)


def test_chromium_plays_a_range_over_a_hole_and_a_new_beginning_by_itself(
    home: Path, url: str, recorded: list[list[Piece]]
) -> None:
    """Its timestamps go back by fourteen seconds where the encoder begins again."""
    for view in played_to_the_end(url, home, native=True):
        assert_played_whole(view, recorded)


@pytest.fixture(scope='module')
def fragmented() -> list[Piece]:
    """Fragments of two init sections, the second of another size of picture, over the end of an hour."""
    one, other = encoded(seconds=6), encoded(seconds=4, size='160x90')
    return [*recorded_as(one, HOUR.end - SIX_SECONDS), *recorded_as(other, HOUR.end)]


@pytest.mark.parametrize('native', [False, True], ids=['hls.js', 'chromium'])
def test_fragments_play_to_their_end_over_a_change_of_the_init_section(
    home: Path, tmp_path: Path, fragmented: list[Piece], native: bool
) -> None:
    span = '?start=2026-11-14T03:59:00Z&end=2026-11-14T04:01:00Z'
    with restreamer(fill(tmp_path / 'store', fragmented)) as url, ExitStack() as stack:
        urls = [f'{url}{path}{span}' for path in PATHS]
        viewers = [stack.enter_context(watching_node(each, home, native=native)) for each in urls]
        views = [viewer.until(lambda view: view.ended) for viewer in viewers]
    for view in views:
        assert native or view.complaints == []
        ((first, last),) = view.played
        assert (first, last) == pytest.approx((0, 10), abs=A_MOMENT_SECONDS)
        assert view.frames >= FRAMES_A_FRAGMENT * 5


@pytest.fixture(scope='module')
def live(home: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Piece]:
    """What was recorded until now: the newest is ten seconds old."""
    start = datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=40)
    return [best for best, _ in footage(tmp_path_factory.mktemp('live'), start, seconds=30)]


def land(store: Path, pieces: Iterable[Piece]) -> Path:
    store.mkdir(exist_ok=True)
    for each in pieces:
        Disk(store).add(each.segment, [each.body])
    return store


def polls(node: str) -> float:
    return sum(count for name, count in metrics(node).items() if 'playlists.media' in name and '200' in name)


def test_a_player_that_is_moved_to_another_node_goes_on(
    home: Path, tmp_path: Path, live: list[Piece]
) -> None:
    """The other one starts then, and lacks two segments that were played until it has been asked for them."""
    before, lacking, after = live[:-4], live[-4:-2], live[-2:]
    first_store = land(tmp_path / 'first', [*before, *lacking])
    second_store = land(tmp_path / 'second', [*before, *after])
    with ExitStack() as stack:
        first = stack.enter_context(restreamer(first_store))
        url, switch = stack.enter_context(switching(first))
        viewer = stack.enter_context(watching_node(f'{url}{LIVE}', home))
        viewer.until(lambda view: view.has_reached(lacking[-1]))
        second = stack.enter_context(restreamer(second_store, '--live-hold', '60'))
        switch.turn_to(second)
        eventually(lambda: polls(second) > 1)
        land(second_store, lacking)
        view = viewer.until(lambda view: view.has_reached(after[-1]))
    assert set(view.complaints) <= {WAITED_LONG}
    starts = {start for start, _ in view.appended}
    assert starts == {each.segment.start for each in live[-len(starts) :]}


def test_a_player_follows_fragments_that_land(home: Path, tmp_path: Path) -> None:
    """Over a change of the init section."""
    start = datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=30)
    one, other = encoded(seconds=20), encoded(seconds=8, size='160x90')
    held = recorded_as(one, start)
    new = recorded_as(other, held[-1].segment.end)
    store = land(tmp_path / 'store', held)
    with restreamer(store) as url, watching_node(f'{url}{LIVE}', home) as viewer:
        viewer.until(lambda view: view.has_reached(held[-1]))
        land(store, new)
        view = viewer.until(lambda view: view.has_reached(new[-1]))
    assert set(view.complaints) <= {WAITED_LONG}


def test_a_player_that_is_moved_to_a_node_that_holds_less_has_to_load_its_playlist_again(
    home: Path, tmp_path: Path, live: list[Piece]
) -> None:
    """Its numbers differ for ever: two segments fewer were counted."""
    before, after = live[:-2], live[-2:]
    first_store = land(tmp_path / 'first', before)
    second_store = land(tmp_path / 'second', [*before[:6], *before[8:]])
    with ExitStack() as stack:
        first, second = (stack.enter_context(restreamer(each)) for each in (first_store, second_store))
        url, switch = stack.enter_context(switching(first))
        viewer = stack.enter_context(watching_node(f'{url}{LIVE}', home, again=True))
        viewer.until(lambda view: view.has_reached(before[-1]))
        switch.turn_to(second)
        land(second_store, after)
        view = viewer.until(lambda view: view.has_reached(after[-1]))
    assert set(view.complaints) - {WAITED_LONG} == {'levelParsingError'}
