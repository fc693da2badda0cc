"""Which variants are taken, and what they are called."""

import itertools

import pytest

from backfiller.capture.choice import chosen
from common.errors import SourceError
from common.hls.master_reader import Master, Rendition
from common.hls.playlist import VariantStream


def variant(name: str, bandwidth: int, height: int = 0, *, audio: str = '', host: str = 'a') -> VariantStream:
    resolution = (height * 16 // 9, height) if height else None
    return VariantStream(f'http://{host}/{name}.m3u8', bandwidth, resolution=resolution, audio=audio)


def sound(uri: str, group: str, language: str = '', *, default: bool = False) -> Rendition:
    return Rendition('AUDIO', group, uri or 'in', language, uri and f'http://a/{uri}.m3u8', default)


LADDER = (
    variant('low', 500_000, 360, audio='aac'),
    variant('high', 5_000_000, 1080, audio='aac'),
    variant('mid', 2_000_000, 720, audio='aac'),
    variant('mid-slow', 1_200_000, 720, audio='aac'),
)


def names(master: Master, *wanted: str) -> dict[str, str]:
    return {
        name: urls[0].removeprefix('http://a/').removesuffix('.m3u8')
        for name, urls in chosen(master, wanted or ('all',)).items()
    }


def test_the_best_is_source_and_others_go_by_their_height() -> None:
    expected = {'source': 'high', '720p': 'mid', '720p-1200k': 'mid-slow', '360p': 'low'}
    for order in itertools.permutations(LADDER):
        assert names(Master(order)) == expected


@pytest.mark.parametrize(
    ('wanted', 'expected'),
    [
        (('best',), {'source'}),
        (('360p', 'best'), {'source', '360p'}),
        (('720p', 'none such'), {'720p'}),
        (('360p', 'all'), {'source', '720p', '720p-1200k', '360p'}),
    ],
)
def test_names_best_and_all(wanted: tuple[str, ...], expected: set[str]) -> None:
    assert names(Master(LADDER), *wanted).keys() == expected


def test_nothing_of_what_is_wanted_is_said_with_what_there_is() -> None:
    with pytest.raises(SourceError, match='no variant 480p: there are source, 720p, 720p-1200k, 360p'):
        names(Master(LADDER), '480p')


def test_audio_of_the_chosen_variants_comes_along() -> None:
    audio = (
        sound('de', 'aac', 'de'),
        sound('en', 'aac', 'en', default=True),
        sound('en-hi', 'ac3', 'en'),
        sound('plain', 'aac'),
        sound('', 'aac', 'fr'),
        Rendition('SUBTITLES', 'subs', 'x', 'de', 'http://a/subs.m3u8', False),
    )
    master = Master(LADDER, audio)
    expected = {'source': 'high', 'audio-de': 'de', 'audio-en': 'en', 'audio': 'plain'}
    assert names(master, 'best') == expected
    assert names(Master(LADDER, audio[::-1]), 'best') == expected
    assert names(master, 'best', 'audio-en-ac3')['audio-en-ac3'] == 'en-hi'
    assert names(Master((variant('mute', 1_000_000, 720),), audio)) == {'source': 'mute'}


def test_the_same_stream_on_another_server_is_to_fall_back_on() -> None:
    backup = variant('high', 5_000_000, 1080, audio='aac', host='b')
    for order in ((*LADDER, backup), (backup, *LADDER)):
        found = chosen(Master(order), ['all'])
        assert set(found['source']) == {'http://a/high.m3u8', 'http://b/high.m3u8'}
        assert len(found) == len(LADDER)


def test_tokens_change_no_name() -> None:
    with_token = tuple(
        VariantStream(f'{each.uri}?token={n}', each.bandwidth, resolution=each.resolution)
        for n, each in enumerate(LADDER)
    )
    assert names(Master(with_token)).keys() == names(Master(LADDER)).keys()
