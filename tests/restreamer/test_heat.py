"""GET /heat: how much of each minute every node holds, and what they have together."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from deploy.demo.cluster import free_port
from tests.kit.build import at, fill, run_of
from tests.kit.fake_peer import answering, plain
from tests.kit.process import restreamer
from tests.restreamer.client import ask
from tests.restreamer.neighbourhood import asked, counting, listing, node

ALL = run_of(180)
"""Six minutes."""

RANGE = {'start': '2026-11-14T02:58:00Z', 'end': '2026-11-14T03:08:00Z'}
PATH = '/heat/bus/source'


def but(*numbers: int) -> list[Any]:
    return [each for number, each in enumerate(ALL) if number not in numbers]


def rows(answer: Any) -> list[str]:
    """Those of the nodes, then the union."""
    return [*(each['minutes'] for each in answer['nodes']), answer['union']]


def test_each_node_has_a_row_and_the_union_is_of_what_they_hold_not_of_their_levels(tmp_path: Path) -> None:
    """In the second minute each holds another half; in the third both lack the same."""
    ours, theirs = but(*range(30, 45), *range(60, 70)), but(*range(45, 60), *range(65, 80))
    with restreamer(fill(tmp_path / 'peer', theirs)) as peer, node(fill(tmp_path / 'us', ours), peer) as url:
        found = asked(url, PATH, **RANGE)
    assert [each['node'] for each in found['nodes']] == ['this node', peer]
    assert rows(found) == ['..946999..', '..944999..', '..997999..']
    assert (found['minutes'], found['levels'], found['error']) == (10, '0123456789', None)
    assert {name: found[name] for name in RANGE} == RANGE


def test_peers_that_are_away_or_plain_are_unknown_as_far_as_they_are(tmp_path: Path) -> None:
    """A plain peer is asked only for hours in which we lack something."""
    dead = f'http://127.0.0.1:{free_port()}'
    names = [each.name for each in ALL[:60]]
    with answering(plain(names, {})) as old, node(fill(tmp_path / 'us', but(3)), dead, old) as url:
        found = asked(url, PATH, **RANGE)
    assert rows(found) == ['..899999..', '-' * 10, '..990000..', '--999999--']
    assert 'cannot be reached' in found['nodes'][1]['error']
    assert found['nodes'][2]['error'] is None


def test_own_rows_are_told_without_asking_anybody(tmp_path: Path) -> None:
    counts: dict[str, int] = {}
    with answering(counting(listing({}), counts)) as peer, node(fill(tmp_path / 'us', but(3)), peer) as url:
        found = asked(url, PATH, own='true', **RANGE)
    assert rows(found) == ['..899999..'] * 2
    assert counts == {}


def test_without_a_range_it_is_the_last_week_in_whole_minutes(tmp_path: Path) -> None:
    with restreamer(tmp_path / 'us') as url:
        found = asked(url, PATH)
    start, end = (at(found[name][:-1]) for name in ('start', 'end'))
    assert (found['minutes'], end - start) == (10_080, timedelta(days=7))
    assert timedelta() <= end - datetime.now(UTC) + timedelta(seconds=10) <= timedelta(seconds=70)
    assert rows(found) == ['.' * 10_080] * 2


@pytest.mark.parametrize('query', ['start=x', 'start=2026-01-01T00:00:00Z&end=2026-03-01T00:00:00Z'])
def test_a_bad_question_is_400(tmp_path: Path, query: str) -> None:
    with restreamer(tmp_path / 'us') as url:
        assert ask(url, f'{PATH}?{query}').status == 400


def test_the_longest_range_may_begin_and_end_within_a_minute(tmp_path: Path) -> None:
    with restreamer(tmp_path / 'us') as url:
        found = asked(url, PATH, start='2026-10-01T00:00:30Z', end='2026-11-01T00:00:30Z')
    assert found['minutes'] == 31 * 1440
