"""What capture noted of a range, whatever day it noted it on."""

from datetime import timedelta
from pathlib import Path

from common.skips import Skip, Skips
from common.timeline import Interval
from restreamer.missing.causes import Causes
from tests.kit.build import at

MIDNIGHT = at('2026-11-15T00:00:00')


def test_an_origin_whose_clock_is_ahead_is_noted_on_the_day_before(store: Path) -> None:
    hole = Interval(MIDNIGHT, MIDNIGHT + timedelta(seconds=2))
    skip = Skip(1, '404', hole.start, hole.length)
    Skips(store).append('bus', 'source', [skip], MIDNIGHT - timedelta(seconds=3))
    assert Causes.read(store, 'bus', 'source', hole).of(hole) == {'404': 1}
