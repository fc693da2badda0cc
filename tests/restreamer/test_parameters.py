"""Wrong parameters of a query: each is a 400 with one sentence that names the parameter."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.kit.build import HOUR, at, fill, run_of
from tests.kit.process import restreamer
from tests.restreamer.client import Clock, ask, client_of

PATHS = ['/playlist/bus/source.m3u8', '/coverage/bus/source', '/playlist/bus.m3u8']


@pytest.fixture(scope='module')
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with restreamer(fill(tmp_path_factory.mktemp('parameters') / 'store', run_of(3))) as url:
        yield url


@pytest.mark.parametrize('path', PATHS)
@pytest.mark.parametrize(
    ('query', 'parameter'),
    [
        ({'start': ''}, 'start'),
        ({'start': 'yesterday'}, 'start'),
        ({'end': '\x00'}, 'end'),
        ({'end': '2026-11-14T03:00:00+01:00'}, 'end'),
        ({'start': '2026-02-30'}, 'start'),
        ({'start': '\u0662\u0660\u0662\u0666'}, 'start'),
        ({'start': '1', 'end': '9' * 4000}, 'end'),
        ({'end': '0001-01-01'}, 'end'),
        ({'start': '9999-12-31T23:00', 'end': '9999-12-31T23:59:59'}, 'end'),
        ({'start': '2026-11-14T04', 'end': '2026-11-14T03'}, 'start'),
        ({'start': '2026-11-14T03', 'end': '2026-11-14T03'}, 'start'),
        ({'start': '2025-10-01', 'end': '2026-11-05'}, 'start'),
        ({'start': '2026-11-01T00:00:00', 'end': '2026-12-02T00:00:01'}, 'start'),
        ({'start': '0002-01-01', 'end': '9998-12-31'}, 'start'),
    ],
)
def test_a_wrong_range_of_time_is_a_sentence_that_names_the_parameter(
    url: str, path: str, query: dict[str, str], parameter: str
) -> None:
    answer = ask(url, f'{path}?{urlencode(query)}')
    assert answer.status == 400
    assert answer.error.startswith(f'{parameter}: ')
    assert len(answer.error) < 300


@pytest.mark.parametrize(
    ('path', 'parameter'),
    [
        (f'/files/{HOUR.path}?tombstones=1', 'tombstones'),
        ('/files/bus/source?fingerprints=%0d%0a', 'fingerprints'),
        ('/files/bus/source?since=never', 'since'),
        ('/files/bus/source?fingerprints=true&since=9999-12-31T23', 'since'),
    ],
)
def test_a_wrong_parameter_of_a_listing_is_named(url: str, path: str, parameter: str) -> None:
    answer = ask(url, path)
    assert answer.status == 400
    assert answer.error.startswith(f'{parameter}: ')


def test_the_last_hour_there_can_be_breaks_no_listing(tmp_path: Path) -> None:
    (tmp_path / 'bus/source/9999-12-31T23').mkdir(parents=True)
    client = client_of(tmp_path, Clock(at('2026-11-14T03:00:10')))
    assert client.get('/files/bus/source?since=2026-11-14').status_code == 200
