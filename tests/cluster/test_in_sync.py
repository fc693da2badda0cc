"""What a pass costs when all is well, counted in requests and bytes."""

from datetime import timedelta
from pathlib import Path

from tests.kit.build import Piece, at, files_below, fill, piece
from tests.kit.process import get, metrics, restreamer, run

WEEK = 168


def a_week() -> list[Piece]:
    hours = [at('2026-11-01T00:00:00') + timedelta(hours=number) for number in range(WEEK)]
    return [piece(f'{hour:%Y-%m-%dT%H:%M:%S}', body=f'{hour}'.encode()) for hour in hours]


def requests_to(url: str) -> dict[str, float]:
    """Endpoint -> requests that were answered with 200, less those that ask how many there were."""
    found: dict[str, float] = {}
    for name, value in metrics(url).items():
        if name.startswith('http_requests_total') and 'status="200"' in name:
            endpoint = name.split('endpoint="')[1].split('"')[0]
            found[endpoint] = found.get(endpoint, 0) + value
    found.pop('metrics', None)
    return found


def once(store: Path, url: str) -> str:
    outcome = run('backfiller', 'run', '--store', store, '--peer', url, '--once')
    assert outcome.wait() == 0, outcome.output
    return outcome.output


def test_a_week_in_sync_costs_three_requests_and_twenty_kilobytes(tmp_path: Path) -> None:
    pieces = a_week()
    theirs, ours = fill(tmp_path / 'A', pieces), fill(tmp_path / 'B', pieces)
    with restreamer(theirs) as url:
        assert '0 segments' in once(ours, url)
        assert requests_to(url) == {
            'health.readyz': 1,
            'listings.streams': 1,
            'listings.variants': 1,
            'listings.hours': 1,
        }
        answer = get(f'{url}/files/bus/source?fingerprints=true')
    assert len(answer.json()) == WEEK
    assert int(answer.headers['Content-Length']) < 20_000


def test_one_segment_missing_in_the_oldest_hour_costs_one_listing_and_the_segment(tmp_path: Path) -> None:
    pieces = a_week()
    theirs, ours = fill(tmp_path / 'A', pieces), fill(tmp_path / 'B', pieces[1:])
    with restreamer(theirs) as url:
        assert '1 segment,' in once(ours, url)
        found = requests_to(url)
    assert (found['listings.hours'], found['listings.segments'], found['files.segment']) == (1, 1, 1)
    assert files_below(ours) == files_below(theirs)
