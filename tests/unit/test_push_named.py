"""What an encoder's playlist names, and what leads out of its folder."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backfiller.push.named import path_of, read
from common.errors import ListingError

HEAD = '#EXTM3U\n#EXT-X-TARGETDURATION:2\n'


def media(*uris: str) -> str:
    return HEAD + ''.join(f'#EXTINF:2.0,\n{uri}\n' for uri in uris)


def test_a_media_playlist_names_segments_maps_keys_and_parts() -> None:
    text = (
        f'{HEAD}#EXT-X-MAP:URI="init.mp4"\n#EXT-X-KEY:METHOD=AES-128,URI="key.bin",IV=0x1\n'
        '#EXT-X-PART:DURATION=0.5,URI="a.0.m4s"\n#EXT-X-PRELOAD-HINT:TYPE=PART,URI="b.0.m4s"\n'
        '#EXTINF:2.5,title\na.m4s?token=1\n\n#EXT-X-ENDLIST\n'
    )
    found = read('360p/index.m3u8', text)
    assert found.files == ('360p/init.mp4', '360p/key.bin', '360p/a.0.m4s', '360p/a.m4s')
    assert (found.is_master, found.ended, found.playlists, found.refused) == (False, True, (), ())
    assert found.seconds == 4.5


def test_a_master_names_playlists_and_renditions() -> None:
    text = (
        '#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="x",URI="audio/en.m3u8"\n'
        '#EXT-X-STREAM-INF:BANDWIDTH=1,CODECS="a,b"\n360p/index.m3u8\n'
        '#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1,URI="360p/i.m3u8"\n'
    )
    found = read('master.m3u8', text)
    assert found.is_master
    assert found.playlists == ('audio/en.m3u8', '360p/index.m3u8', '360p/i.m3u8')
    assert found.files == ()


@pytest.mark.parametrize(
    ('uri', 'path'),
    [
        ('a.ts', 'sub/a.ts'),
        ('./x/../a%20b.ts', 'sub/a b.ts'),
        ('../a.ts', 'a.ts'),
        ('a.ts?x=..%2F..%2F', 'sub/a.ts'),
        ('https://cdn/a.ts', ''),
        ('//cdn/a.ts', ''),
        ('data:text/plain;base64,AA', ''),
    ],
)
def test_a_uri_means_a_path_or_another_server(uri: str, path: str) -> None:
    assert path_of('sub/live.m3u8', uri) == path


@pytest.mark.parametrize(
    'uri',
    [
        '/etc/passwd', '../../etc/passwd', '..', '../..', '%2e%2e/%2e%2e/x', '..%2f..%2fx', '%2Fetc%2Fpasswd',
        'file:///etc/passwd', 'x/../../../a', '', '?a', 'a%00.ts', 'x\\..\\..\\a', 'a%0Ab', 'http://[bad',
        '%ff',
    ],
)  # fmt: skip
def test_what_leads_out_of_the_folder_is_refused(uri: str) -> None:
    found = read('sub/live.m3u8', f'{HEAD}#EXT-X-KEY:METHOD=AES-128,URI="{uri}"\n')
    assert (len(found.refused), found.files) == (1, ())


def test_the_refused_is_told_and_the_rest_is_read() -> None:
    found = read('live.m3u8', media('a.ts', '../b.ts', '/c.ts', 'd.ts'))
    assert found.files == ('a.ts', 'd.ts')
    assert found.refused == ("'../b.ts'", "'/c.ts'")


@pytest.mark.parametrize('text', ['', '<html>\n', media('a.ts')[:-1], '#EXTM3', HEAD + '#EXTINF:2.0,\na.t'])
def test_what_is_no_playlist_or_half_of_one_is_a_listing_error(text: str) -> None:
    with pytest.raises(ListingError):
        read('live.m3u8', text)


@given(st.text(max_size=30))
def test_no_uri_at_all_leads_out_of_the_folder(uri: str) -> None:
    for path in read('sub/live.m3u8', f'{media(uri)}#EXT-X-KEY:METHOD=NONE,URI="{uri}"\n').files:
        parts = path.split('/')
        assert not {'', '.', '..'} & set(parts)
        assert '\0' not in path
