"""HLS playlists as we write them: they read back, and are as players need them."""

import re
from datetime import datetime, timedelta
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from common import digest
from common.errors import SegmentError
from common.hls.master_reader import is_master, parse_master
from common.hls.playlist import VariantStream, master, media
from common.hls.playlist_reader import parse_media
from common.segment import Segment
from common.timeline import follows, playable
from common.wire import segment_path
from tests.kit.build import at, piece, run_of

BASE = 'http://node/playlist/bus/source.m3u8'


def segment(start: datetime, duration: timedelta) -> Segment:
    return Segment.named(
        'bus', 'source', start=start, duration=duration, kind='full', content=digest.sha256([b'x'])
    )


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


def test_a_master_playlist_reads_back_highest_first() -> None:
    text = master([VariantStream('480p.m3u8', 900), VariantStream('source.m3u8', 6000)])
    assert is_master(text)
    assert parse_master(text, 'http://node/playlist/bus.m3u8').variants == (
        VariantStream('http://node/playlist/source.m3u8', 6000),
        VariantStream('http://node/playlist/480p.m3u8', 900),
    )
