"""HLS playlists: written ones read back, and hostile ones cost no more than their own lines."""

import re
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common import digest
from common.errors import ListingError, SegmentError
from common.master_reader import is_master, parse_master
from common.playlist import VariantStream, master, media
from common.playlist_reader import MediaPlaylist, parse_media
from common.segment import Segment
from common.timeline import follows, playable
from common.wire import segment_path
from tests.kit.build import at, piece, run_of

BASE = 'http://node/playlist/bus/source.m3u8'
HEAD = '#EXTM3U\n#EXT-X-TARGETDURATION:2\n'
GOOD = '#EXTINF:2,\ngood.ts\n'


def segment(start: datetime, duration: timedelta) -> Segment:
    return Segment.named(
        'bus', 'source', start=start, duration=duration, kind='full', content=digest.sha256([b'x'])
    )


def read(lines: str) -> MediaPlaylist:
    return parse_media(HEAD + lines, BASE)


def uris(found: MediaPlaylist) -> list[str]:
    return [entry.uri.removeprefix('http://node/playlist/bus/') for entry in found.entries]


starts = st.one_of(
    st.integers(0, 4_102_444_800_000_000).map(
        lambda n: at('1970-01-01T00:00:00') + timedelta(microseconds=n)
    ),
    st.integers(0, 100_000).map(lambda ms: at('2026-11-14T03:00:00') + timedelta(milliseconds=ms)),
)
durations = st.timedeltas(timedelta(microseconds=1), timedelta(seconds=20))
chosen = st.lists(st.builds(segment, starts, durations), max_size=12).map(playable)


@settings(deadline=None)
@given(chosen)
def test_a_written_playlist_reads_back_to_the_microsecond(segments: list[Segment]) -> None:
    found = parse_media(media(segments, segment_path, sequence=7), BASE)
    assert [(e.uri, e.start, e.duration) for e in found.entries] == [
        (f'http://node{segment_path(s)}', s.start, s.duration) for s in segments
    ]
    assert [e.sequence for e in found.entries] == list(range(7, 7 + len(segments)))
    assert found.ended
    assert not found.skipped


@settings(deadline=None)
@given(chosen)
def test_a_discontinuity_stands_exactly_at_each_hole(segments: list[Segment]) -> None:
    blocks = media(segments, lambda each: each.name).split('#EXT-X-PROGRAM-DATE-TIME')
    marked = ['#EXT-X-DISCONTINUITY\n' in block for block in blocks]
    assert marked[1:-1] == [not follows(*pair) for pair in pairwise(segments)]
    assert not marked[0]
    assert not marked[-1]


@settings(deadline=None)
@given(chosen)
def test_no_extinf_exceeds_the_whole_target_duration(segments: list[Segment]) -> None:
    text = media(segments, lambda each: each.name)
    target = re.findall(r'^#EXT-X-TARGETDURATION:([0-9]+)$', text, re.MULTILINE)
    assert len(target) == 1
    assert all(float(each) <= int(target[0]) for each in re.findall('#EXTINF:(.*),', text))


def test_a_live_playlist_has_no_end() -> None:
    segments = [each.segment for each in run_of(2)]
    text = media(segments, lambda each: each.name, sequence=41, discontinuity_sequence=3, ended=False)
    assert text.splitlines()[:5] == [
        '#EXTM3U',
        '#EXT-X-VERSION:3',
        '#EXT-X-TARGETDURATION:2',
        '#EXT-X-MEDIA-SEQUENCE:41',
        '#EXT-X-DISCONTINUITY-SEQUENCE:3',
    ]
    assert 'ENDLIST' not in text
    assert 'VOD' not in text
    found = parse_media(text, BASE)
    assert (found.ended, found.sequence, found.discontinuity_sequence) == (False, 41, 3)


def test_a_segment_of_a_year_before_1000_is_refused_or_reads_back() -> None:
    try:
        early = piece('0999-01-01T00:00:00').segment
    except SegmentError:
        return
    assert parse_media(media([early], segment_path), BASE).entries[0].start == early.start


@pytest.mark.parametrize(
    'text', ['', '<html>', '{}', 'EXTM3U', '\n#EXTM3U', '#EXTM3U8', '#EXTM3U', GOOD]
    + [f'#EXTM3U8\n{GOOD}', '#EXTM3U\na.ts']
    + [f'#EXTM3U\n#EXT-X-TARGETDURATION:{bad}\n' for bad in ('nan', 'inf', '-2', '0', '', 'two')],
)  # fmt: skip
def test_what_is_no_media_playlist_is_a_listing_error(text: str) -> None:
    with pytest.raises(ListingError):
        parse_media(text, BASE)


@pytest.mark.parametrize(
    'bad',
    ['#EXTINF:nan,\nbad.ts', '#EXTINF:inf,\nbad.ts', '#EXTINF:-2,\nbad.ts', '#EXTINF:0,\nbad.ts']
    + ['#EXTINF:,\nbad.ts', '#EXTINF:1e99,\nbad.ts', '#EXTINF\nbad.ts', 'bad.ts']
    + [f'#EXTINF:{"9" * 5000},\nbad.ts', '#EXTINF:2,\nhttp://[bad/bad.ts', '#EXTINF:2,\n//\u2100/bad.ts']
    + ['#EXTINF:2,\n#EXT-X-BYTERANGE:all\nbad.ts'],
    ids=lambda value: ascii(value)[:40],
)  # fmt: skip
def test_a_bad_line_costs_only_its_segment(bad: str) -> None:
    found = read(f'{GOOD}{bad}\n{GOOD}')
    assert uris(found) == ['good.ts', 'good.ts']
    assert [entry.sequence for entry in found.entries] == [0, 2]
    assert len(found.skipped) == 1
    assert found.skipped[0].cause.isascii()


