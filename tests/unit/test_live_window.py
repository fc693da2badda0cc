"""Live windows: whatever lands, and whoever starts again, numbers stay and the list grows at its end."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import accumulate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backfiller.live import layout
from backfiller.live.layout import Variant
from common import digest
from common.errors import ListingError
from common.hls import playlist_reader
from common.hls.live import LiveWindow
from common.segment import Segment
from common.timeline import follows, playable
from tests.kit.build import INITS, at, fragments, init_of, run_of, sections_of, tombstone_of

VARIANT = Variant('bus', 'source')
START = at('2026-11-14T03:55:00')
MINUTE = timedelta(minutes=1)


def written(window: LiveWindow) -> str:
    return window.playlist(layout.segment_uri)


def read(text: str) -> LiveWindow:
    return LiveWindow.read(text, lambda uri: layout.segment_of(VARIANT, uri))


def segment(start_ms: int, duration_ms: int, init: str = '') -> Segment:
    return Segment.named(
        'bus',
        'source',
        start=START + timedelta(milliseconds=start_ms),
        duration=timedelta(milliseconds=duration_ms),
        kind='full',
        content=digest.sha256([b'%d %d' % (start_ms, duration_ms)]),
        init=init,
    )


@dataclass(frozen=True)
class Step:
    """Segments that land, most of them new, and whether the writer of the playlist starts again."""

    landed: list[Segment]
    length: timedelta
    restart: bool


def step(number: int, landed: list[tuple[int, int, str]], seconds: int, restart: bool) -> Step:
    at_ms = 20_000 * number
    segments = [segment(max(0, at_ms + offset_ms), length_ms, init) for offset_ms, length_ms, init in landed]
    return Step([*segments, *sections_of(segments)], timedelta(seconds=seconds), restart)


landings = st.lists(
    st.tuples(st.integers(-30_000, 30_000), st.integers(1, 12_000), st.sampled_from(INITS)), max_size=6
)
courses = st.lists(st.tuples(landings, st.integers(1, 90), st.booleans()), max_size=12).map(
    lambda course: [step(number, *each) for number, each in enumerate(course)]
)


class Player:
    """Polls a live playlist, and holds it to what RFC 8216 sections 6.2.1 and 6.2.2 promise."""

    def __init__(self) -> None:
        self.seen: dict[int, tuple[str, int]] = {}
        self.sequence = 0
        self.newest = 0
        self.discontinuities = 0

    def poll(self, text: str) -> None:
        found = playlist_reader.parse_media(text, '')
        assert not found.skipped
        assert not found.ended
        assert found.sequence >= self.sequence
        assert found.discontinuity_sequence >= self.discontinuities
        breaks = [block.count('#EXT-X-DISCONTINUITY\n') for block in text.split('#EXTINF')[:-1]]
        for entry, jumps in zip(found.entries, accumulate(breaks), strict=True):
            numbered = entry.uri, found.discontinuity_sequence + jumps
            assert self.seen.setdefault(entry.sequence, numbered) == numbered
            assert int(entry.duration.total_seconds() + 0.5) <= found.target_duration
        newest = found.sequence + len(found.entries)
        assert newest >= self.newest
        self.sequence, self.newest = found.sequence, newest
        self.discontinuities = found.discontinuity_sequence


@settings(deadline=None)
@given(courses)
def test_whatever_lands_and_whoever_starts_again_players_only_see_it_grow(course: Sequence[Step]) -> None:
    window, player, held = LiveWindow(), Player(), set[Segment]()
    for each in course:
        held |= set(each.landed)
        chosen = playable(held)
        last = window.segments[-1:]
        window = window.moved_on(chosen, each.length)
        if not window.segments:
            continue
        text = written(window)
        player.poll(text)
        assert written(read(text)) == text
        assert not last or window.segments[-1].start >= last[0].start
        if each.restart:
            window = read(text)


@settings(deadline=None)
@given(courses)
def test_no_more_is_trimmed_than_leaves_the_length_or_three_targets(course: Sequence[Step]) -> None:
    window = LiveWindow()
    for step in course:
        chosen = playable({*window.segments, *step.landed, *sections_of(window.segments)})
        grown, window = window.with_newest(chosen), window.moved_on(chosen, step.length)
        gone = grown.segments[: len(grown.segments) - len(window.segments)]
        left = sum((each.duration for each in window.segments), timedelta())
        assert not gone or left >= timedelta(seconds=3 * window.target_duration)
        assert not gone or gone[-1].end <= window.segments[-1].end - step.length


def test_it_begins_at_the_seconds_since_1970_and_keeps_the_last_minute() -> None:
    window = LiveWindow().moved_on([each.segment for each in run_of(40)], MINUTE)
    assert len(window.segments) == 30
    assert window.sequence == int(at('2026-11-14T03:00:00').timestamp()) + 10


def test_a_segment_shorter_than_the_tolerance_is_listed_once() -> None:
    held = [segment(0, 2000), segment(2000, 1)]
    window = LiveWindow().with_newest(held)
    assert window.with_newest(held) is window


def test_a_break_in_the_video_is_written_read_and_counted() -> None:
    held = [each.segment for each in run_of(4)]
    window = LiveWindow().with_newest(held, {held[2]})
    text = written(window)
    assert text.count('#EXT-X-DISCONTINUITY\n') == 1
    assert written(read(text)) == text
    assert [window.since(each.end).discontinuity_sequence for each in held[:3]] == [0, 1, 1]


def test_the_init_section_is_named_where_the_window_begins_and_where_it_changes() -> None:
    one = [each.segment for each in fragments(3, init=b'one')[1:]]
    other = [each.segment for each in fragments(3, '2026-11-14T03:00:06', init=b'other')[1:]]
    window = LiveWindow().with_newest([*one, *other])
    for first in (one[0], one[2], other[0]):
        segments = [each for each in window.segments if each.start >= first.start]
        text = written(window.since(first.start))
        assert text.startswith('#EXTM3U\n#EXT-X-VERSION:7\n')
        maps = [line for line in text.splitlines() if line.startswith('#EXT-X-MAP')]
        needed = dict.fromkeys(each.init for each in segments)
        assert maps == [f'#EXT-X-MAP:URI="2026-11-14T03/00%3A00-0-init-{init}.mp4"' for init in needed]
        assert written(read(text)) == text
    assert window.since(one[2].end).discontinuity_sequence == 1


def test_a_late_segment_is_not_inserted_and_does_not_count_as_new() -> None:
    segments = [each.segment for each in run_of(6)]
    window = LiveWindow().moved_on([*segments[:2], *segments[3:]], MINUTE)
    assert window.moved_on(segments, MINUTE) is window
    assert written(window).count('#EXT-X-DISCONTINUITY\n') == 1


def test_the_discontinuity_is_counted_when_its_tag_goes() -> None:
    segments = [each.segment for each in run_of(60)]
    before = LiveWindow().moved_on(segments[:2] + segments[3:30], MINUTE)
    assert before.discontinuity_sequence == 0
    after = read(written(before)).moved_on(segments[3:35], MINUTE)
    assert (after.discontinuity_sequence, after.segments[0]) == (1, segments[5])


def test_an_abandoned_window_goes_on_past_its_numbers() -> None:
    segments = [each.segment for each in run_of(5)]
    ahead = LiveWindow(tuple(segments[:1] + segments[3:]), 2**40, 2, 4)
    window = ahead.abandoned().moved_on(segments[:2], MINUTE)
    assert (window.sequence, window.discontinuity_sequence) == (2**40 + 3, 6)
    assert not follows(*segments[1:4:2])


GOOD = written(LiveWindow().moved_on([each.segment for each in run_of(3)], MINUTE))
FIRST, LAST = (layout.segment_uri(run_of(3)[number].segment) for number in (0, 2))


@pytest.mark.parametrize(
    'text',
    [
        '',
        '<html>',
        GOOD.replace('#EXTINF:2.000000,', '#EXTINF:two,'),
        GOOD.replace(FIRST, LAST),
        GOOD.replace(FIRST, f'../../{FIRST}'),
        GOOD.replace(FIRST, f'https://elsewhere/{FIRST}'),
        GOOD.replace(FIRST, FIRST.replace('2026', '1026')),
        GOOD.replace(FIRST, layout.segment_uri(tombstone_of(run_of(1)[0]))),
        GOOD.replace(FIRST, layout.segment_uri(init_of().segment)),
        GOOD.replace('SEQUENCE:', 'SEQUENCE:-'),
        GOOD.replace('SEQUENCE:', 'SEQUENCE:99999999'),
        GOOD.replace('SEQUENCE:', f'SEQUENCE:{"9" * 5000}').replace('#EXT-X-TARGETDURATION:2', ''),
    ],
)
def test_what_we_did_not_write_is_a_listing_error(text: str) -> None:
    with pytest.raises(ListingError):
        read(text)


@given(st.text(max_size=60))
def test_any_line_at_all_is_read_or_refused(line: str) -> None:
    try:
        read(f'{GOOD}{line}\n')
    except ListingError:
        return
