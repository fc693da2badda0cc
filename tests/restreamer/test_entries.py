"""The entries of a range are those of the plain writer, wherever the range cuts the hours."""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from functools import partial
from itertools import combinations
from pathlib import Path

import gevent
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common import digest
from common.disk import Disk
from common.hls import playlist
from common.reel import Reel
from common.segment import TYPES, Hour, Segment
from common.timeline import Interval, playable
from common.video.mpegts import Opening
from restreamer.playing import entries
from restreamer.playing.entries import Beginning, Entries, is_break
from restreamer.playing.hours import Hours
from restreamer.playing.playlists import uri_of
from tests.kit.build import HOUR, INITS, at, fill, run_of, sections_of, segment_after

START = at('2026-11-14T03:59:30')
MILLISECOND = timedelta(milliseconds=1)
segment = partial(segment_after, START)
SECOND_US = 1_000_000


sets = st.lists(
    st.builds(
        segment,
        st.one_of(st.integers(0, 60_000), st.integers(0, 30).map(lambda n: n * 1995)),
        st.one_of(st.integers(1_900, 2_100), st.integers(0, 20_000), st.sampled_from([500_000, 4_000_000])),
        st.sampled_from(TYPES),
        st.integers(0, 5),
        st.sampled_from(INITS),
    ),
    max_size=25,
    unique_by=lambda each: each.name,
).map(lambda held: [*held, *sections_of(held)])
ranges = st.tuples(st.integers(-5_000, 60_000), st.integers(1, 90_000)).map(
    lambda r: Interval(START + r[0] * MILLISECOND, START + sum(r) * MILLISECOND)
)


def text_of(hours: Hours, within: Interval) -> str:
    stretches = (hours.stretch(part) for part in hours.parts('bus', 'source', within))
    return ''.join(entries.written(filter(None, stretches)))


def plain(held: Iterable[Segment], within: Interval) -> str:
    return ''.join(f'{line}\n' for line in playlist.media_lines(playable(held, within), uri_of))


@pytest.fixture(scope='module')
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp('stores')


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sets, ranges)
def test_a_range_is_what_the_plain_writer_writes(root: Path, held: list[Segment], span: Interval) -> None:
    store = root / digest.sha256([each.path.encode() for each in held])
    for each in held:
        (store / each.path).parent.mkdir(parents=True, exist_ok=True)
        (store / each.path).write_bytes(b'no transport stream')
    hours = Hours(Disk(store))
    for within in (span, Interval(START - timedelta(hours=1), START + timedelta(days=1))):
        assert text_of(hours, within) == plain(held, within)
        longest = max((part.longest_us for part in hours.parts('bus', 'source', within)), default=0)
        assert longest >= max((each.duration // MILLISECOND for each in playable(held, within)), default=0)


def test_a_range_begins_and_ends_within_hours_whatever_is_held_beside_them(tmp_path: Path) -> None:
    pieces = run_of(30, seconds=600)
    hours = Hours(Disk(fill(tmp_path / 'store', pieces)))
    edges = [pieces[0].segment.start + timedelta(minutes=7 * number) for number in range(44)]
    for start, end in combinations(edges, 2):
        within = Interval(start, end)
        assert text_of(hours, within) == plain([each.segment for each in pieces], within)


def test_a_segment_that_lands_is_in_the_next_answer(tmp_path: Path) -> None:
    pieces = run_of(4)
    within = Interval(pieces[0].segment.start, pieces[3].segment.end)
    hours = Hours(Disk(fill(tmp_path / 'store', pieces[:2])))
    for upto in (2, 3, 4):
        fill(tmp_path / 'store', pieces[:upto])
        assert text_of(hours, within) == plain([each.segment for each in pieces[:upto]], within)


def test_who_asks_for_the_same_at_the_same_time_shares_it_though_the_first_goes_away(tmp_path: Path) -> None:
    pieces = run_of(3)
    reads = []

    class Counted(Disk):
        def beginnings(self, hour: Hour, names: Iterable[str], size_bytes: int) -> Iterator[bytes]:
            reads.append(hour)
            return super().beginnings(hour, names, size_bytes)

    hours = Hours(Counted(fill(tmp_path / 'store', pieces)))
    within = Interval(pieces[0].segment.start, pieces[-1].segment.end)
    (part,) = hours.parts('bus', 'source', within)
    first, *others = [gevent.spawn(hours.stretch, part) for _ in range(5)]
    gevent.sleep(0)
    first.kill()
    texts = {greenlet.get(timeout=5).text for greenlet in others}
    assert texts == {plain([each.segment for each in pieces], within)}
    assert reads == [HOUR]


def opened(second: float, pts: float | None, parameters: bytes = b'one', init: str = '') -> Beginning:
    ticks = None if pts is None else int(pts * 90_000) % 2**33
    return Beginning(int(second * SECOND_US), Opening(ticks, parameters), init)


@pytest.mark.parametrize(
    ('later', 'breaks'),
    [
        (opened(2, 12), False),
        (opened(2, 12.4), False),
        (opened(2, 12.6), True),
        (opened(2, 1.4), True),
        (opened(2, None), False),
        (opened(2, 12, b'other'), True),
        (opened(2, 12, b''), False),
        (Beginning(2 * SECOND_US, None), False),
        (opened(2, 12, init='other'), True),
        (opened(2.02, 12.02), True),
    ],
)
def test_video_breaks_at_holes_leaps_and_other_parameters(later: Beginning, breaks: bool) -> None:
    assert is_break(opened(0, 10), 2 * SECOND_US, later) is breaks


def test_timestamps_that_wrap_do_not_leap() -> None:
    wrap = 2**33 / 90_000
    assert not is_break(opened(0, wrap - 1), 2 * SECOND_US, opened(2, wrap + 1))


def test_a_break_is_written_within_an_hour_and_not_at_its_beginning() -> None:
    reel = Reel.of(HOUR, [each.name for each in run_of(4)])
    made = Entries.of(reel, [Opening(ticks, b'') for ticks in (0, 180_000, 0, 180_000)])
    assert made.text.count(entries.BREAK) == 1
    before, after = (made.stretch(*edges) for edges in ((0, reel.starts[2]), (reel.starts[2], 2**62)))
    assert before
    assert after
    assert entries.BREAK not in before.text + after.text
    assert ''.join(entries.written([before, after])) == made.text