@pytest.mark.parametrize(
    'time',
    ['', 'yesterday', '2026-13-01T00:00:00Z', '2026-11-14T03:00:00+99:00', '\u0662026-01-01']
    + ['0001-01-01T00:00:00+14:00'],
)
def test_a_time_that_cannot_be_read_is_none_and_costs_no_segment(time: str) -> None:
    stated = f'#EXT-X-PROGRAM-DATE-TIME:2026-11-14T03:00:00Z\n{GOOD}'
    found = read(f'{stated}#EXT-X-PROGRAM-DATE-TIME:{time}\n{GOOD}')
    assert [entry.start for entry in found.entries] == [at('2026-11-14T03:00:00'), at('2026-11-14T03:00:02')]
    assert [entry.stated for entry in found.entries] == [True, False]
    assert (len(found.unread), found.skipped) == (1, ())


def test_a_clock_at_the_end_of_time_does_not_end_the_reading() -> None:
    found = read(f'#EXT-X-PROGRAM-DATE-TIME:9999-12-31T23:59:59Z\n{GOOD}#EXTINF:2,\nnext.ts\n')
    assert 'next.ts' in uris(found)


@settings(deadline=None)
@given(st.text(max_size=40), st.sampled_from(['', '#EXTINF:', '#EXT-X-PROGRAM-DATE-TIME:']))
def test_any_line_at_all_leaves_the_others(text: str, tag: str) -> None:
    assert 'last.ts' in uris(read(f'{GOOD}{tag}{text}\nmiddle.ts\n#EXTINF:2,\nlast.ts\n'))


@pytest.mark.parametrize(
    'time', ['2026-11-14T03:07:26.500Z', '2026-11-14T04:07:26.5+0100', '2026-11-14T03:07:26.5']
)
@pytest.mark.parametrize('order', ['before', 'after'])
def test_the_time_may_stand_before_or_after_the_duration(time: str, order: str) -> None:
    tags = [f'#EXT-X-PROGRAM-DATE-TIME:{time}', '#EXTINF:2.5,title, with commas']
    lines = tags if order == 'before' else tags[::-1]
    found = read('\n'.join([*lines, 'a.ts', '#EXTINF:1,', 'b.ts']))
    first = at('2026-11-14T03:07:26.5')
    assert [entry.start for entry in found.entries] == [first, first + timedelta(seconds=2.5)]


def test_after_a_discontinuity_the_time_is_unknown_until_stated() -> None:
    clock = '#EXT-X-PROGRAM-DATE-TIME:2026-11-14T03:00:00Z\n'
    found = read(f'{clock}{GOOD}#EXT-X-DISCONTINUITY\n{GOOD}#EXT-X-DISCONTINUITY\n{clock}{GOOD}')
    assert [entry.start is not None for entry in found.entries] == [True, False, True]


def test_a_time_stated_just_before_the_discontinuity_tag_counts() -> None:
    found = read(f'#EXT-X-PROGRAM-DATE-TIME:2026-11-14T03:00:00Z\n#EXT-X-DISCONTINUITY\n{GOOD}')
    assert found.entries[0].start == at('2026-11-14T03:00:00')


def test_a_byte_order_mark_and_windows_line_ends_are_no_trouble() -> None:
    found = parse_media('\ufeff' + (HEAD + GOOD).replace('\n', '\r\n'), BASE)
    assert uris(found) == ['good.ts']


def test_a_master_playlist_reads_back_highest_first() -> None:
    text = master([VariantStream('480p.m3u8', 900), VariantStream('source.m3u8', 6000)])
    assert is_master(text)
    assert parse_master(text, 'http://node/playlist/bus.m3u8').variants == (
        VariantStream('http://node/playlist/source.m3u8', 6000),
        VariantStream('http://node/playlist/480p.m3u8', 900),
    )


def test_an_origins_master_keeps_the_height_and_its_quotes_apart() -> None:
    line = '#EXT-X-STREAM-INF:CODECS="a,BANDWIDTH=1",RESOLUTION=1920x1080,BANDWIDTH=5'
    text = f'#EXTM3U\n{line}\n#EXT-X-NOTE\nhttps://cdn/x.m3u8?a=b\n'
    assert parse_master(text, BASE).variants == (
        VariantStream('https://cdn/x.m3u8?a=b', 5, resolution=(1920, 1080), codecs=('a', 'BANDWIDTH=1')),
    )


@pytest.mark.parametrize(
    'lines', ['', 'x.m3u8', '#EXT-X-STREAM-INF:BANDWIDTH=1', '#EXT-X-STREAM-INF:BANDWIDTH=1\nhttp://[bad/x']
)
def test_a_master_playlist_without_usable_variants_is_a_listing_error(lines: str) -> None:
    with pytest.raises(ListingError):
        parse_master(f'#EXTM3U\n{lines}\n', BASE)


@pytest.mark.timeout(20)
def test_a_long_line_of_attributes_is_read_in_linear_time() -> None:
    """In quadratic time these would take an hour."""
    with pytest.raises(ListingError):
        parse_master(f'#EXTM3U\n#EXT-X-STREAM-INF:{"A" * 1_000_000}\nx\n', BASE)
