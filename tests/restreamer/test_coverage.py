"""GET /coverage: what of a range is held, what is missing, and how much that is."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.kit.build import at, fill, piece, run_of, tombstone_of
from tests.kit.process import get, restreamer
from tests.restreamer.client import Clock, client_of

WITHDRAWN = piece('2026-11-14T03:01:00')
PIECES = [
    *run_of(15),
    WITHDRAWN,
    piece('2026-11-14T03:01:30', seconds=30, kind='partial'),
    piece('2026-11-14T03:01:40', seconds=10),
    piece('2026-11-14T03:59:58', seconds=6),
]
PATH = '/coverage/bus/source'


@pytest.fixture(scope='module')
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    store = fill(tmp_path_factory.mktemp('coverage') / 'store', PIECES)
    (store / tombstone_of(WITHDRAWN).path).touch()
    with restreamer(store) as url:
        yield url


def coverage(url: str, start: str, end: str, path: str = PATH) -> Any:
    answer = get(f'{url}{path}', params={'start': start, 'end': end})
    assert answer.status_code == 200, answer.text
    return answer.json()


def interval(start: str, end: str) -> dict[str, Any]:
    seconds = (at(f'2026-11-14T{end}') - at(f'2026-11-14T{start}')).total_seconds()
    return {'start': f'2026-11-14T{start}Z', 'end': f'2026-11-14T{end}Z', 'seconds': seconds}


def test_covered_holes_percent_and_minutes_of_a_known_store(url: str) -> None:
    found = coverage(url, '2026-11-14T03:00:00', '2026-11-14T03:02:30')
    assert found == {
        'stream': 'bus',
        'variant': 'source',
        'start': '2026-11-14T03:00:00Z',
        'end': '2026-11-14T03:02:30Z',
        'percent': 26.667,
        'covered': [interval('03:00:00', '03:00:30'), interval('03:01:40', '03:01:50')],
        'holes': [interval('03:00:30', '03:01:40'), interval('03:01:50', '03:02:30')],
        'hours': [{'start': '2026-11-14T03:00:00Z', 'covered': 0.267}],
        'minutes': [
            {'start': '2026-11-14T03:00:00Z', 'covered': 0.5},
            {'start': '2026-11-14T03:01:00Z', 'covered': 0.167},
            {'start': '2026-11-14T03:02:00Z', 'covered': 0.0},
        ],
    }


@pytest.mark.parametrize(
    ('start', 'end', 'percent', 'holes'),
    [
        ('03:00:00', '03:00:30', 100.0, []),
        ('03:00:05.5', '03:00:06.5', 100.0, []),
        ('03:00:40', '03:00:50', 0.0, [('03:00:40', '03:00:50')]),
        ('03:00:20', '03:00:40', 50.0, [('03:00:30', '03:00:40')]),
        ('04:00:00', '04:00:08', 50.0, [('04:00:04', '04:00:08')]),
    ],
)
def test_a_range_is_cut_out_of_what_is_held(
    url: str, start: str, end: str, percent: float, holes: list[tuple[str, str]]
) -> None:
    found = coverage(url, f'2026-11-14T{start}Z', f'2026-11-14T{end}Z')
    assert found['percent'] == percent
    assert found['holes'] == [interval(*each) for each in holes]


@pytest.mark.parametrize('path', ['/coverage/nobody/source', '/coverage/bus/nothing'])
def test_what_is_unknown_is_one_hole(url: str, path: str) -> None:
    found = coverage(url, '2026-11-14T03:00:00', '2026-11-14T03:02:00', path)
    assert (found['percent'], found['covered']) == (0.0, [])
    assert found['holes'] == [interval('03:00:00', '03:02:00')]


def test_a_minute_that_the_range_cuts_counts_by_its_part(url: str) -> None:
    found = coverage(url, '2026-11-14T03:00:15', '2026-11-14T03:00:45')
    assert found['minutes'] == [{'start': '2026-11-14T03:00:15Z', 'covered': 0.5}]


def test_the_longest_range_is_answered(url: str) -> None:
    found = coverage(url, '2026-11-01', '2026-12-02')
    assert len(found['minutes']) == 31 * 24 * 60
    held = timedelta(seconds=30 + 10 + 6) / timedelta(days=31)
    assert found['percent'] == pytest.approx(100 * held, abs=0.001)


@pytest.mark.parametrize(
    ('query', 'start', 'end'),
    [
        ('', '2026-11-14T02:01:00Z', '2026-11-14T03:01:00Z'),
        ('?start=2026-11-14T03:00:00Z', '2026-11-14T03:00:00Z', '2026-11-14T03:01:00Z'),
        ('?end=2026-11-14T03:00:10Z', '2026-11-14T02:00:10Z', '2026-11-14T03:00:10Z'),
    ],
)
def test_without_a_range_it_is_the_hour_that_ends_now(
    tmp_path: Path, query: str, start: str, end: str
) -> None:
    client = client_of(fill(tmp_path, PIECES), Clock(at('2026-11-14T03:01:00.123')))
    found = json.loads(client.get(PATH + query).data)
    assert (found['start'], found['end']) == (start, end)
