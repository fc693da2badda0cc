"""What a stream may be in a registry: read from TOML and from Redis hashes, which mean the same."""

import re
import tomllib
from typing import Any

import pytest

from backfiller.capture.recipe import Recipe
from backfiller.derive.derived import Derived
from backfiller.streams.placing import EVERYWHERE, Placement
from backfiller.streams.stream import KEYS, Stream, decoded, encoded
from common.errors import UsageError

WHOLE = """
sources = ["https://origin/master.m3u8?token=x", "file:///var/hls/bus.m3u8"]
variants = ["source", "480p"]
headers = { Referer = "https://site/", Authorization = "Bearer x" }
allow = ["10.0.0.5", "cdn.internal:8080", "[fd00::1]:80"]
state = "stop"
placement = ["node1", "node2"]
derive = [{name = "360p", height = 360, video_bitrate = "600k"}]
"""


def bus(text: str) -> Stream:
    return Stream.read('bus', tomllib.loads(text), 'streams.toml: [bus]')


def test_everything_that_can_be_said() -> None:
    recipe = Recipe(
        'bus',
        ('https://origin/master.m3u8?token=x', 'file:///var/hls/bus.m3u8'),
        ('source', '480p'),
        (('Referer', 'https://site/'), ('Authorization', 'Bearer x')),
        ('10.0.0.5', 'cdn.internal:8080', '[fd00::1]:80'),
    )
    derive = (Derived('360p', 360, '600k'),)
    assert bus(WHOLE) == Stream(
        recipe, run=False, placement=Placement(nodes=('node1', 'node2')), derive=derive
    )


def test_a_url_is_all_it_takes() -> None:
    assert bus('url = "http://o/a.m3u8"') == Stream(
        Recipe('bus', ('http://o/a.m3u8',), ('all',), (), ()), run=True, placement=EVERYWHERE, derive=()
    )


@pytest.mark.parametrize(
    ('placement', 'meant'),
    [
        ('"all"', EVERYWHERE),
        ('["a"]', Placement(nodes=('a',))),
        ('{replicas = 2}', Placement(replicas=2)),
    ],
)
def test_where_it_is_recorded(placement: str, meant: Placement) -> None:
    assert bus(f'url = "http://o/a"\nplacement = {placement}').placement == meant


@pytest.mark.parametrize('word', ['all', 'best'])
def test_one_word_for_the_variants(word: str) -> None:
    assert bus(f'url = "http://o/a"\nvariants = "{word}"').recipe.variants == (word,)


@pytest.mark.parametrize(
    ('line', 'said'),
    [
        ('', 'give url, or sources'),
        ('url = "http://o/a"\nsources = ["http://o/b"]', 'give url, or sources'),
        ('sources = []', 'sources: give a list of at least one URL'),
        ('sources = "http://o/a"', 'sources: give a list'),
        ('url = "ftp://o/a"', "url: 'ftp://o/a' is not allowed: give an http or https URL, or file:///PATH"),
        ('url = "file:bus.m3u8"', "url: 'file:bus.m3u8' is not allowed"),
        ('url = "file://elsewhere/bus.m3u8"', 'url: '),
        ('url = 5', "url: '5' is not allowed"),
        ('variants = ["../x"]', "variants: '../x' is not allowed: give 1 to 100 of"),
        ('variants = ["all", "480p"]', 'variants: give names of variants, or "best" alone, or "all" alone'),
        ('variants = []', 'variants: give names'),
        ('headers = ["Referer"]', 'headers: '),
        ('headers = {"A B" = "x"}', "headers: 'A B' is no name of an HTTP header"),
        ('headers = {Referer = "x\\r\\nHost: y"}', 'headers: the value of Referer is not one line'),
        ('headers = {Referer = 5}', 'headers: the value of Referer'),
        ('allow = ["http://10.0.0.5"]', "allow: 'http://10.0.0.5' is not allowed: give HOST or HOST:PORT"),
        ('state = "running"', "state: 'running' is not allowed: give run or stop"),
        ('placement = "node1"', 'placement: \'node1\' is not allowed: give "all", a list of node names, or'),
        ('placement = []', 'placement: '),
        ('placement = ["a b"]', "placement: 'a b' is not allowed"),
        ('placement = {replicas = 0}', "placement: '0' replicas are not allowed: give a whole number from 1"),
        ('placement = {replicas = true}', 'placement: '),
        ('placement = {replicas = 1, nodes = ["a"]}', 'placement: '),
        ('derive = [{name = "360p"}]', 'derive[0]: give {name = "360p", height'),
        ('derive = [{name = "source", height = 360, video_bitrate = "600k"}]', 'derive: two variants'),
        (
            'variants = ["720p"]\nderive = [{name = "720p", height = 360, video_bitrate = "600k"}]',
            'derive: two variants are called 720p',
        ),
        ('variant = "best"', f"'variant' is not known; there are {', '.join(KEYS)}"),
    ],
)
def test_what_is_wrong_is_told_with_stream_key_and_what_is_allowed(line: str, said: str) -> None:
    text = line if re.match('url|sources|$', line) else f'url = "http://o/a"\n{line}'
    with pytest.raises(UsageError) as caught:
        bus(text)
    assert str(caught.value).startswith('streams.toml: [bus]')
    assert said in str(caught.value)


