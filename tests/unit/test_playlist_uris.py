"""What a playlist names, and where in its text."""

from hypothesis import given
from hypothesis import strategies as st

from common.hls.uris import attributes, lines

TEXT = (
    '\ufeff#EXTM3U\r\n#EXT-X-KEY:METHOD=AES-128,URI="k ey",IV=0x1\n'
    '#EXT-X-MEDIA:NAME="a,URI=""x",URI="m.m3u8"\n#EXTINF:2,URI="no"\n  a.ts \n\n#EXT-X-MAP:X-ASSET-URI="z"\n'
    '#EXT-X-MAP:URI=bare\n#EXT-X-KEY:URI=""'
)


def test_uris_are_found_with_their_places() -> None:
    found = [(line.tag, line.uri) for line in lines(TEXT) if line.names]
    assert found == [
        ('#EXT-X-KEY', 'k ey'),
        ('#EXT-X-MEDIA', 'm.m3u8'),
        ('#EXTINF', 'no'),
        ('', 'a.ts'),
        ('#EXT-X-KEY', ''),
    ]
    assert next(line.tag for line in lines(TEXT)) == '#EXTM3U'


def test_attributes_lose_their_quotes() -> None:
    assert attributes('METHOD=AES-128,URI="a,b=c",IV=0x1') == {
        'METHOD': 'AES-128',
        'URI': 'a,b=c',
        'IV': '0x1',
    }


@given(st.text(st.sampled_from('#EXT-URI="\',:\r\n a\ufeff'), max_size=80))
def test_every_uri_stands_where_it_is_said_to_stand(text: str) -> None:
    for line in lines(text):
        assert not line.names or text[line.start : line.end] == line.uri
