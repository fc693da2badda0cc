"""What media segments need besides their URIs, and the URIs: ranges, keys, init sections, variables."""

from datetime import timedelta

import pytest

from common.hls.parts import ByteRange, Init, Key
from common.hls.playlist_reader import Entry, MediaPlaylist, parse_media

BASE = 'https://origin/live/source.m3u8?token=secret'
HEAD = '#EXTM3U\n#EXT-X-TARGETDURATION:2\n'
GOOD = '#EXTINF:2,\ngood.ts\n'
KEY = '#EXT-X-KEY:METHOD=AES-128,URI="k"'


def read(lines: str, base: str = BASE, variables: dict[str, str] | None = None) -> MediaPlaylist:
    return parse_media(HEAD + lines, base, variables or {})


def only(lines: str) -> Entry:
    (entry,) = read(lines).entries
    return entry


# Byte ranges


def parts(lines: str) -> list[tuple[str, int, int] | None]:
    return [
        each.part and (each.uri.rpartition('/')[2], each.part.length, each.part.offset)
        for each in read(lines).entries
    ]


def ranged(told: str, uri: str = 'a.ts') -> str:
    return f'#EXTINF:2,\n#EXT-X-BYTERANGE:{told}\n{uri}\n'


def test_a_range_without_offset_follows_the_one_before_of_the_same_resource() -> None:
    lines = ranged('10@100') + ranged('7@0', 'b.ts') + ranged('20') + ranged('5') + GOOD + ranged('3', 'b.ts')
    assert parts(lines) == [
        ('a.ts', 10, 100), ('b.ts', 7, 0), ('a.ts', 20, 110), ('a.ts', 5, 130), None, ('b.ts', 3, 7)
    ]  # fmt: skip


def test_the_first_segment_of_all_begins_its_resource() -> None:
    assert parts(ranged('10') + ranged('5')) == [('a.ts', 10, 0), ('a.ts', 5, 10)]


def test_a_range_that_follows_nothing_known_costs_its_segment_and_those_that_follow_it() -> None:
    found = read(f'#EXT-X-MEDIA-SEQUENCE:9\n{ranged("10")}{ranged("5")}{ranged("6@30")}{ranged("1")}')
    assert [each.part for each in found.entries] == [ByteRange(6, 30), ByteRange(1, 36)]
    assert [each.sequence for each in found.skipped] == [9, 10]


def test_a_range_also_follows_that_of_a_segment_that_is_skipped() -> None:
    found = read(f'{ranged("10@0")}#EXT-X-KEY:METHOD=X\n{ranged("5")}#EXT-X-KEY:METHOD=NONE\n{ranged("1")}')
    assert [each.part for each in found.entries] == [ByteRange(10, 0), ByteRange(1, 15)]


@pytest.mark.parametrize(
    'told', ['', '@', '5@', 'x', '0', '0@5', '-1@0', '5@-1', '9' * 99, '5@5@5', '\u0665@0']
)
def test_a_range_that_cannot_be_read_costs_its_segment(told: str) -> None:
    found = read(f'{GOOD}{ranged(told)}{GOOD}')
    assert [each.sequence for each in found.entries] == [0, 2]


# Keys and init sections


def test_a_key_holds_until_the_next_one() -> None:
    vector = '#EXT-X-KEY:METHOD=AES-128,URI="../k2?a=1,2",IV=0xABC\n'
    found = read(f'{GOOD}{KEY}\n{GOOD}{GOOD}{vector}{GOOD}#EXT-X-KEY:METHOD=NONE\n{GOOD}')
    first = Key('AES-128', 'https://origin/live/k', None)
    second = Key('AES-128', 'https://origin/k2?a=1,2', b'\0' * 14 + b'\x0a\xbc')
    assert [each.key for each in found.entries] == [None, first, first, second, None]


@pytest.mark.parametrize('iv', ['0x' + 'f' * 32, '0X' + 'F' * 32, f'"0x{"f" * 32}"'])
def test_a_vector_has_128_bits(iv: str) -> None:
    key = only(f'{KEY},IV={iv}\n{GOOD}').key
    assert key is not None
    assert key.iv == b'\xff' * 16


