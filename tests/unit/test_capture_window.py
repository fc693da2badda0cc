"""What is new, what was skipped and why, whatever an origin offers."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backfiller.capture.clock import Clock
from backfiller.capture.pauses import SHORTEST_SECONDS, pause_seconds
from backfiller.capture.piece import EACH, Piece
from backfiller.capture.window import Load, Window
from common.hls.playlist_reader import MediaPlaylist, parse_media
from common.skips import Skip
from tests.kit.offers import START, entry, moved, numbers, playlist


class Watching:
    """A window, loaded every two seconds."""

    def __init__(self) -> None:
        self.window = Window(Clock())
        self.now = 0.0
        self.skips: list[Skip] = []

    def load(self, offered: MediaPlaylist, after: float = 2) -> Load:
        self.now += after
        wall = START + timedelta(seconds=self.now)
        load = self.window.load(offered, self.now, wall)
        self.skips += [*load.skips, *self.window.expire(self.now)]
        return load

    def take_all(self) -> list[int]:
        """Takes what is due; the numbers."""
        due = self.window.due()
        for piece in due:
            self.window.begin(piece)
            self.window.take(piece)
        return [piece.entry.sequence for piece in due]

    def fail(self, piece: Piece, cause: str) -> None:
        self.window.begin(piece)
        self.skips += self.window.fail(piece, cause, self.now)

    @property
    def told(self) -> list[tuple[int, str]]:
        return [(skip.sequence, skip.cause) for skip in self.skips]


@pytest.fixture
def watching() -> Watching:
    return Watching()


def new(load: Load) -> list[int]:
    return [piece.entry.sequence for piece in load.new]


def test_each_segment_is_new_once(watching: Watching) -> None:
    assert new(watching.load(numbers(0, 3))) == [0, 1, 2, 3]
    assert watching.take_all() == [0, 1, 2, 3]
    again = watching.load(numbers(0, 3))
    assert (again.new, again.changed) == ((), False)
    assert new(watching.load(numbers(2, 5))) == [4, 5]
    assert watching.take_all() == [4, 5]
    assert watching.told == []


def test_what_was_never_offered_to_us_is_gone_with_its_time(watching: Watching) -> None:
    watching.load(numbers(0, 3))
    watching.take_all()
    watching.load(numbers(7, 9))
    assert watching.told == [(4, 'gone'), (5, 'gone'), (6, 'gone')]
    assert watching.skips[0].start == START + timedelta(seconds=8)
    assert {skip.duration for skip in watching.skips} == {timedelta(seconds=2)}


def test_a_long_run_is_told_of_in_one(watching: Watching) -> None:
    watching.load(numbers(0, 3))
    watching.take_all()
    watching.load(numbers(4 + 10 * EACH, 4 + 10 * EACH))
    (skip,) = watching.skips
    assert (skip.sequence, skip.count, skip.duration) == (4, 10 * EACH, timedelta(seconds=20 * EACH))


def test_numbers_that_were_left_out_with_no_time_are_no_hole_in_time(watching: Watching) -> None:
    watching.load(numbers(0, 3))
    watching.take_all()
    assert new(watching.load(moved(numbers(6, 8), -4))) == [6, 7, 8]
    assert [(skip.sequence, skip.cause, skip.start) for skip in watching.skips] == [
        (4, 'jumped', None),
        (5, 'jumped', None),
    ]


def test_what_leaves_is_tried_for_as_long_as_servers_keep_it(watching: Watching) -> None:
    watching.load(numbers(0, 3))
    stuck, *_ = watching.window.due()
    watching.fail(stuck, 'unreachable')
    watching.take_all()
    again = Watching()
    again.load(numbers(0, 3))
    lost, *_ = again.window.due()
    again.fail(lost, 'unreachable')
    for piece in again.window.due()[1:]:
        again.window.take(piece)
    again.load(numbers(1, 4))
    assert again.window.due()[0] is lost
    assert again.told == []
    again.fail(lost, 'unreachable')
    again.load(numbers(5, 8), after=8)
    assert again.told == [(0, 'unreachable')]


def test_what_left_and_is_not_found_is_given_up_at_once(watching: Watching) -> None:
    watching.load(numbers(0, 3))
    piece, *_ = watching.window.due()
    watching.fail(piece, '404')
    assert watching.told == []
    watching.load(numbers(1, 4))
    watching.fail(piece, '404')
    assert watching.told == [(0, '404')]


def test_a_download_under_way_may_end_behind_the_window(watching: Watching) -> None:
    watching.load(numbers(0, 3))
    piece, *_ = watching.window.due()
    watching.window.begin(piece)
    watching.load(numbers(20, 22), after=100)
    assert (0, 'gone') not in watching.told
    watching.window.take(piece)
    watching.load(numbers(21, 23), after=100)
    assert 0 not in {skip.sequence for skip in watching.skips}


def test_tokens_do_not_make_segments_new_and_are_taken_over(watching: Watching) -> None:
    watching.load(numbers(0, 2, token='one'))
    assert watching.load(numbers(0, 2, token='two')).new == ()
    assert watching.window.due()[0].entry.uri.endswith('token=two')


@pytest.mark.parametrize('dated', [True, False])
def test_a_reused_name_is_a_new_segment(watching: Watching, dated: bool) -> None:
    how = {} if dated else {'start': None}
    watching.load(numbers(0, 2, name='same.ts', **how))
    watching.take_all()
    assert new(watching.load(numbers(1, 3, name='same.ts', **how))) == [3]


def test_an_origin_that_begins_anew_with_later_times_is_recorded_on(watching: Watching) -> None:
    watching.load(numbers(100, 103))
    watching.take_all()
    load = watching.load(moved(numbers(0, 2), 300))
    assert load.restarted
    assert new(load) == [0, 1, 2]
    assert watching.told == []


def test_an_origin_that_uses_the_same_numbers_and_names_again_is_known_by_its_times(
    watching: Watching,
) -> None:
    watching.load(numbers(0, 3))
    watching.take_all()
    load = watching.load(moved(numbers(0, 1), 30))
    assert load.restarted
    assert new(load) == [0, 1]


def test_an_old_playlist_from_a_cache_is_no_new_beginning() -> None:
    for start, expected in ((START, [3, 4]), (None, [])):
        watching = Watching()
        watching.load(numbers(5, 8, start=start))
        watching.take_all()
        stale = watching.load(numbers(3, 6, start=start))
        assert not stale.restarted
        assert new(stale) == expected
        assert new(watching.load(numbers(6, 9, start=start))) == [9]
        assert watching.told == []


def test_undated_numbers_that_lie_behind_for_long_are_meant(watching: Watching) -> None:
    watching.load(numbers(0, 5, start=None))
    watching.take_all()
    assert not watching.load(numbers(0, 1, start=None)).restarted
    assert not watching.load(numbers(0, 2, start=None)).restarted
    load = watching.load(numbers(0, 3, start=None), after=6)
    assert load.restarted
    assert new(load) == [0, 1, 2, 3]


def test_an_origin_whose_clock_was_set_back_as_it_began_anew_is_recorded_on(watching: Watching) -> None:
    for number in range(4 * EACH):
        watching.load(numbers(number, number + 5))
        watching.take_all()
    stale = moved(numbers(0, 5), -7200)
    assert not any(watching.load(stale).restarted for _ in range(10))
    load = watching.load(moved(numbers(1, 6), -7200))
    assert load.restarted
    assert new(load) == [1, 2, 3, 4, 5, 6]


def test_the_same_segments_from_another_server_are_not_taken_twice(watching: Watching) -> None:
    watching.load(numbers(5, 8))
    watching.take_all()
    watching.window.switch()
    other = playlist(
        *(entry(number + 1000, start=START - timedelta(seconds=2000)) for number in range(6, 11))
    )
    load = watching.load(other)
    assert load.restarted
    assert new(load) == [1009, 1010]


def test_what_went_by_on_the_way_to_another_server_is_gone(watching: Watching) -> None:
    watching.load(numbers(0, 3))
    watching.take_all()
    watching.window.switch()
    watching.load(moved(numbers(107, 109), -200))
    assert watching.told == [(104, 'gone'), (105, 'gone'), (106, 'gone')]
    assert watching.skips[0].start == START + timedelta(seconds=8)


def test_negative_numbers_are_numbers(watching: Watching) -> None:
    assert new(watching.load(numbers(-5, -2))) == [-5, -4, -3, -2]
    assert watching.take_all() == [-5, -4, -3, -2]
    assert new(watching.load(numbers(-1, 2))) == [-1, 0, 1, 2]
    assert watching.told == []


def test_a_gap_is_told_of_once(watching: Watching) -> None:
    offered = playlist(entry(0), entry(1, gap=True), entry(2))
    assert new(watching.load(offered)) == [0, 2]
    watching.load(offered)
    assert watching.told == [(1, 'gap')]
    assert watching.take_all() == [0, 2]


def test_what_cannot_be_read_is_told_of_when_it_leaves_and_taken_if_it_can(watching: Watching) -> None:
    watching.load(playlist(entry(0), entry(2), skipped=[1]))
    assert new(watching.load(playlist(entry(0), entry(1), entry(2), skipped=[3]))) == [1]
    watching.load(numbers(4, 6))
    assert watching.told == [(3, 'unreadable')]


def test_a_time_that_cannot_be_meant_is_not_told_of_what_cannot_be_read(watching: Watching) -> None:
    text = '#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXT-X-PROGRAM-DATE-TIME:9999-12-31T23:59:59Z\n#EXTINF:9,\nftp://x\n'
    watching.load(parse_media(text, 'http://a/live.m3u8'))
    assert [(skip.cause, skip.start) for skip in watching.window.give_up()] == [('unreadable', None)]


def test_an_unreadable_last_line_leaves_no_hole_behind_it(watching: Watching) -> None:
    watching.load(playlist(entry(0), skipped=[1]))
    assert new(watching.load(playlist(entry(0), entry(2), skipped=[1]))) == [2]
    assert watching.told == []


def test_a_stall_is_known_by_the_time_since_the_last_change(watching: Watching) -> None:
    watching.load(numbers(0, 3))
    assert not watching.window.is_stalled(watching.now + 5, 2)
    watching.load(numbers(0, 3), after=5)
    assert watching.window.is_stalled(watching.now + 2, 2)
    watching.load(numbers(1, 4))
    assert not watching.window.is_stalled(watching.now + 2, 2)


def test_at_the_end_what_is_left_is_given_up(watching: Watching) -> None:
    watching.load(playlist(entry(0), entry(1), skipped=[2], ended=True))
    watching.window.take(watching.window.due()[0])
    assert {(skip.sequence, skip.cause) for skip in watching.window.give_up()} == {
        (1, 'gone'),
        (2, 'unreadable'),
    }


def known(numbers_of_segments: int) -> Watching:
    """So many were recorded by the process before."""
    watching = Watching()
    watching.window = Window(Clock(), START + timedelta(seconds=2 * numbers_of_segments))
    return watching


def test_what_went_by_before_is_gone() -> None:
    watching = known(4)
    assert new(watching.load(numbers(6, 8))) == [6, 7, 8]
    assert watching.told == [(4, 'gone'), (5, 'gone')]
    assert watching.skips[0].start == START + timedelta(seconds=8)
    watching.load(numbers(7, 9))
    assert len(watching.told) == 2


@pytest.mark.parametrize(
    'offered',
    [numbers(2, 5), numbers(4, 6), numbers(4, 6, start=None), moved(numbers(0, 2), 300)],
    ids=['still offered', 'goes on', 'undated', 'began anew'],
)
def test_nothing_went_by_that_is_known_of(offered: MediaPlaylist) -> None:
    watching = known(4)
    watching.load(offered)
    assert watching.told == []


LINES = st.sampled_from(
    [
        '#EXT-X-MEDIA-SEQUENCE:0',
        '#EXT-X-MEDIA-SEQUENCE:7',
        '#EXT-X-MEDIA-SEQUENCE:99999999999999',
        '#EXT-X-TARGETDURATION:0.0000001',
        '#EXT-X-TARGETDURATION:86399',
        '#EXTINF:0.00000001,',
        '#EXTINF:2,',
        '#EXTINF:86399,',
        '#EXTINF:odd,',
        '#EXT-X-PROGRAM-DATE-TIME:0001-01-01T00:00:00Z',
        '#EXT-X-PROGRAM-DATE-TIME:9999-12-31T23:59:59Z',
        '#EXT-X-PROGRAM-DATE-TIME:2026-11-14T03:00:00Z',
        '#EXT-X-DISCONTINUITY',
        '#EXT-X-GAP',
        '#EXT-X-ENDLIST',
        '#EXT-X-KEY:METHOD=SAMPLE-AES,URI="k"',
        'one.ts',
        'two.ts?token=1',
        'http://[bad/x.ts',
    ]
)


@given(st.lists(st.lists(LINES, max_size=12), max_size=8), st.booleans())
def test_no_playlist_surprises_it(loads: list[list[str]], resumed: bool) -> None:
    watching = known(3) if resumed else Watching()
    for number, lines in enumerate(loads):
        text = '\n'.join(['#EXTM3U', '#EXT-X-TARGETDURATION:2', *lines])
        offered = parse_media(text, 'http://origin/live.m3u8')
        load = watching.load(offered)
        assert pause_seconds(offered, changed=load.changed) >= SHORTEST_SECONDS
        for piece in watching.window.due()[number % 2 :: 2]:
            watching.fail(piece, 'unreachable')
    watching.window.switch()
    watching.window.give_up()


STEPS = st.lists(
    st.tuples(
        st.integers(0, 6),  # new ones
        st.sampled_from(['take', 'take', 'take', 'fail', 'nothing']),
        st.booleans(),  # whether the playlist is seen
    ),
    min_size=1,
    max_size=40,
)


@given(STEPS, st.booleans())
def test_each_number_is_taken_or_skipped_once(steps: list[tuple[int, str, bool]], dated: bool) -> None:
    watching, last, taken = Watching(), 3, set[int]()
    start = START if dated else None
    for count, act, seen in steps:
        last += count
        if not seen:
            continue
        watching.load(numbers(max(0, last - 4), last, start=start))
        for piece in watching.window.due():
            if act == 'take':
                watching.window.begin(piece)
                watching.window.take(piece)
                assert piece.entry.sequence not in taken
                taken.add(piece.entry.sequence)
            elif act == 'fail':
                watching.fail(piece, 'unreachable')
    watching.skips += watching.window.give_up()
    skipped = [
        number for skip in watching.skips for number in range(skip.sequence, skip.sequence + skip.count)
    ]
    assert len(skipped) == len(set(skipped))
    assert not taken & set(skipped)
    every = taken | set(skipped)
    if every:
        assert every == set(range(min(every), max(every) + 1))
