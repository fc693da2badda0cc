"""Master playlists of live origins: also those of sloppy ones, of which no variant is lost."""

import pytest

from common.errors import ListingError
from common.hls.master_reader import MOST_CHARACTERS, MOST_NAMED, Master, Rendition, is_master, parse_master
from common.hls.playlist import VariantStream

BASE = 'https://origin/live/master.m3u8?token=secret'
GOOD = '#EXT-X-STREAM-INF:BANDWIDTH=5\ngood.m3u8\n'
GOOD_VARIANT = VariantStream('https://origin/live/good.m3u8', 5)


def read(lines: str) -> Master:
    return parse_master(f'#EXTM3U\n{lines}\n', BASE)


def only(lines: str) -> VariantStream:
    (variant,) = read(lines).variants
    return variant


def test_all_that_is_said_of_a_variant() -> None:
    told = (
        'BANDWIDTH=1280000,AVERAGE-BANDWIDTH=1000000,CODECS="avc1.64001f, mp4a.40.2",RESOLUTION=1280x720,'
        'FRAME-RATE=29.970,AUDIO="aac, low",NAME="720p = good",VIDEO-RANGE=SDR,CLOSED-CAPTIONS=NONE,X-="="'
    )
    assert only(f'#EXT-X-STREAM-INF:{told}\n#EXT-X-NOTE\n\n../720p.m3u8?a=b') == VariantStream(
        'https://origin/720p.m3u8?a=b',
        1_280_000,
        1_000_000,
        resolution=(1280, 720),
        codecs=('avc1.64001f', 'mp4a.40.2'),
        audio='aac, low',
        name='720p = good',
        frame_rate=29.97,
    )


