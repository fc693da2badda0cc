"""Text that nobody vouches for, read as a playlist: a ListingError at worst, in known time and memory.

What is quadratic in the text would take hours for these; they have a minute.
"""

import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import ListingError
from common.hls import playlist_reader
from common.hls.master_reader import is_master, parse_master
from common.hls.playlist_reader import parse_media
from common.hls.text import LONGEST_URI, decoded

BASE = 'https://origin/live/source.m3u8'
HEAD = '#EXTM3U\n#EXT-X-TARGETDURATION:2\n'
GOOD = '#EXTINF:2,\ngood.ts\n'
VARIANT = '#EXT-X-STREAM-INF:BANDWIDTH=5\ngood.m3u8\n'
TAGS = [
    '#EXTINF:', '#EXT-X-BYTERANGE:', '#EXT-X-DISCONTINUITY', '#EXT-X-KEY:', '#EXT-X-MAP:', '#EXT-X-GAP',
    '#EXT-X-PROGRAM-DATE-TIME:', '#EXT-X-TARGETDURATION:', '#EXT-X-MEDIA-SEQUENCE:', '#EXT-X-SKIP:',
    '#EXT-X-DISCONTINUITY-SEQUENCE:', '#EXT-X-ENDLIST', '#EXT-X-PLAYLIST-TYPE:', '#EXT-X-DEFINE:',
    '#EXT-X-STREAM-INF:', '#EXT-X-MEDIA:', '#EXTM3U', '#', '',
]  # fmt: skip
VALUES = [
    '2,', '2@0', '9@', 'METHOD=AES-128,URI="k",IV=0x1', 'METHOD=NONE', 'METHOD=X', 'URI="i",BYTERANGE="2@0"',
    '2026-11-14T03:00:00Z', '0001-01-01T00:00:00Z', '9999-12-31T23:59:59Z', '-7', '18446744073709551615',
    'SKIPPED-SEGMENTS=3', 'SKIPPED-SEGMENTS=18446744073709551615', 'NAME="v",VALUE="{$v}{$v}"', 'IMPORT="v"',
    'TYPE=AUDIO,URI="{$v}"', 'BANDWIDTH=5,RESOLUTION=1x1', 'VOD', 'a.ts', '{$v}.ts', '../a b', '//h', 'nan',
]  # fmt: skip

odd_text = st.one_of(st.text(max_size=30), st.text('#EXT-:,="@{$}0 \t\0\x85\u2028a', max_size=30))
lines = st.builds(str.__add__, st.sampled_from(TAGS), st.one_of(st.sampled_from(VALUES), odd_text))
playlists = st.lists(st.one_of(lines, st.sampled_from(GOOD.split('\n'))), max_size=30).map('\n'.join)


@settings(deadline=None, max_examples=300)
@given(st.one_of(playlists.map(HEAD.__add__), playlists, st.text()))
def test_any_text_is_a_media_playlist_or_a_listing_error(text: str) -> None:
    try:
        found = parse_media(text, BASE, {'v': 'x'})
    except ListingError:
        return
    numbers = [each.sequence for each in (*found.entries, *found.skipped)]
    assert len(numbers) == len(set(numbers))
    assert found.target_duration > 0
    for entry in found.entries:
        assert entry.uri.startswith(('http://', 'https://'))
        assert entry.duration.total_seconds() > 0
        assert entry.start is None or entry.start.utcoffset() is not None
    assert all(each.cause.isascii() for each in found.skipped)


@settings(deadline=None, max_examples=200)
@given(st.one_of(playlists.map(f'#EXTM3U\n{VARIANT}'.__add__), st.text()))
def test_any_text_is_a_master_playlist_or_a_listing_error(text: str) -> None:
    try:
        found = parse_master(text, BASE)
    except ListingError:
        return
    assert all(each.uri.startswith(('http://', 'https://')) for each in found.variants)


@settings(deadline=None)
@given(st.binary(max_size=200).map(lambda tail: b'#EXTM3U\n#EXTINF:2,\nfirst.ts\n' + tail))
def test_bytes_that_are_no_text_leave_the_others(body: bytes) -> None:
    text = decoded(body)
    if not is_master(text):
        assert parse_media(text, BASE).entries[0].uri == 'https://origin/live/first.ts'