@pytest.mark.parametrize(
    'line',
    [
        '#EXT-X-KEY:METHOD=SAMPLE-AES,URI="k"',
        '#EXT-X-KEY:METHOD=AES-128,URI="k',
        '#EXT-X-KEY:METHOD=AES-128',
        '#EXT-X-KEY:METHOD=AES-128,URI="data:,x"',
        '#EXT-X-KEY:METHOD=AES-128,URI="skd://x",KEYFORMAT="com.apple.streamingkeydelivery"',
        '#EXT-X-KEY:URI="k"',
        '#EXT-X-KEY:',
        '#EXT-X-KEY',
        f'{KEY},IV=0x',
        f'{KEY},IV=abc',
        f'{KEY},IV=0x{"f" * 33}',
        f'{KEY},IV=0x{"f" * 1_000_000}',
    ],
    ids=lambda line: line[:60],
)
def test_what_we_have_no_key_for_is_skipped_until_there_is_one(line: str) -> None:
    found = read(f'{GOOD}{line}\n{GOOD}{GOOD}{KEY}\n{GOOD}')
    assert [each.sequence for each in found.entries] == [0, 3]
    assert [each.sequence for each in found.skipped] == [1, 2]
    assert [each.duration for each in found.skipped] == [timedelta(seconds=2)] * 2
    assert all(len(each.cause) < 400 for each in found.skipped)


def test_the_method_that_we_cannot_undo_is_named() -> None:
    found = read(f'#EXT-X-KEY:METHOD=SAMPLE-AES,URI="k"\n{GOOD}')
    assert "encrypted with 'SAMPLE-AES'" in str(found.skipped[0])


def test_of_several_keys_the_one_that_we_can_use_is_taken() -> None:
    other = '#EXT-X-KEY:METHOD=SAMPLE-AES,URI="skd://x",KEYFORMAT="com.apple.streamingkeydelivery"\n'
    ours = f'{KEY},KEYFORMAT="identity"\n'
    for lines in (other + ours, ours + other):
        key = only(lines + GOOD).key
        assert key is not None
        assert key.uri == 'https://origin/live/k'


def test_no_method_ends_all_keys() -> None:
    other = '#EXT-X-KEY:METHOD=SAMPLE-AES,URI="skd://x",KEYFORMAT="com.apple.streamingkeydelivery"\n'
    found = read(f'{other}{KEY}\n{GOOD}#EXT-X-KEY:METHOD=NONE\n{GOOD}')
    assert [each.key is None for each in found.entries] == [False, True]


def test_an_init_section_holds_until_the_next_one_with_the_key_at_its_place() -> None:
    inits = '#EXT-X-MAP:URI="i1.mp4"\n', '#EXT-X-MAP:URI="i2.mp4",BYTERANGE="800@20"\n'
    vector = f'{KEY},IV=0x1\n'
    broken = '#EXT-X-DISCONTINUITY\n'
    found = read(f'{GOOD}{inits[0]}{GOOD}{vector}{GOOD}{broken}{inits[1]}{GOOD}{broken}{GOOD}')
    key = Key('AES-128', 'https://origin/live/k', b'\0' * 15 + b'\x01')
    first = Init('https://origin/live/i1.mp4')
    second = Init('https://origin/live/i2.mp4', ByteRange(800, 20), key)
    assert [each.init for each in found.entries] == [None, first, first, second, second]
    assert [each.key for each in found.entries] == [None, None, key, key, key]


def test_the_range_of_an_init_section_begins_its_resource() -> None:
    assert only(f'#EXT-X-MAP:URI="i",BYTERANGE="5"\n{GOOD}').init == Init(
        'https://origin/live/i', ByteRange(5, 0)
    )


@pytest.mark.parametrize(
    'line',
    [
        '',
        '#EXT-X-MAP',
        '#EXT-X-MAP:URI="i',
        '#EXT-X-MAP:URI=""',
        '#EXT-X-MAP:URI="file:///i"',
        '#EXT-X-MAP:BYTERANGE="5@0"',
        '#EXT-X-MAP:URI="i",BYTERANGE="x"',
        '#EXT-X-MAP:URI="i",BYTERANGE="0"',
        '#EXT-X-KEY:METHOD=SAMPLE-AES,URI="k"\n#EXT-X-MAP:URI="i"\n#EXT-X-KEY:METHOD=NONE',
    ],
)
def test_what_needs_an_init_section_that_cannot_be_had_is_skipped(line: str) -> None:
    good = '#EXT-X-MAP:URI="i"\n'
    found = read(f'{good}{GOOD}{line}\n{GOOD}{good}{GOOD}')
    assert [each.sequence for each in found.entries] == ([0, 2] if line else [0, 1, 2])


def test_a_gap_is_said_of_one_segment() -> None:
    assert [each.gap for each in read(f'{GOOD}#EXT-X-GAP\n{GOOD}{GOOD}').entries] == [False, True, False]


def test_a_discontinuity_before_a_segment_that_is_skipped_is_not_forgotten() -> None:
    found = read(f'{GOOD}#EXT-X-DISCONTINUITY\nbad.ts\n{GOOD}{GOOD}')
    assert [each.discontinuity for each in found.entries] == [False, True, False]


# URIs


