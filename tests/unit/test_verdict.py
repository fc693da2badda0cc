"""The sentences of the overview: what an operator reads first."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from common.timeline import Interval
from restreamer.missing.known import THIS_NODE, Ends, Known, Picture
from restreamer.missing.spans import Spans, without
from restreamer.missing.verdict import Missing, Scene, Seen, verdict
from tests.kit.build import at

NOW = at('2026-11-14T12:04:12')
START = NOW - timedelta(hours=1)
WEEK = Interval(NOW - timedelta(days=7), NOW)
NEWEST = at('2026-11-14T12:04:10')


def span(start: float, seconds: float) -> Interval:
    """So many seconds, so many after the start of the recording."""
    begin = START + timedelta(seconds=start)
    return Interval(begin, begin + timedelta(seconds=seconds))


def known(
    node: str = THIS_NODE,
    *,
    but: Spans = (),
    unknown: Spans = (),
    newest: datetime = NEWEST,
    usual: float | None = 2.0,
) -> Known:
    covered = without((Interval(START, newest),), (*but, *unknown))
    return Known(node, covered, unknown, Ends(START, newest, usual))


def away(node: str) -> Known:
    return Known(node, (), (WEEK,), error=f'{node} cannot be reached: Connection refused')


def seen(ours: Known, *peers: Known, path: str = 'bus/source', trouble: str = '') -> Seen:
    picture = Picture(WEEK, NOW, ours, peers, trouble)
    return Seen(path, picture, Missing.of(picture))


def of(*variants: Seen, peers: int = 2, **more: Any) -> dict[str, Any]:
    names = [f'http://{number}' for number in range(1, peers + 1)]
    scene = Scene(NOW, variants, [], [], names)
    return verdict(replace(scene, **more))


ONE, TWO = 'http://1', 'http://2'


def test_complete_on_all_nodes() -> None:
    slower = known(TWO, newest=at('2026-11-14T12:04:04'))
    assert of(seen(known(), known(ONE), slower)) == {
        'level': 'complete',
        'text': 'Complete on 3 of 3 nodes up to 12:04:04 UTC',
        'details': [],
    }


def test_a_node_that_lacks_something_or_is_away_is_not_counted() -> None:
    lacking = known(TWO, but=(span(10, 4),))
    found = of(seen(known(), away(ONE), lacking), troubles=['http://1 cannot be reached'])
    assert found == {
        'level': 'complete',
        'text': 'Complete on 1 of 3 nodes up to 12:04:10 UTC',
        'details': ['http://1 cannot be reached', 'http://2 lacks 2 segments that others hold'],
    }


def test_what_ended_before_the_range_is_not_called_complete() -> None:
    week = Interval(NOW + timedelta(days=8), NOW + timedelta(days=15))
    picture = Picture(week, week.end, known(), (away(ONE),))
    found = of(Seen('bus/source', picture, Missing.of(picture)), peers=1)
    assert found['level'] == 'unknown'
    assert found['text'] == 'Nothing new for 15 days, which is further back than is looked at'


def test_a_node_that_is_away_is_not_counted_though_nothing_is_missing_of_a_variant() -> None:
    later = Interval(NOW + timedelta(days=8), NOW + timedelta(days=15))
    ended = Picture(later, later.end, known(), (away(ONE),))
    going_on = Picture(later, later.end, known(newest=later.end), (known(ONE, newest=later.end),))
    found = of(*(Seen(path, each, Missing.of(each)) for path, each in (('a/b', ended), ('c/d', going_on))))
    assert 'on 1 of 3 nodes' in found['text']


def test_what_can_be_fetched_and_what_is_gone_are_told_apart() -> None:
    gone, there = span(100, 8), span(200, 24)
    found = of(seen(known(but=(gone, there)), known(ONE, but=(gone,)), known(TWO, but=(gone, there))))
    assert found['level'] == 'missing'
    assert found['text'] == (
        '4 segments are missing everywhere; 12 segments are missing here but can still be fetched'
    )
    assert found['details'][:2] == [
        '12 segments can be fetched from 1 peer',
        'bus/source: 4 segments missing everywhere',
    ]
    assert found['details'][2:] == ['http://2 lacks 12 segments that others hold']


def test_a_hole_that_is_held_in_part_counts_by_its_parts() -> None:
    ours, peer = known(but=(span(100, 20),)), known(ONE, but=(span(100, 2),))
    assert of(seen(ours, peer), peers=1)['text'] == (
        '1 segment is missing everywhere; 9 segments are missing here but can still be fetched'
    )


def test_who_has_it_may_not_be_known() -> None:
    found = of(seen(known(but=(span(10, 2),)), away(ONE)), peers=1)
    assert found['text'] == '1 segment is missing here, and who has them is not known'


def test_variants_are_added_up_and_seconds_told_if_nobody_knows_the_length_of_segments() -> None:
    one = seen(known(but=(span(10, 2),)), peers := known(ONE))
    other = seen(known(but=(span(10, 12),)), peers, path='bus/480p')
    assert of(one, other, peers=1)['text'] == '7 segments are missing here but can still be fetched'
    nameless = seen(known(but=(span(10, 2),), usual=None), known(ONE, usual=None))
    assert of(nameless, peers=1)['text'] == '2 s are missing here but can still be fetched'


def test_nothing_at_all() -> None:
    assert of()['text'] == 'Nothing is recorded yet'
    assert of()['level'] == 'empty'
    assert of(elsewhere=['bus/source'])['text'] == 'Nothing is held here yet; the peers hold 1 variant'
    assert of(elsewhere=['bus/source'])['level'] == 'missing'
    assert of(troubles=['http://1 cannot be reached'])['level'] == 'unknown'
    assert of(is_blind=True, trouble='it is away')['level'] == 'unknown'


def test_a_node_that_knows_no_others() -> None:
    alone = seen(known(), trouble='it is away')
    assert of(alone, peers=0)['text'] == 'Complete here up to 12:04:10 UTC; there are no peers'
    found = of(alone, peers=0, trouble='it is away')
    assert found['text'] == 'Complete here up to 12:04:10 UTC; the other nodes are not known'
    assert found['details'] == ['it is away']


def test_what_peers_hold_of_the_newest_two_minutes_is_on_its_way() -> None:
    late = known(newest=NEWEST - timedelta(seconds=100))
    assert of(seen(late, known(ONE)), peers=1)['level'] == 'complete'
    later = known(newest=NEWEST - timedelta(seconds=150))
    found = of(seen(later, known(ONE)), peers=1)
    assert found['level'] == 'missing'


def test_a_stream_that_is_silent_is_told_and_does_not_hold_up_the_others() -> None:
    ended = seen(known(newest=at('2026-11-14T11:40:00')), path='bus/old')
    found = of(seen(known()), ended, peers=0)
    assert found['text'] == 'Complete here up to 12:04:10 UTC; there are no peers'
    assert found['details'] == ['bus/old: nothing new for 24 minutes']
    assert of(ended, peers=0)['text'] == 'Complete here up to 11:40:00 UTC; there are no peers'


@pytest.mark.parametrize(
    ('more', 'said'),
    [
        ({'failed_hours': 2}, '2 hours could not be mirrored'),
        ({'days_left': 0.5}, 'the disk is full in 0.5 days'),
        ({'elsewhere': ['a/b', 'c/d']}, 'only peers hold a/b, c/d'),
        ({'elsewhere': list('abcdefg')}, 'only peers hold a, b, c, d, e and more'),
    ],
)
def test_what_else_is_worth_knowing(more: dict[str, Any], said: str) -> None:
    assert of(seen(known()), peers=0, **more)['details'] == [said]


def test_nothing_else_is_said() -> None:
    assert of(seen(known()), peers=0, days_left=30.0)['details'] == []