@settings(deadline=None)
@given(playlists.map(str.splitlines).flatmap(st.permutations).map('\n'.join))
def test_lines_in_any_order_are_read(text: str) -> None:
    try:
        parse_media(f'#EXTM3U\n{text}', BASE)
    except ListingError:
        return


@settings(deadline=None)
@given(odd_text, st.sampled_from(['', '#EXTINF:', '#EXT-X-PROGRAM-DATE-TIME:', '#EXT-X-BYTERANGE:', '#']))
def test_any_line_at_all_leaves_the_others(text: str, tag: str) -> None:
    found = parse_media(f'{HEAD}{GOOD}{tag}{text}\nmiddle.ts\n#EXTINF:2,\nlast.ts\n', BASE)
    assert found.entries[-1].uri == 'https://origin/live/last.ts'


@pytest.mark.parametrize(
    'text',
    ['', ' ', '\n', '\0', '<html>', '{}', '[]', 'EXTM3U', '\n#EXTM3U', '#EXTM3U8', '#EXTM3U', GOOD]
    + [f'#EXTM3U8\n{GOOD}', f'#extm3u\n{GOOD}', f'<p>\n{HEAD}{GOOD}', f'# 1\n{HEAD}{GOOD}', '#EXTM3U\na.ts']
    + [f'#EXTM3U\n#EXT-X-TARGETDURATION:{bad}\n' for bad in ('nan', 'inf', '-2', '0', '', 'two')],
)  # fmt: skip
def test_what_is_no_media_playlist_is_a_listing_error(text: str) -> None:
    with pytest.raises(ListingError):
        parse_media(text, BASE)


@pytest.mark.parametrize(
    'text',
    ['\ufeff' + HEAD + GOOD, (HEAD + GOOD).replace('\n', '\r\n'), (HEAD + GOOD).replace('\n', '\r'),
     f'\n \n{HEAD}\n\n{GOOD}', HEAD.replace('\n', ' \t\n') + ' \t#EXTINF:2,  \n good.ts \n',
     HEAD + GOOD[:-1],
     HEAD.replace('3U', '3U url-tvg="x"') + GOOD, f'{HEAD}#comment\n#EXT-X-UNKNOWN:x\n#EXTM3U\n{GOOD}',
     f'{HEAD}#extinf:9,\n{GOOD}', f'{HEAD}#EXTINF:2,a\u2028b\x85\x0bx\ngood.ts\n', f'{HEAD}##\n{GOOD}#'],
)  # fmt: skip
def test_what_looks_odd_and_is_a_playlist(text: str) -> None:
    found = parse_media(text, BASE)
    assert [(each.uri, each.duration.total_seconds()) for each in found.entries] == [
        ('https://origin/live/good.ts', 2)
    ]
    assert found.skipped == ()


@pytest.mark.parametrize(
    'bad',
    ['#EXTINF:nan,\nbad.ts', '#EXTINF:inf,\nbad.ts', '#EXTINF:-2,\nbad.ts', '#EXTINF:0,\nbad.ts',
     '#EXTINF:,\nbad.ts', '#EXTINF:1e99,\nbad.ts', '#EXTINF\nbad.ts', '#EXTINF:86400,\nbad.ts', 'bad.ts',
     '#EXTINF:0.0000001,\nbad.ts', '#EXTINF:1_0,\nbad.ts', '#EXTINF:\u0662,\nbad.ts', '#extinf:2,\nbad.ts',
     f'#EXTINF:{"9" * 5000},\nbad.ts', '#EXTINF:2s,\nbad.ts', '#EXTINF:2,\n#EXT-X-BYTERANGE:all\nbad.ts'],
    ids=lambda value: ascii(value)[:40],
)  # fmt: skip
def test_a_bad_line_costs_only_its_segment(bad: str) -> None:
    found = parse_media(f'{HEAD}{GOOD}{bad}\n{GOOD}', BASE)
    assert [entry.sequence for entry in found.entries] == [0, 2]
    assert [each.sequence for each in found.skipped] == [1]
    assert found.skipped[0].cause.isascii()