@pytest.mark.parametrize(
    'fields',
    [
        {'url': 'htp://user:secret@o/a'},
        {'url': 'ftp://o/a?token=secret'},
        {'sources': '["http://o/a", "//user:secret@o/a"]'},
        {'sources': '["http://o/a?token=secret"'},
        {'url': 'http://o/a', 'headers': 'Authorization: Bearer secret'},
        {'url': 'http://o/a', 'headers': '{"Authorization": "Bearer secret"'},
        {'url': 'http://o/a', 'headers': '{"Authorization": "Bearer secret\\n"}'},
    ],
)
def test_what_is_wrong_is_told_without_what_is_secret(fields: dict[str, str]) -> None:
    with pytest.raises(UsageError) as caught:
        Stream.read('bus', decoded(fields, 'x'), 'x')
    assert 'secret' not in str(caught.value)


@pytest.mark.parametrize('name', ['', '.bus', 'b/s', '..', 'b s', 'b\x00'])
def test_a_stream_needs_a_name_that_can_be_a_folder(name: str) -> None:
    with pytest.raises(UsageError, match='the name'):
        Stream.read(name, {'url': 'http://o/a'}, 'x')


def test_a_value_is_no_stream() -> None:
    with pytest.raises(UsageError, match=r'\[bus\] is not a table'):
        Stream.read('bus', 'http://o/a', 'streams.toml: [bus]')


@pytest.mark.parametrize('text', [WHOLE, 'url = "http://o/a"\nvariants = "best"\nplacement = {replicas = 2}'])
def test_a_hash_means_what_the_table_does(text: str) -> None:
    table = tomllib.loads(text)
    assert Stream.read('bus', decoded(encoded(table), 'x'), 'x') == Stream.read('bus', table, 'x')


@pytest.mark.parametrize(
    'fields',
    [
        {'url': 'http://o/a', 'variants': '["a"'},
        {'url': 'http://o/a', 'derive': '[' * 100_000},
        {'sources': 'http://o/a'},
        {'url': '["http://o/a"]'},
    ],
)
def test_a_hash_that_is_wrong_is_told(fields: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match='segmesh:stream:bus'):
        Stream.read('bus', decoded(fields, 'segmesh:stream:bus'), 'segmesh:stream:bus')


@pytest.mark.parametrize(
    ('variants', 'best'),
    [('all', 'source'), ('best', 'source'), (['480p', 'source'], 'source'), (['720p', '480p'], '720p')],
)
def test_variants_are_derived_of_the_best_that_is_recorded(variants: str | list[str], best: str) -> None:
    assert Stream.read('bus', {'url': 'http://o/a', 'variants': variants}, 'x').best == best
