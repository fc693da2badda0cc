"""What becomes of a playlist: which URIs are pieces, which are rewritten, which are left alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backfiller.migrate.keys import Keys
from backfiller.migrate.plan import Kind, Piece, Plan, plan
from common.errors import ListingError

HEAD = '#EXTM3U\n#EXT-X-TARGETDURATION:4\n'


def made(text: str, *, url: str = 'http://h/l/v/i.m3u8', key: str = 'l/v/i.m3u8') -> Plan:
    piece = Piece(Kind.PLAYLIST, f'http://h/{key}', key, key)
    return plan(text.encode('utf-8', 'surrogateescape'), url, piece, Keys(home='h'))


def uris(found: Plan) -> list[str]:
    lines = found.body.decode('utf-8', 'surrogateescape').splitlines()
    return [line for line in lines[1:] if line and not line.startswith('#')]


@pytest.mark.parametrize(
    'text',
    [
        f'{HEAD}#EXTINF:4,\na.ts\n#EXTINF:4,\n../b%20c.ts\n#EXT-X-ENDLIST\n',
        f'\ufeff{HEAD}#EXTINF:4,\r\n  a.ts  \r\n\r\n# a comment\r\n#EXT-X-UNKNOWN:URI="x"',
        f'{HEAD}#EXT-X-KEY:METHOD=SAMPLE-AES,URI="skd://key",KEYFORMAT="com.apple"\n#EXTINF:4,\na.ts\n',
        f'{HEAD}#EXT-X-MAP:URI="data:video/mp4;base64,AA=="\n#EXTINF:4,\na.ts\n',
        f'{HEAD}#EXTINF:4,\udcff\na.ts\n',
    ],
)
def test_a_playlist_whose_uris_all_lead_there_is_the_same_to_the_last_byte(text: str) -> None:
    assert made(text).body == text.encode('utf-8', 'surrogateescape')


@pytest.mark.parametrize(
    ('uri', 'rewritten', 'key'),
    [
        ('http://h/l/v/a.ts', 'a.ts', 'l/v/a.ts'),
        ('/l/a.ts', '../a.ts', 'l/a.ts'),
        ('//cdn/a.ts', '../../cdn/a.ts', 'cdn/a.ts'),
        ('https://cdn:8443/x/a.ts', '../../cdn_8443/x/a.ts', 'cdn_8443/x/a.ts'),
        ('../../../../a.ts', '../../a.ts', 'a.ts'),
        ('a.ts?token=1', 'a.ts', 'l/v/a.ts'),
        ('a+b.ts', 'a%2Bb.ts', 'l/v/a+b.ts'),
        ('a.ts#x', 'a.ts', 'l/v/a.ts'),
    ],
)
def test_what_would_not_lead_there_is_rewritten(uri: str, rewritten: str, key: str) -> None:
    found = made(f'{HEAD}#EXTINF:4,\n{uri}\n')
    assert uris(found) == [rewritten]
    assert [piece.key for piece in found.pieces] == [key]


def test_queries_that_select_are_kept_apart() -> None:
    found = made(f'{HEAD}#EXTINF:4,\na.ts?id=1\n#EXTINF:4,\na.ts?id=2\n')
    assert len({piece.key for piece in found.pieces}) == 2
    assert [f'l/v/{uri}' for uri in uris(found)] == [piece.key for piece in found.pieces]


def test_pieces_of_two_servers_with_one_key_are_not_taken_for_each_other() -> None:
    piece = Piece(Kind.PLAYLIST, 'http://h/i.m3u8', 'i.m3u8', 'http://h/i.m3u8')
    uris = ['http://a/x.ts', 'http://b/x.ts', 'https://a/x.ts?token=1', 'http://b/x.ts']
    text = HEAD + ''.join(f'#EXTINF:4,\n{uri}\n' for uri in uris)
    found = plan(text.encode(), piece.url, piece, Keys(hosts=False))
    assert [(each.url, each.seconds) for each in found.pieces] == [('http://a/x.ts', 8)]
    ((refused, why),) = found.refused
    assert (refused.url, refused.seconds) == ('http://b/x.ts', 8)
    assert why == 'x.ts is taken by a/x.ts: give --by-host always'


def test_uris_mean_what_they_mean_where_the_playlist_came_from() -> None:
    found = made(f'{HEAD}#EXTINF:4,\na.ts\n', url='http://cdn/moved/i.m3u8')
    assert [piece.url for piece in found.pieces] == ['http://cdn/moved/a.ts']
    assert uris(found) == ['../../cdn/moved/a.ts']


def test_keys_and_init_sections_answer_for_the_segments_that_need_them() -> None:
    found = made(
        f'{HEAD}#EXT-X-MEDIA-SEQUENCE:7\n#EXT-X-KEY:METHOD=AES-128,URI="k1",IV=0x1\n'
        '#EXT-X-MAP:URI="init.mp4",BYTERANGE="10@0"\n#EXTINF:4,\na.m4s\n#EXTINF:3.5,\nb.m4s\n'
        '#EXT-X-KEY:METHOD=NONE\n#EXTINF:2,\nc.m4s\n#EXT-X-ENDLIST\n'
    )
    said = {
        piece.key.rpartition('/')[2]: (piece.kind, piece.sequence, piece.seconds) for piece in found.pieces
    }
    assert said == {
        'k1': (Kind.KEY, 7, 7.5),
        'init.mp4': (Kind.INIT, 7, 9.5),
        'a.m4s': (Kind.SEGMENT, 7, 4.0),
        'b.m4s': (Kind.SEGMENT, 8, 3.5),
        'c.m4s': (Kind.SEGMENT, 9, 2.0),
    }
    assert found.ended


def test_byte_ranges_of_one_file_are_one_piece() -> None:
    text = f'{HEAD}#EXTINF:4,\n#EXT-X-BYTERANGE:9@0\na.ts\n#EXTINF:3,\n#EXT-X-BYTERANGE:9\na.ts\n'
    (piece,) = made(text).pieces
    assert piece.seconds == 7


def test_a_master_names_playlists_keys_and_data() -> None:
    found = made(
        '#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a,URI=",NAME="x",URI="http://h/l/v/en.m3u8"\n'
        '#EXT-X-MEDIA:TYPE=CLOSED-CAPTIONS,GROUP-ID="c",NAME="x",INSTREAM-ID="CC1"\n'
        '#EXT-X-STREAM-INF:BANDWIDTH=1\nhi.m3u8\n#EXT-X-STREAM-INF:BANDWIDTH=2\nhi.m3u8\n'
        '#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1,URI="i.m3u8"\n#EXT-X-SESSION-DATA:DATA-ID="x",URI="d.json"\n'
        '#EXT-X-SESSION-KEY:METHOD=AES-128,URI="k"\n'
    )
    assert found.is_master
    assert [each.key for each in found.playlists] == ['l/v/en.m3u8', 'l/v/hi.m3u8', 'l/v/i.m3u8']
    assert {each.kind for each in found.pieces} == {Kind.DATA, Kind.KEY}
    assert b'GROUP-ID="a,URI=",NAME="x",URI="en.m3u8"' in found.body


def test_low_latency_tags_are_rewritten_and_only_what_is_there_is_a_piece() -> None:
    found = made(
        f'{HEAD}#EXT-X-PART:DURATION=1,URI="http://h/l/v/a.0.m4s"\n#EXTINF:4,\na.m4s\n'
        '#EXT-X-PRELOAD-HINT:TYPE=PART,URI="http://h/l/v/b.0.m4s"\n'
        '#EXT-X-RENDITION-REPORT:URI="http://h/l/w/i.m3u8",LAST-MSN=1\n'
    )
    assert [piece.key for piece in found.pieces] == ['l/v/a.0.m4s', 'l/v/a.m4s']
    assert b'http://' not in found.body
    assert b'URI="../w/i.m3u8"' in found.body


@pytest.mark.parametrize('uri', ['file:///etc/passwd', 'ftp://h/a.ts', 'http://[', '{$base}/a.ts', 'a\0.ts'])
def test_what_cannot_be_had_is_told_and_left_as_it_is(uri: str) -> None:
    found = made(f'{HEAD}#EXTINF:4,\n{uri}\n#EXTINF:4,\nb.ts\n')
    ((piece, why),) = found.refused
    assert (piece.seconds, bool(why)) == (4.0, True)
    assert uris(found) == [uri, 'b.ts']
    assert [each.key for each in found.pieces] == ['l/v/b.ts']


def test_variables_are_put_in() -> None:
    text = f'{HEAD}#EXT-X-DEFINE:NAME="base",VALUE="http://cdn/x"\n#EXTINF:4,\n{{$base}}/a.ts\n'
    found = made(text)
    assert [piece.url for piece in found.pieces] == ['http://cdn/x/a.ts']
    assert uris(found) == ['../../cdn/x/a.ts']


def test_what_its_server_says_is_missing_is_no_piece() -> None:
    found = made(f'{HEAD}#EXTINF:4,\n#EXT-X-GAP\na.ts\n#EXTINF:4,\nb.ts\n')
    assert [(piece.key, piece.sequence) for piece in found.pieces] == [('l/v/b.ts', 1)]


def test_a_playlist_that_names_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('backfiller.migrate.plan.MOST_PIECES', 3)
    with pytest.raises(ListingError, match='more than 3 pieces'):
        made(HEAD + ''.join(f'#EXTINF:4,\n{number}.ts\n' for number in range(4)))


@pytest.mark.parametrize('text', ['', '<html>', '\n#EXTM3U\n', '{"error": "denied"}', '#EXTM3U8\n'])
def test_what_is_no_playlist_is_refused(text: str) -> None:
    with pytest.raises(ListingError):
        made(text)


@given(st.binary(max_size=300))
def test_no_playlist_at_all_breaks_it(body: bytes) -> None:
    piece = Piece(Kind.PLAYLIST, 'http://h/i.m3u8', 'i.m3u8', '')
    found = plan(b'#EXTM3U\n' + body, piece.url, piece, Keys(home='h'))
    for each in (*found.pieces, *found.playlists):
        assert not {'', '.', '..'} & set(each.key.split('/'))


@given(st.lists(st.sampled_from(['a.ts', '../b.ts', 'http://cdn/c.ts', '/d.ts', '#EXTINF:4,', '\r', ''])))
def test_a_plan_of_what_was_planned_changes_nothing(lines: list[str]) -> None:
    once = made(HEAD + '\n'.join(lines))
    again = made(once.body.decode())
    assert again.body == once.body
    assert {piece.key for piece in again.pieces} == {piece.key for piece in once.pieces}
