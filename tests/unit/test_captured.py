"""Which variants are left to our own capture for a while, and which are fetched as they come."""

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

from prometheus_client import CollectorRegistry

from backfiller.backfill import Backfill
from backfiller.captured import Captured
from backfiller.metrics import Metrics
from backfiller.setbacks import Setbacks
from backfiller.swarm import Note
from backfiller.sync import Wanted
from common.disk import Disk
from common.place import EVERYTHING, Scope, Troubles
from common.segment import Hour
from tests.kit.build import HOUR, Piece, at, fill, piece, tombstone_of
from tests.kit.swarms import swarm_at

SINCE = at('2026-11-14T03:07:00')
YOUNG, OLD = piece('2026-11-14T03:07:30'), piece('2026-11-14T03:06:30')


def captured(store: Path, *brought: Piece) -> Captured:
    found = Captured(Disk(store).names)
    for each in brought:
        found.asked(each.segment)
    return found


def test_what_is_young_and_came_from_no_peer_is_our_own(store: Path) -> None:
    fill(store, [YOUNG])
    assert captured(store).is_captured(HOUR, SINCE)


def test_it_is_remembered_what_was_found(store: Path) -> None:
    ours = captured(store)
    assert ours.was_captured('bus', 'source')
    ours.is_captured(HOUR, SINCE)
    assert not ours.was_captured('bus', 'source')
    fill(store, [YOUNG])
    ours.is_captured(HOUR, SINCE)
    assert ours.was_captured('bus', 'source')


def test_what_peers_brought_is_not(store: Path) -> None:
    fill(store, [YOUNG])
    assert not captured(store, YOUNG).is_captured(HOUR, SINCE)


def test_a_capture_that_stopped_is_none_any_more(store: Path) -> None:
    fill(store, [OLD])
    assert not captured(store).is_captured(HOUR, SINCE)


def test_each_variant_is_looked_at_by_itself(store: Path) -> None:
    fill(store, [piece('2026-11-14T03:07:30', variant='360p')])
    assert not captured(store).is_captured(HOUR, SINCE)


def test_what_lies_in_the_hour_before_counts_too(store: Path) -> None:
    fill(store, [piece('2026-11-14T02:59:50')])
    assert captured(store).is_captured(HOUR, HOUR.start - timedelta(seconds=30))


def test_a_tombstone_is_no_capture(store: Path) -> None:
    fill(store, [YOUNG])
    (store / tombstone_of(YOUNG).path).touch()
    assert not captured(store).is_captured(HOUR, SINCE)


class Quiet:
    """A source that says nothing of its hours."""

    url = 'http://a'
    refused: set[str] = set()  # noqa: RUF012

    def summaries(self, scope: Scope, troubles: Troubles | None = None) -> list[dict[Hour, None]]:
        return []


def test_what_is_held_before_a_pass_tells_who_brought_it_is_not_our_own(store: Path) -> None:
    ours = captured(store)
    backfill = Backfill(
        swarm_at(store),
        Metrics(CollectorRegistry()),
        Setbacks(),
        lambda: SINCE + timedelta(minutes=1),
        cutoff=timedelta(minutes=1),
        captured=ours,
    )

    def bring(hours: Iterable[Hour], *, wanted: Wanted, note: Note) -> None:
        assert wanted(YOUNG.segment)
        fill(store, [YOUNG])  # another pass may look right now
        assert not ours.is_captured(HOUR, SINCE)

    backfill.run_over(Quiet(), EVERYTHING, 'recent', bring)
    assert backfill.patience_seconds('bus', 'source') == 0
