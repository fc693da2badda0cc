"""Which segments play, and what is missing: the same answer everywhere, and one that adds up."""

from datetime import datetime, timedelta
from functools import partial
from itertools import combinations, pairwise
from random import Random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from common import digest
from common.errors import SegmentError
from common.segment import TYPES, Hour, Segment
from common.timeline import TOLERANCE, Coverage, Interval, coverage, follows, playable
from tests.kit.build import HOUR, at, piece, run_of, segment_after, tombstone_of

START = at('2026-11-14T03:00:00')
MILLISECOND = timedelta(milliseconds=1)
segment = partial(segment_after, START)


def within(start_ms: int, end_ms: int) -> Interval:
    return Interval(START + start_ms * MILLISECOND, START + end_ms * MILLISECOND)


offsets = st.one_of(st.integers(0, 200_000), st.integers(0, 200).map(lambda n: n * 1995))
lengths = st.one_of(st.integers(0, 30), st.integers(1_900, 2_100), st.integers(0, 20_000))
segments = st.builds(segment, offsets, lengths, st.sampled_from(TYPES), st.integers(0, 5))
sets = st.lists(segments, max_size=25, unique_by=lambda each: each.name)
ranges = st.tuples(st.integers(-5_000, 200_000), st.integers(1, 250_000)).map(lambda r: within(r[0], sum(r)))


@settings(deadline=None)
@given(sets, st.randoms(use_true_random=False), st.one_of(st.none(), ranges))
def test_the_choice_does_not_depend_on_the_order(
    held: list[Segment], random: Random, span: Interval | None
) -> None:
    shuffled = list(held)
    random.shuffle(shuffled)
    assert playable(shuffled, span) == playable(held, span)


@settings(deadline=None)
@given(sets)
@example([segment(164, 1900, 'full', 0), segment(169, 1, 'full', 0), segment(178, 11, 'suspect', 0)])
def test_what_plays_is_in_order_and_hardly_overlaps(held: list[Segment]) -> None:
    chosen = playable(held)
    assert [each.start for each in chosen] == sorted(each.start for each in chosen)
    for one, other in combinations(chosen, 2):
        assert min(one.end, other.end) - max(one.start, other.start) <= TOLERANCE


@settings(deadline=None)
@given(sets)
def test_what_does_not_play_gave_way_to_something_as_good(held: list[Segment]) -> None:
    chosen = playable(held)
    for left_out in set(held) - set(chosen):
        better = [each for each in chosen if each.start < left_out.end and left_out.start < each.end]
        assert not left_out.duration or any(
            TYPES.index(each.type) <= TYPES.index(left_out.type) for each in better
        )


@settings(deadline=None)
@given(sets, ranges)
def test_coverage_and_holes_make_up_the_range(held: list[Segment], span: Interval) -> None:
    found = coverage(playable(held, span), span)
    parts = sorted([*found.covered, *found.holes])
    assert all(span.start <= part.start < part.end <= span.end for part in parts)
    assert all(one.end <= other.start for one, other in pairwise(parts))
    total = sum((part.length for part in parts), timedelta())
    assert span.length - 2 * TOLERANCE <= total <= span.length
    assert all(hole.length > TOLERANCE for hole in found.holes)
    assert 0 <= found.ratio <= 1


@settings(deadline=None)
@given(sets, ranges)
def test_the_minutes_add_up_to_the_ratio(held: list[Segment], span: Interval) -> None:
    found = coverage(playable(held, span), span)
    minutes = list(found.per_minute())
    edges = [minute for minute, _ in minutes] + [span.end]
    assert edges[0] == span.start
    assert all(minute.second == minute.microsecond == 0 for minute in edges[1:-1])
    assert all(0 <= share <= 1 for _, share in minutes)
    seconds = sum(share * (edges[n + 1] - edges[n]).total_seconds() for n, (_, share) in enumerate(minutes))
    assert seconds == pytest.approx(sum(each.seconds for each in found.covered), abs=1e-6)
    assert seconds / span.seconds == pytest.approx(found.ratio, abs=0.021 / span.seconds)