@pytest.mark.parametrize(
    ('uri', 'url'),
    [
        ('a.ts', 'https://origin/live/a.ts'),
        ('a..b.ts?', 'https://origin/live/a..b.ts'),
        ('a.ts?x=1&y=2#z', 'https://origin/live/a.ts?x=1&y=2#z'),
        ('?x=1', 'https://origin/live/source.m3u8?x=1'),
        ('../a.ts', 'https://origin/a.ts'),
        ('../../../a.ts', 'https://origin/a.ts'),
        ('/a/./b/../c.ts', 'https://origin/a/c.ts'),
        ('//cdn/a.ts', 'https://cdn/a.ts'),
        ('http://cdn:8080/a.ts', 'http://cdn:8080/a.ts'),
        ('HTTPS://cdn/a.ts', 'https://cdn/a.ts'),
        ('two words.ts', 'https://origin/live/two%20words.ts'),
        ('100%25%20\u00e9.ts?q=\u00e9', 'https://origin/live/100%25%20%C3%A9.ts?q=%C3%A9'),
        ('latin-\udce9.ts', 'https://origin/live/latin-%E9.ts'),
        ('a|b^{c}"<d>`\\e.ts', 'https://origin/live/a%7Cb%5E%7Bc%7D%22%3Cd%3E%60%5Ce.ts'),
        ('https://b\u00fccher.example/a b.ts', 'https://b\u00fccher.example/a%20b.ts'),
        ('a:b.ts/../c.ts', None),
    ],
    ids=ascii,
)
def test_uris(uri: str, url: str | None) -> None:
    assert [each.uri for each in read(f'#EXTINF:2,\n{uri}\n').entries] == ([url] if url else [])


@pytest.mark.parametrize(
    'uri',
    [
        'file:///etc/passwd',
        'javascript:alert(1)',
        'data:video/mp2t;base64,AAAA',
        'ftp://host/a.ts',
        'C:\\a.ts',
        'http://[bad/a.ts',
        '//\u2100/a.ts',
        'http:///a.ts',
        'http://good\\@evil/a.ts',
        'http://a b/c.ts',
        'http://host:port/a.ts',
        'http://host:99999/a.ts',
        'a\0b.ts',
        'a\x07b.ts',
        'a\x85b.ts',
        'a' * 1_000_000,
    ],
    ids=lambda uri: ascii(uri)[:40],
)
def test_a_uri_that_leads_nowhere_costs_its_segment(uri: str) -> None:
    found = read(f'{GOOD}#EXTINF:2,\n{uri}\n{GOOD}')
    assert [each.sequence for each in found.entries] == [0, 2]
    assert found.skipped[0].duration == timedelta(seconds=2)


@pytest.mark.parametrize(
    'base', ['https://origin/\u00e9/x y/live.m3u8', 'https://origin/\u00e9/../\u00e9/x%20y/?z']
)
def test_all_uris_are_relative_to_one_base_and_encoded(base: str) -> None:
    found = read('#EXTINF:2,\na.ts\n#EXTINF:2,\n./b.ts\n', base)
    folder = 'https://origin/%C3%A9/x%20y/'
    assert [each.uri for each in found.entries] == [f'{folder}a.ts', f'{folder}b.ts']


def test_a_folder_may_name_its_own_files() -> None:
    found = read('#EXTINF:2,\nsub/a b.ts\n', 'file:///srv/hls/live.m3u8')
    assert found.entries[0].uri == 'file:///srv/hls/sub/a%20b.ts'


# Variables


def test_variables_are_put_into_uris_and_quoted_values() -> None:
    defined = '#EXT-X-DEFINE:NAME="cdn",VALUE="https://cdn/{$none}"\n#EXT-X-DEFINE:NAME="v",VALUE="x"\n'
    with_none = '#EXT-X-DEFINE:NAME="none",VALUE=""\n'
    found = read(f'{with_none}{defined}#EXT-X-MAP:URI="{{$cdn}}i"\n#EXTINF:2,\n{{$cdn}}{{$v}}/a.ts\n')
    assert found.entries[0].uri == 'https://cdn/x/a.ts'
    assert found.entries[0].init == Init('https://cdn/i')


def test_a_variable_may_come_from_the_query_or_the_master() -> None:
    defined = '#EXT-X-DEFINE:QUERYPARAM="token"\n#EXT-X-DEFINE:IMPORT="place"\n'
    found = read(f'{defined}#EXTINF:2,\n{{$place}}/a.ts?{{$token}}\n', variables={'place': 'there'})
    assert found.entries[0].uri == 'https://origin/live/there/a.ts?secret'


@pytest.mark.parametrize(
    'define', ['', 'NAME="w",VALUE="x"', 'QUERYPARAM="v"', 'IMPORT="v"', 'VALUE="x"', 'NAME=v"']
)
def test_what_refers_to_no_variable_costs_only_itself(define: str) -> None:
    found = read(f'#EXT-X-DEFINE:{define}\n{GOOD}#EXTINF:2,\n{{$v}}.ts\n{GOOD}')
    assert [each.sequence for each in found.entries] == [0, 2]