@contextmanager
def memory(most: int) -> Iterator[None]:
    """No more than so many bytes at any time."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < most
    finally:
        tracemalloc.stop()


LARGE = 2_000_000


@pytest.mark.timeout(60)
@pytest.mark.parametrize('read', [parse_media, parse_master])
@pytest.mark.parametrize(
    'line',
    ['#EXT-X-STREAM-INF:' + 'A' * LARGE, '#EXT-X-KEY:' + 'A=' * LARGE, '#EXT-X-MAP:' + '"' * LARGE,
     '#EXT-X-KEY:A=' + ' ' * LARGE + '"', '#EXT-X-MEDIA:A' + ' ' * LARGE + '"', '#EXT-X-MAP:' + ' ' * LARGE,
     '#EXT-X-MAP:' + 'A="' * LARGE, '#EXT-X-KEY:' + ',' * LARGE, '#EXT-X-DEFINE:' + 'A=b,' * LARGE,
     '#EXTINF:' + '9' * LARGE, '#EXTINF:' + ' ' * LARGE + '9', '#EXT-X-BYTERANGE:' + '9' * LARGE,
     '#EXT-X-BYTERANGE:' + ' ' * LARGE, '#EXT-X-MEDIA-SEQUENCE:' + '9' * LARGE, '{$' * LARGE, '{$a' * LARGE,
     '#EXT-X-PROGRAM-DATE-TIME:2026-11-14T03:00:00.' + '9' * LARGE, '\r' * LARGE + '\\', 'a/../' * LARGE,
     '#EXT-X-KEY:METHOD=AES-128,URI="k",IV=0x' + 'f' * LARGE, '#' * LARGE,
     '#EXT-X-KEY:A="' + '{$' * LARGE + '"'],
    ids=lambda line: line[:30] if isinstance(line, str) else None,
)  # fmt: skip
def test_a_line_of_megabytes_is_read_in_linear_time(read: Callable[[str, str], object], line: str) -> None:
    try:
        read(f'{HEAD}{VARIANT if read is parse_master else GOOD}{line}\n{GOOD}', BASE)
    except ListingError:
        return


@pytest.mark.parametrize(
    'line', ['a\n', '#EXTINF:2,\na\n', '#EXT-X-MEDIA-SEQUENCE:7\n#EXTINF:2,\na\n', '#EXTINF:x\na\n']
)
def test_more_segments_than_there_can_be_are_refused(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(playlist_reader, 'MOST_SEGMENTS', 100)
    assert len(parse_media(HEAD + '#EXTINF:2,\na\n' * 100, BASE).entries) == 100
    with pytest.raises(ListingError, match='more than 100 segments'):
        parse_media(HEAD + line * 101, BASE)


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    'line',
    ['#EXT-X-MEDIA-SEQUENCE:x\n', '#EXT-X-KEY:METHOD=A,KEYFORMAT="{}"\n', '#EXT-X-DEFINE:NAME="{}"\n'],
)
def test_many_lines_of_no_segment_take_no_more_than_a_few_times_their_length(line: str) -> None:
    text = HEAD + GOOD + ''.join(line.format(n) for n in range(20_000))
    with memory(12 * len(text)):
        parse_media(text, BASE)


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    'line', ['#EXTINF:2,\n{$v}\n', '#EXT-X-KEY:KEYFORMAT="{$v}"\n', '#EXT-X-MAP:URI="{$v}"\n']
)
def test_variables_do_not_multiply_the_text_without_bound(line: str) -> None:
    define = f'#EXT-X-DEFINE:NAME="v",VALUE="{"x" * (LONGEST_URI - 100)}"\n'
    with memory(300_000_000), pytest.raises(ListingError, match='too long'):
        parse_media(HEAD + define + line * 10_000, BASE)


def test_of_many_lines_that_cannot_be_read_the_first_are_told() -> None:
    found = parse_media(HEAD + GOOD + '#EXT-X-MEDIA-SEQUENCE:x\n' * 1_000, BASE)
    assert len(found.unread) == playlist_reader.MOST_UNREAD


def test_variables_of_variables_do_not_grow_without_bound() -> None:
    define = '#EXT-X-DEFINE:NAME="v",VALUE="x"\n' + '#EXT-X-DEFINE:NAME="v",VALUE="{$v}{$v}"\n' * 100
    found = parse_media(f'{HEAD}{define}#EXTINF:2,\n{{$v}}\n', BASE)
    assert len(found.entries[0].uri) <= LONGEST_URI + len(BASE)


@pytest.mark.timeout(60)
def test_a_long_base_url_does_not_multiply_the_text_without_bound() -> None:
    with memory(300_000_000), pytest.raises(ListingError, match='too long'):
        parse_media(HEAD + '#EXTINF:2,\na\n' * 10_000, f'https://origin/{"x" * 8_000}/source.m3u8')
