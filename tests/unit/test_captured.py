"""Which variants are left to our own capture for a while, and which are fetched as they come."""

from datetime import timedelta
from pathlib import Path

from backfiller.captured import Captured
from common.disk import Disk
from tests.kit.build import HOUR, Piece, at, fill, piece, tombstone_of

SINCE = at('2026-11-14T03:07:00')
YOUNG, OLD = piece('2026-11-14T03:07:30'), piece('2026-11-14T03:06:30')


def captured(store: Path, *brought: Piece) -> Captured:
    found = Captured(Disk(store).names)
    found.brought(each.segment for each in brought)
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
