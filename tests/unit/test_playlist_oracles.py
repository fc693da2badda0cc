"""Ordinary media playlists are read as `m3u8` and Streamlink's parser read them.

Where they differ on purpose a table says so; `tests/corpora/test_held_out.py` has other people's playlists.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import ListingError
from common.hls.master_reader import parse_master
from common.hls.playlist_reader import parse_media
from tests.kit import oracles
from tests.kit.oracles import Oracle, Reading, by_m3u8, by_streamlink, by_us

BASE = 'http://origin/live/source.m3u8?token=secret'


def at_zone(microseconds: int, zone: timezone) -> datetime:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)).astimezone(zone)


names = st.from_regex(r'[a-z0-9_-]{1,8}(\.[a-z]{2,3})?', fullmatch=True)
queries = st.from_regex(r'(\?[a-z]=[A-Za-z0-9%._~-]{0,6}(&x=,)?)?', fullmatch=True)
folders = st.sampled_from(
    ['', '', '', '../', './', '/abs/', 'sub/dir/', '//cdn.example/', 'http://cdn:8080/x/']
)
uris = st.builds('{}{}{}'.format, folders, names, queries)
zones = st.integers(-14 * 4, 14 * 4).map(lambda quarters: timezone(timedelta(minutes=15 * quarters)))
times = st.builds(at_zone, st.integers(0, 4_102_444_800_000_000), zones)
durations = st.integers(1, 30_000_000).map(lambda n: f'{n / 1_000_000:.6f}') | st.integers(1, 60).map(str)
parts = st.tuples(st.integers(1, 10**9), st.integers(0, 10**12))
vectors = st.none() | st.binary(min_size=16, max_size=16)


@dataclass
class Segment:
    """The lines of one segment; tags that may stand in any order are shuffled."""

    uri: str
    tags: list[str]
    state: str

    def __str__(self) -> str:
        return ''.join(f'{line}\n' for line in (self.state, *self.tags, self.uri) if line)


def written(time: datetime, form: int) -> str:
    """One of the ways to write it."""
    text = time.isoformat(timespec='milliseconds' if form % 2 else 'microseconds')
    if time.utcoffset() == timedelta():
        return text.replace('+00:00', 'Z')
    return text if form < 2 else text[:-3] + text[-2:]


@st.composite
def states(draw: st.DrawFn) -> str:
    """What holds from here on, if anything changes: a key, or an init section."""
    uri = draw(uris)
    match draw(st.integers(0, 9)):
        case 0:
            iv = draw(vectors)
            return f'#EXT-X-KEY:METHOD=AES-128,URI="{uri}"' + (f',IV=0x{iv.hex()}' if iv else '')
        case 1:
            return '#EXT-X-KEY:METHOD=NONE'
        case 2:
            return f'#EXT-X-MAP:URI="{uri}"'
        case 3:
            return '#EXT-X-MAP:URI="{}",BYTERANGE="{}@{}"'.format(uri, *draw(parts))
    return ''


@st.composite
def segments(draw: st.DrawFn) -> Segment:
    tags = [f'#EXTINF:{draw(durations)},{draw(st.sampled_from(["", "title", "a, b"]))}']
    if draw(st.booleans()):
        tags.append(f'#EXT-X-PROGRAM-DATE-TIME:{written(draw(times), draw(st.integers(0, 3)))}')
    if draw(st.integers(0, 3)) == 0:
        tags.append('#EXT-X-BYTERANGE:{}@{}'.format(*draw(parts)))
    if draw(st.integers(0, 4)) == 0:
        tags.append('#EXT-X-DISCONTINUITY')
    return Segment(draw(uris), draw(st.permutations(tags)), draw(states()))


@st.composite
def playlists(draw: st.DrawFn) -> str:
    head = '#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:60\n'
    sequence = draw(st.integers(0, 10**12))
    body = ''.join(map(str, draw(st.lists(segments(), max_size=12))))
    end = '#EXT-X-ENDLIST\n' if draw(st.booleans()) else ''
    return f'{head}#EXT-X-MEDIA-SEQUENCE:{sequence}\n{body}{end}'


def wholly(text: str) -> Reading:
    """What we read; no line is left over."""
    found = parse_media(text, BASE)
    assert (found.skipped, found.unread) == ((), ())
    assert [each.sequence - found.sequence for each in found.entries] == list(range(len(found.entries)))
    return oracles.ours(found)


@settings(deadline=None)
@given(playlists())
def test_m3u8_reads_the_same(text: str) -> None:
    assert wholly(text) == by_m3u8(text, BASE)


@settings(deadline=None)
@given(playlists())
def test_streamlink_reads_the_same(text: str) -> None:
    ours, theirs = wholly(text), by_streamlink(text, BASE)
    without_init = [[each._replace(init=None) for each in reading.segments] for reading in (ours, theirs)]
    assert without_init[0] == without_init[1]
    assert (ours.sequence, ours.ended) == (theirs.sequence, theirs.ended)
    for mine, other in zip(ours.segments, theirs.segments, strict=True):
        assert other.init in (mine.init, None)  # it forgets the init section at a discontinuity


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 10**8), uris, st.booleans()), min_size=1, max_size=6, unique=True))
def test_masters_are_read_the_same(variants: list[tuple[int, str, bool]]) -> None:
    lines = ''.join(
        f'#EXT-X-STREAM-INF:BANDWIDTH={rate}{",RESOLUTION=640x360" if sized else ""},CODECS="a,b"\n{uri}\n'
        for rate, uri, sized in variants
    )
    text = f'#EXTM3U\n{lines}'
    found = parse_master(text, BASE).variants
    assert list(found) == oracles.master_by_m3u8(text, BASE)[0]
    assert [each.uri for each in found] == oracles.variants_by_streamlink(text, BASE)


HEAD = '#EXTM3U\n#EXT-X-TARGETDURATION:2\n'
GOOD = '#EXTINF:2,\na.ts\n'
BAD_TIME = '#EXT-X-PROGRAM-DATE-TIME:yesterday\n'
OLD = '#EXT-X-MEDIA-SEQUENCE:9\n'


def seconds(read: Oracle, text: str) -> list[float] | str:
    """The durations it reads, or that it reads nothing."""
    try:
        return [each.microseconds / 1_000_000 for each in read(text, BASE).segments]
    except (ValueError, ListingError):
        return 'refused'


@pytest.mark.parametrize(
    ('why', 'text', 'ours', 'm3u8s', 'streamlinks'),
    [
        ('no first line: it may be any text', GOOD, 'refused', [2], 'refused'),
        ('another first line', HEAD.replace('3U', '3U8') + GOOD, 'refused', [2], [2]),
        ('no duration, so no name', f'{HEAD}{GOOD}#EXTINF:0,\nb\n', [2], [2, 0], [2, 0]),
        ('a duration below none', f'{HEAD}{GOOD}#EXTINF:-1,\nb\n', [2], [2, -1], [2, 0]),
        ('a duration of a day', f'{HEAD}{GOOD}#EXTINF:86400,\nb\n', [2], [2, 86400], [2, 86400]),
        ('a bad duration costs its segment', f'{HEAD}{GOOD}#EXTINF:nan,\nb\n', [2], 'refused', [2, 0]),
        ('an empty duration, too', f'{HEAD}{GOOD}#EXTINF:,\nb\n', [2], 'refused', [2, 0]),
        ('a duration with a unit, too', f'{HEAD}{GOOD}#EXTINF:2.5s,\nb\n', [2], 'refused', [2, 2.5]),
        ('a bad time costs no segment', f'{HEAD}{GOOD}{BAD_TIME}{GOOD}', [2, 2], 'refused', [2, 2]),
        ('nor does a bad number', f'{HEAD}#EXT-X-MEDIA-SEQUENCE:x\n{GOOD}', [2], 'refused', 'refused'),
        ('nor a bad target duration', HEAD.replace(':2', ':x') + GOOD, [2], 'refused', 'refused'),
        ('encrypted for others', f'{HEAD}#EXT-X-KEY:METHOD=SAMPLE-AES,URI="k"\n{GOOD}', [], [2], [2]),
        ('encrypted with nobody knows what', f'{HEAD}#EXT-X-KEY:URI="k\n{GOOD}', [], 'refused', [2]),
        ('a range that follows nothing', f'{HEAD}{OLD}#EXT-X-BYTERANGE:5\n{GOOD}', [], [2], [2]),
        ('a scheme of no recorder', f'{HEAD}{GOOD}#EXTINF:2,\nfile:///b\n', [2], [2, 2], 'refused'),
        ('a variable without a value', f'{HEAD}{GOOD}#EXTINF:2,\n{{$b}}\n', [2], [2, 2], [2, 2]),
    ],
    ids=lambda value: value if isinstance(value, str) and '#' not in value and value != 'refused' else '',
)
def test_where_we_differ_on_purpose(
    why: str, text: str, ours: object, m3u8s: object, streamlinks: object
) -> None:
    assert [seconds(read, text) for read in (by_us, by_m3u8, by_streamlink)] == [ours, m3u8s, streamlinks], (
        why
    )


def test_the_title_of_a_segment_may_have_any_line_separator_of_unicode() -> None:
    text = f'{HEAD}#EXTINF:2,a\u2028b.ts\na.ts\n'
    uris = [[each.uri[-4:] for each in read(text, BASE).segments] for read in (by_us, by_m3u8, by_streamlink)]
    assert uris == [['a.ts'], ['b.ts'], ['b.ts']]


def test_segments_that_an_update_leaves_out_shift_the_numbers() -> None:
    text = f'{HEAD}{OLD}#EXT-X-SKIP:SKIPPED-SEGMENTS=3\n{GOOD}'
    assert parse_media(text, BASE).entries[0].sequence == 12
    assert by_m3u8(text, BASE).sequence == 9


def test_an_init_section_holds_over_a_discontinuity() -> None:
    text = f'{HEAD}#EXT-X-MAP:URI="i"\n{GOOD}#EXT-X-DISCONTINUITY\n{GOOD}'
    inits = [
        [bool(each.init) for each in read(text, BASE).segments] for read in (by_us, by_m3u8, by_streamlink)
    ]
    assert inits == [[True, True], [True, True], [True, False]]
