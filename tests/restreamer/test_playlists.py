"""GET /playlist: what players are given for a range of time, and where they are told there is nothing."""

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest

from restreamer.admission.limits import Gate
from restreamer.context import EXTENSION
from restreamer.playing.hours import Part
from tests.kit.build import at, fill, piece, run_of, tombstone_of
from tests.kit.process import restreamer
from tests.restreamer.client import Answer, Clock, ask, client_of, read

CONTENT_TYPE = 'application/vnd.apple.mpegurl'
BEFORE, AFTER = run_of(5), run_of(5, '2026-11-14T03:00:20')
WITHDRAWN = piece('2026-11-14T03:00:12')
SMALL = piece('2026-11-14T03:00:00', body=b'x' * 1000, variant='480p')
RANGE = '?start=2026-11-14T03:00:00Z&end=2026-11-14T04:00:00'
PATH = '/playlist/bus/source.m3u8'


@pytest.fixture(scope='module')
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    store = fill(tmp_path_factory.mktemp('playlists') / 'store', [*BEFORE, *AFTER, WITHDRAWN, SMALL])
    (store / tombstone_of(WITHDRAWN).path).touch()
    with restreamer(store) as url:
        yield url


def playlist(url: str, path: str) -> Answer:
    answer = ask(url, path)
    assert answer.status == 200, answer.body
    assert answer.headers['Content-Type'] == CONTENT_TYPE
    assert answer.headers['Access-Control-Allow-Origin'] == '*'
    return answer


def test_the_master_playlist_leads_to_each_variant_with_the_same_range(url: str) -> None:
    lines = playlist(url, f'/playlist/bus.m3u8{RANGE}').body.decode().splitlines()
    assert lines[:2] == ['#EXTM3U', '#EXT-X-VERSION:3']
    uris = [line for line in lines if line[0] != '#']
    assert uris == [f'bus/source.m3u8{RANGE}', f'bus/480p.m3u8{RANGE}']
    assert '#EXT-X-STREAM-INF:BANDWIDTH=4000,AVERAGE-BANDWIDTH=4000' in lines
    for uri in uris:
        playlist(
            url, urlsplit(urljoin(f'{url}/playlist/bus.m3u8', uri))._replace(scheme='', netloc='').geturl()
        )


def test_a_range_ends_and_says_when_each_segment_was_and_where_one_is_missing(url: str) -> None:
    found = read(playlist(url, PATH + RANGE).body.decode())
    assert found.lines[:5] == [
        '#EXTM3U',
        '#EXT-X-VERSION:3',
        '#EXT-X-TARGETDURATION:2',
        '#EXT-X-MEDIA-SEQUENCE:0',
        '#EXT-X-PLAYLIST-TYPE:VOD',
    ]
    assert found.lines[5:7] == ['#EXT-X-PROGRAM-DATE-TIME:2026-11-14T03:00:00.000000Z', '#EXTINF:2.000000,']
    assert found.lines.count('#EXTINF:2.000000,') == 10
    assert found.lines.count('#EXT-X-DISCONTINUITY') == 1
    hole = found.lines.index('#EXT-X-DISCONTINUITY')
    assert found.lines[hole + 1] == '#EXT-X-PROGRAM-DATE-TIME:2026-11-14T03:00:20.000000Z'
    assert found.lines[-1] == '#EXT-X-ENDLIST'


def test_its_uris_lead_to_the_segments_also_below_a_proxys_path(url: str) -> None:
    uris = read(playlist(url, PATH + RANGE).body.decode()).uris
    for uri, each in zip(uris, [*BEFORE, *AFTER], strict=True):
        path = urlsplit(urljoin(url + PATH, uri)).path
        assert ask(url, path).body == each.body
        assert urljoin(f'https://proxy/below{PATH}', uri) == f'https://proxy/below{path}'


@pytest.mark.parametrize(
    ('query', 'count'),
    [
        ('?start=2026-11-14T03:00:04&end=2026-11-14T03:00:08', 2),
        ('?start=2026-11-14T03:00:03&end=2026-11-14T03:00:05', 2),
        ('?start=2026-11-14T03:00:10&end=2026-11-14T03:00:20', 0),
        ('?end=2026-11-14T03:00:06Z', 3),
        ('?start=2026-11-01&end=2026-12-02', 10),
    ],
)
def test_a_range_holds_what_touches_it(url: str, query: str, count: int) -> None:
    assert len(read(playlist(url, PATH + query).body.decode()).uris) == count


def test_a_range_has_its_length_unless_it_is_gzipped_or_too_long(
    url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    plain = playlist(url, PATH + RANGE)
    assert plain.headers['Content-Length'] == str(len(plain.body))
    gzipped = ask(url, PATH + RANGE, headers={'Accept-Encoding': 'gzip'})
    assert gzipped.headers['Content-Length'] is None
    assert gzip.decompress(gzipped.body) == plain.body
    monkeypatch.setattr('restreamer.playing.playlists.MOST_HOURS_AT_ONCE', 0)
    long = client_of(fill(tmp_path, [*BEFORE, *AFTER]), Clock(at('2026-11-14T03:01:00'))).get(PATH + RANGE)
    assert long.content_length is None
    assert long.data == plain.body


@pytest.mark.parametrize(
    ('path', 'sentence'),
    [
        ('/playlist/nobody.m3u8', 'stream: nothing of nobody is held here'),
        ('/playlist/bus/nothing.m3u8', 'variant: nothing of bus/nothing is held'),
        (PATH, 'give start and end'),
    ],
)
def test_what_there_is_nothing_of_is_not_found(url: str, path: str, sentence: str) -> None:
    answer = ask(url, path)
    assert answer.status == 404
    assert sentence in answer.error


def test_one_who_looks_while_another_comes_in_is_told_to_come_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = client_of(fill(tmp_path / 'store', BEFORE), Clock(at('2026-11-14T04:00:00')))
    context = client.application.extensions[EXTENSION]
    gate, look = Gate(1), context.hours.parts

    def and_another_comes_in(*args: Any) -> list[Part]:
        gate.__enter__()
        return look(*args)

    monkeypatch.setattr(context, 'ranges', gate)
    monkeypatch.setattr(context.hours, 'parts', and_another_comes_in)
    monkeypatch.setattr('restreamer.playing.playlists.MOST_HOURS_AT_ONCE', 0)  # as if it were longer
    assert client.get(PATH + RANGE).status_code == 503


def test_a_segment_that_was_just_removed_does_not_break_the_master(tmp_path: Path) -> None:
    store = fill(tmp_path, BEFORE)
    (store / AFTER[0].path).symlink_to(tmp_path / 'gone')
    answer = client_of(store, Clock(at('2026-11-14T03:01:00'))).get('/playlist/bus.m3u8')
    assert answer.status_code == 200