@pytest.mark.parametrize(
    ('better', 'worse'),
    [
        (segment(0, 1000, 'full'), segment(0, 2000, 'suspect')),
        (segment(0, 1000, 'suspect'), segment(0, 2000, 'partial')),
        (segment(0, 1000, 'full'), segment(500, 9000, 'partial')),
        (segment(0, 2000), segment(0, 1999)),
        (segment(500, 2000), segment(0, 1999)),
    ],
)
def test_full_beats_suspect_beats_partial_then_the_longer(better: Segment, worse: Segment) -> None:
    assert playable([worse, better]) == [better]


def test_of_equals_the_higher_hash_plays() -> None:
    rivals = [segment(0, 2000, body=number) for number in range(6)]
    assert playable(rivals) == [max(rivals, key=lambda each: each.hash)]


def test_a_worse_segment_still_fills_what_the_better_leaves_free() -> None:
    full, partial, late = segment(0, 2000), segment(1990, 500, 'partial'), segment(1000, 1200, 'suspect')
    assert playable([full, partial, late]) == [full, partial]


@pytest.mark.parametrize(('gap_ms', 'holes'), [(-10, 0), (0, 0), (10, 0), (11, 1)])
def test_a_gap_up_to_the_tolerance_is_no_hole(gap_ms: int, holes: int) -> None:
    pair = [segment(0, 2000), segment(2000 + gap_ms, 2000)]
    assert len(coverage(playable(pair), within(0, 4000 + gap_ms)).holes) == holes
    assert follows(*pair) is (holes == 0)


def test_holes_lie_where_nothing_was_captured() -> None:
    first, _, third = [each.segment for each in run_of(3)]
    found = coverage([first, third], within(-1000, 7000))
    assert found.holes == (within(-1000, 0), within(2000, 4000), within(6000, 7000))
    assert found.covered == (within(0, 2000), within(4000, 6000))
    assert found.ratio == 0.5


def test_nothing_captured_is_one_hole() -> None:
    found = coverage([], within(0, 90_000))
    assert (found.covered, found.holes, found.ratio) == ((), (found.range,), 0)
    assert [share for _, share in found.per_minute()] == [0, 0]


def test_an_empty_range_is_covered() -> None:
    assert coverage([], within(5, 5)) == Coverage(within(5, 5), (), ())
    assert coverage([], within(5, 5)).ratio == 1


def test_tombstones_and_empty_segments_never_play() -> None:
    empty = Segment.parse(HOUR, f'07:26-2-full-{digest.sha256([])}.ts')
    assert playable([tombstone_of(piece()), empty, segment(0, 0)]) == []


def test_only_what_touches_the_range_plays() -> None:
    before, inside, after = [each.segment for each in run_of(3)]
    assert playable([before, inside, after], Interval(inside.start, inside.end)) == [inside]


def test_minutes_are_whole_ones_of_the_clock() -> None:
    half = coverage([segment(30_000, 60_000)], within(30_000, 150_000))
    expected: list[tuple[datetime, float]] = [
        (at('2026-11-14T03:00:30'), 1.0),
        (at('2026-11-14T03:01:00'), 0.5),
        (at('2026-11-14T03:02:00'), 0.0),
    ]
    assert list(half.per_minute()) == expected


@pytest.mark.parametrize('hour', ['0001-01-01T00', '9999-12-31T23'])
def test_the_ends_of_time_are_refused_or_play(hour: str) -> None:
    try:
        there = Hour.parse('bus', 'source', hour)
    except SegmentError:
        return
    pair = [
        Segment.parse(there, f'{name}-full-{digest.sha256([b"x"])}.ts') for name in ('00:00-0.001', '59:59-2')
    ]
    assert playable(pair) == pair


def test_a_segment_that_says_it_lasts_for_hours_hides_nothing() -> None:
    pieces = [each.segment for each in run_of(10)]
    assert playable([*pieces, segment(0, 40_000_000)]) == pieces