@pytest.mark.parametrize(
    ('told', 'bandwidth'),
    [
        ('', 0),
        ('BANDWIDTH=', 0),
        ('BANDWIDTH=fast', 0),
        ('BANDWIDTH=-1', 0),
        (f'BANDWIDTH={"9" * 5000}', 0),
        ('BANDWIDTH=1280000.7', 1_280_000),
        ('AVERAGE-BANDWIDTH=900', 900),
        ('BANDWIDTH="7"', 7),
        (' BANDWIDTH = 7 , ', 7),
        ('BANDWIDTH=3,BANDWIDTH=7', 7),
        (',,nothing, at all,BANDWIDTH=7', 7),
        ('CODECS="a,BANDWIDTH=1",BANDWIDTH=7', 7),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_sloppy_bandwidth_costs_no_variant(told: str, bandwidth: int) -> None:
    assert only(f'#EXT-X-STREAM-INF:{told}\nx').bandwidth == bandwidth


@pytest.mark.parametrize(
    ('told', 'resolution'),
    [
        ('1920x1080', (1920, 1080)),
        ('1280X720', (1280, 720)),
        ('axb', None),
        ('x', None),
        ('1280', None),
        ('0x0', None),
        ('1280x', None),
    ],
)
def test_resolutions(told: str, resolution: tuple[int, int] | None) -> None:
    assert only(f'#EXT-X-STREAM-INF:BANDWIDTH=1,RESOLUTION={told}\nx').resolution == resolution


@pytest.mark.parametrize(
    ('told', 'rate'), [('25', 25), ('0', None), ('nan', None), ('1e2', None), ('5000', None)]
)
def test_frame_rates(told: str, rate: float | None) -> None:
    assert only(f'#EXT-X-STREAM-INF:BANDWIDTH=1,FRAME-RATE={told}\nx').frame_rate == rate


@pytest.mark.parametrize(
    'bad',
    [
        '#EXT-X-STREAM-INF:BANDWIDTH=1\nhttp://[bad/x',
        '#EXT-X-STREAM-INF:BANDWIDTH=1\nfile:///etc/passwd',
        '#EXT-X-STREAM-INF:BANDWIDTH=1,CODECS="a\nx.m3u8',
        '#EXT-X-STREAM-INF:BANDWIDTH=1\n{$undefined}.m3u8',
        '#EXT-X-MEDIA:TYPE=AUDIO,URI="file:///etc/passwd"',
        '#EXT-X-MEDIA:TYPE=AUDIO,URI="x',
        '#EXT-X-DEFINE:IMPORT="x"',
    ],
)
def test_a_bad_line_costs_only_its_variant_or_rendition(bad: str) -> None:
    found = read(f'{GOOD}{bad}\n{GOOD}')
    assert found.variants == (GOOD_VARIANT, GOOD_VARIANT)
    assert found.renditions == ()
    assert len(found.skipped) == 1
    assert found.skipped[0].isascii()


@pytest.mark.parametrize(
    'lines',
    [
        '',
        'x.m3u8',
        '#EXT-X-STREAM-INF:BANDWIDTH=1',
        '#EXT-X-STREAM-INF:BANDWIDTH=1\nhttp://[bad/x',
        '#ext-x-stream-inf:BANDWIDTH=1\nx',
        '#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1,URI="x"',
    ],
)
def test_a_master_playlist_without_usable_variants_is_a_listing_error(lines: str) -> None:
    with pytest.raises(ListingError, match='names no variant'):
        read(lines)


def test_a_variant_without_a_uri_is_not_given_that_of_the_next() -> None:
    assert read(f'#EXT-X-STREAM-INF:BANDWIDTH=1\n{GOOD}stray.m3u8').variants == (GOOD_VARIANT,)
    unread = '#EXT-X-STREAM-INF:CODECS="a\n'
    assert read(f'#EXT-X-STREAM-INF:BANDWIDTH=1\n{unread}x.m3u8\n{GOOD}').variants == (GOOD_VARIANT,)


def test_variants_stay_as_they_stand_also_of_one_uri() -> None:
    lines = ''.join(f'#EXT-X-STREAM-INF:BANDWIDTH={n},AUDIO="{n}"\nx\n' for n in (1, 3, 2))
    assert [(each.bandwidth, each.audio) for each in read(lines).variants] == [(1, '1'), (3, '3'), (2, '2')]


def test_renditions() -> None:
    found = read(
        '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="aac",NAME="English, UK",LANGUAGE="en",DEFAULT=YES,URI="en.m3u8"\n'
        '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="aac",NAME="as it is"\n'
        '#EXT-X-MEDIA:TYPE=CLOSED-CAPTIONS,GROUP-ID="cc",NAME="cc",INSTREAM-ID="CC1"\n'
        '#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="s",NAME="de",URI="de.m3u8",DEFAULT=NO\n'
        f'#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=9,URI="frames.m3u8"\n{GOOD}'
    )
    assert found.renditions == (
        Rendition('AUDIO', 'aac', 'English, UK', 'en', 'https://origin/live/en.m3u8', True),
        Rendition('AUDIO', 'aac', 'as it is', '', '', False),
        Rendition('SUBTITLES', 's', 'de', '', 'https://origin/live/de.m3u8', False),
    )
    assert (found.variants, found.skipped) == ((GOOD_VARIANT,), ())


def test_its_variables_are_there_for_its_media_playlists() -> None:
    define = '#EXT-X-DEFINE:NAME="place",VALUE="https://cdn"\n#EXT-X-DEFINE:QUERYPARAM="token"\n'
    found = read(f'{define}#EXT-X-STREAM-INF:BANDWIDTH=1\n{{$place}}/x.m3u8?{{$token}}')
    assert found.variables == {'place': 'https://cdn', 'token': 'secret'}
    assert found.variants[0].uri == 'https://cdn/x.m3u8?secret'


def test_a_value_is_put_in_once() -> None:
    define = '#EXT-X-DEFINE:QUERYPARAM="q"\n'
    media = '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="n",URI="{$q}"\n'
    found = parse_master(f'#EXTM3U\n{define}{media}{GOOD}', 'https://origin/live/master.m3u8?q={$q}')
    assert found.renditions[0].uri == 'https://origin/live/%7B$q%7D'


@pytest.mark.parametrize(
    ('text', 'answer'),
    [
        (f'#EXTM3U\n{GOOD}', True),
        (f'#EXTM3U\r\n  {GOOD}', True),
        ('#EXTM3U\r#EXT-X-STREAM-INF:BANDWIDTH=5\rx', True),
        ('#EXTM3U\n#EXTINF:2,#EXT-X-STREAM-INF:\na.ts\n', False),
        ('#EXTM3U\n#EXT-X-I-FRAME-STREAM-INF:\n', False),
        ('', False),
    ],
)
def test_a_master_is_told_by_its_lines(text: str, answer: bool) -> None:
    assert is_master(text) is answer


def test_a_master_without_end_is_read_as_far_as_anybody_plays_it() -> None:
    names = ''.join(
        f'#EXT-X-STREAM-INF:BANDWIDTH={each + 1}\n{each}.m3u8\n' for each in range(MOST_NAMED + 9)
    )
    sounds = ''.join(f'#EXT-X-MEDIA:TYPE=AUDIO,URI="{each}.m3u8"\n' for each in range(MOST_NAMED + 9))
    found = read(names + sounds)
    assert (len(found.variants), len(found.renditions)) == (MOST_NAMED, MOST_NAMED)
    assert found.skipped[0].endswith(f'there are more than {MOST_NAMED} of its kind')

    with pytest.raises(ListingError, match='are read at most'):
        read(f'{GOOD}#{"x" * MOST_CHARACTERS}')
