"""Reels choose what the timeline chooses, for whatever hours hold, and cover what it covers."""

from collections.abc import Iterable
from datetime import timedelta
from functools import partial
from itertools import chain, groupby

from hypothesis import example, given, settings
from hypothesis import strategies as st

from common import digest, timeline
from common.reel import Reel, covered, joined, microseconds, moment
from common.segment import TYPES, Segment
from common.timeline import Interval, playable
from tests.kit.build import INITS, at, run_of, sections_of, segment_after

START = at('2026-11-14T03:59:30')
MILLISECOND = timedelta(milliseconds=1)
segment = partial(segment_after, START)


offsets = st.one_of(st.integers(0, 60_000), st.integers(0, 30).map(lambda n: n * 1995))
lengths = st.one_of(
    st.integers(0, 30),
    st.integers(1_900, 2_100),
    st.integers(0, 20_000),
    st.sampled_from([500_000, 4_000_000]),
)
segments = st.builds(
    segment, offsets, lengths, st.sampled_from(TYPES), st.integers(0, 5), st.sampled_from(INITS)
)
sets = st.lists(segments, max_size=25, unique_by=lambda each: each.name).map(
    lambda held: [*held, *sections_of(held)]
)
ranges = st.tuples(st.integers(-5_000, 60_000), st.integers(1, 90_000)).map(
    lambda r: Interval(START + r[0] * MILLISECOND, START + sum(r) * MILLISECOND)
)


def reels_of(held: Iterable[Segment]) -> list[Reel]:
    by_hour = groupby(sorted(held, key=lambda each: each.hour), key=lambda each: each.hour)
    return list(joined(Reel.of(hour, [each.name for each in group]) for hour, group in by_hour))


@settings(deadline=None)
@given(sets)
@example([segment(0, 500_000), segment(30_001, 500_000), segment(30_000, 1), segment(30_000, 1, 'suspect')])
@example([segment(25_000, 20_000), segment(28_000, 2_000), segment(30_000, 2_000), segment(32_000, 4_000)])
def test_reels_choose_what_the_timeline_chooses(held: list[Segment]) -> None:
    assert list(chain.from_iterable(reel.segments() for reel in reels_of(held))) == playable(held)


@settings(deadline=None)
@given(sets, ranges)
def test_a_range_shows_part_of_the_whole(held: list[Segment], span: Interval) -> None:
    whole = playable(held)
    assert playable(held, span) == [each for each in whole if each.start < span.end and each.end > span.start]
    parts = (reel.part(*reel.places(span)) for reel in reels_of(held))
    assert list(chain.from_iterable(part.segments() for part in parts)) == playable(held, span)


@settings(deadline=None)
@given(sets, ranges)
def test_they_cover_what_their_segments_cover(held: list[Segment], span: Interval) -> None:
    for reel in reels_of(held):
        assert timeline.coverage(covered(reel.spans()), span) == timeline.coverage(reel.segments(), span)
        assert all(moment(microseconds(each.start)) == each.start for each in reel.segments())


def test_tombstones_and_what_has_no_bytes_do_not_play() -> None:
    first, second, *_ = run_of(2)
    empty = Segment.named(
        'bus', 'source', start=START, duration=MILLISECOND, kind='full', content=digest.sha256([])
    )
    names = [first.name, second.name.replace('.ts', '.tombstone'), empty.name]
    assert Reel.of(first.hour, names).names == (first.name,)
