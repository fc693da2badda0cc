"""A pass of the retention: what it checks once more before an hour goes, and what it says."""

import logging
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from backfiller import status
from backfiller.metrics import Metrics
from backfiller.mirror.hours import HourState
from backfiller.mirror.mirror import HourResult
from backfiller.retention.keeper import RetentionKeeper
from backfiller.retention.retention import Gone, Retention
from backfiller.retention.rules import Why
from common.disk import Disk
from common.errors import ListingError, SourceError
from common.horizon import NAME, Horizon
from common.place import EVERYTHING
from common.segment import Hour
from common.settings.mirror import Retention as Limits
from tests.kit.build import HOUR, files_below, fill, run_of, tombstone_of
from tests.kit.retained import FOR_AGE, FOR_ROOM, Retained, gone, refused

OLD = run_of(4)
OLDER = run_of(3, '2026-11-13T20:00:00')
NEW = run_of(5, '2026-11-20T11:00:00')
EARLIER, NEWER = OLDER[0].hour, NEW[0].hour


def held(store: Path) -> list[Hour]:
    return sorted(Disk(store).hours())


def test_25_what_is_past_keep_and_mirrored_goes_after_an_hour_and_the_rest_stays(store: Path) -> None:
    found = Retained(fill(store, [*OLD, *OLDER, *NEW]), FOR_AGE, mirrored=[*OLD, *OLDER, *NEW])
    assert found.look() == []
    found.later(3599)
    assert found.look() == []
    found.later(1)
    first, second = found.look()
    assert (first.hour, second.hour) == (EARLIER, HOUR)
    assert isinstance(second, Gone)
    assert (second.why, second.released) == (Why.KEEP, (4, sum(len(each.body) for each in OLD)))
    assert held(store) == [NEWER]
    assert found.look() == []


def test_25_for_room_the_oldest_go_at_the_second_look(store: Path) -> None:
    everything = [*OLD, *OLDER, *NEW]
    limit = sum(len(each.body) for each in everything) - 1
    found = Retained(fill(store, everything), Limits(keep_bytes=limit), mirrored=everything)
    assert found.look() == []
    found.later(1)
    assert gone(found.look()) == [EARLIER]
    assert held(store) == [HOUR, NEWER]


def test_what_an_hour_has_grown_by_counts(store: Path) -> None:
    limit = sum(len(each.body) for each in [*OLD, *NEW])
    found = Retained(fill(store, [*OLD, *NEW[:1]]), Limits(keep_bytes=limit - 1), mirrored=OLD)
    assert found.look_twice() == []
    fill(store, NEW)
    assert gone(found.look()) == [HOUR]


@pytest.mark.parametrize('limits', [FOR_AGE, FOR_ROOM, Limits(min_free=10**18)])
def test_25_what_is_not_mirrored_never_goes_unless_told(store: Path, limits: Limits) -> None:
    everything = [*OLD, *OLDER, *NEW]
    found = Retained(fill(store, everything), limits)
    found.mirror.hours[HOUR] = HourResult(HOUR, HourState.BEHIND)
    assert found.look_twice() == []
    assert len(files_below(store)) == len(everything)
    choice = found.retention.choice
    assert (choice.waiting == (EARLIER, HOUR)) is (limits is FOR_AGE)
    assert (choice.lacking_bytes > 0) is (limits is not FOR_AGE)
    told = Retained(store, replace(limits, keep_unmirrored=False))
    assert gone(told.look_twice()) == [EARLIER, HOUR]


def test_what_is_just_being_mirrored_stays_even_if_told(store: Path) -> None:
    found = Retained(fill(store, OLD), replace(FOR_AGE, keep_unmirrored=False))
    found.mirror.hours[HOUR] = HourResult(HOUR, HourState.MIRRORING)
    assert found.look_twice() == []
    found.mirror.hours.clear()
    assert gone(found.look_twice()) == [HOUR]


def test_25_a_late_segment_stops_it_until_that_is_mirrored_too(store: Path) -> None:
    *pieces, late = OLD
    found = Retained(fill(store, pieces), FOR_AGE, mirrored=pieces)
    found.look()
    found.later()
    found.retention._choose([HOUR])
    fill(store, [late])  # after the choice
    found.retention.horizon.load()
    assert refused(found.retention._let_go(HOUR, Why.KEEP)) == {
        HOUR: f'{late.path} is held here and not mirrored'
    }
    assert len(files_below(store)) == len(OLD)
    found.mirror.take([late])
    assert gone(found.look_twice()) == [HOUR]


def test_25_what_the_bucket_no_longer_holds_stays_and_is_not_asked_for_at_each_look(store: Path) -> None:
    found = Retained(fill(store, [*OLD, *OLDER]), FOR_AGE, mirrored=[*OLD, *OLDER])
    del found.mirror.bucket.hours[EARLIER][OLDER[1].name]
    found.mirror.bucket.hours[HOUR] = {}
    assert set(refused(found.look_twice())) == {HOUR, EARLIER}
    assert found.look() == []
    assert found.retention.choice.waiting == (EARLIER, HOUR)
    assert 'held here and not mirrored' in found.retention.waits_for(HOUR)
    found.later()
    found.mirror.take(OLD)
    assert (gone(found.look()), list(refused(found.look()))) == ([HOUR], [])


def test_an_hour_that_cannot_go_does_not_keep_others_from_making_room(store: Path) -> None:
    found = Retained(fill(store, [*OLD, *OLDER, *NEW]), FOR_ROOM, mirrored=[*OLD, *OLDER, *NEW])
    (store / EARLIER.path / 'notes').touch()
    events = found.look_twice()
    assert (gone(events), list(refused(events))) == ([HOUR], [EARLIER])


def test_25_a_bucket_that_is_away_ends_the_look_before_anything_happens(store: Path) -> None:
    found = Retained(fill(store, OLD), FOR_AGE, mirrored=OLD)
    found.mirror.bucket.is_away = True
    with pytest.raises(SourceError, match='away'):
        found.look_twice()
    assert held(store) == [HOUR]
    assert not (store / NAME).exists()


def test_25_the_horizon_is_there_before_anything_is_deleted(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = Retained(fill(store, OLD), FOR_AGE, mirrored=OLD)

    def dies(*_: object) -> None:
        raise SystemExit

    monkeypatch.setattr('backfiller.retention.leave.let_go', dies)
    with pytest.raises(SystemExit):
        found.look_twice()
    again = Horizon(store)
    again.load()
    assert not again.admits(HOUR)
    assert held(store) == [HOUR]
    monkeypatch.undo()
    assert gone(Retained(store, FOR_AGE, mirrored=OLD).look_twice()) == [HOUR]


def test_25_a_damaged_horizon_is_said_and_nothing_is_deleted(store: Path) -> None:
    found = Retained(fill(store, OLD), FOR_AGE, mirrored=OLD)
    found.look()
    found.later()
    (store / NAME).write_text('{')
    with pytest.raises(ListingError, match='cannot be used'):
        found.look()
    assert held(store) == [HOUR]


def test_25_an_hour_that_is_being_fetched_goes_later(store: Path) -> None:
    found = Retained(fill(store, OLD), FOR_AGE, mirrored=OLD)
    found.busy = {HOUR}
    assert found.look_twice() == []
    assert not found.retention.horizon.admits(HOUR), 'nothing new of it may be fetched'
    found.busy = set()
    assert gone(found.look()) == [HOUR]


def test_what_was_withdrawn_goes_with_its_hour(store: Path) -> None:
    withdrawn, *rest = OLD
    found = Retained(fill(store, OLD), FOR_AGE, mirrored=rest)
    tombstone = tombstone_of(withdrawn)
    (store / tombstone.path).touch()
    assert refused(found.look_twice()) == {HOUR: f'{tombstone.path} is held here and not mirrored'}
    found.mirror.bucket.hours[HOUR][tombstone.name] = 0
    found.later()
    assert gone(found.look()) == [HOUR]
    assert set(files_below(store)) == {NAME}


def test_a_link_to_an_hour_is_never_touched(store: Path, tmp_path: Path) -> None:
    fill(tmp_path / 'else', OLD)
    (store / 'bus/source').mkdir(parents=True)
    (store / HOUR.path).symlink_to(tmp_path / 'else' / HOUR.path)
    found = Retained(store, replace(FOR_AGE, keep_unmirrored=False))
    assert found.look_twice() == []
    assert len(files_below(tmp_path / 'else')) == len(OLD)


def test_24_a_clock_that_is_wrong_for_less_than_an_hour_deletes_nothing(store: Path) -> None:
    found = Retained(fill(store, NEW), FOR_AGE, mirrored=NEW)
    found.look()
    for _ in range(3):
        found.now += FOR_AGE.keep * 9  # type: ignore[operator]
        for _ in range(11):
            assert found.look() == []
            found.later(300)
        found.now -= FOR_AGE.keep * 9  # type: ignore[operator]
        assert found.look() == []


def keeping(retention: Retention) -> RetentionKeeper:
    return RetentionKeeper(retention, Metrics(CollectorRegistry()), EVERYTHING, 300)


def test_each_deletion_is_logged_counted_and_told(store: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    found = Retained(fill(store, [*OLD, *OLDER]), FOR_AGE, mirrored=OLD)
    keeper = keeping(found.retention)
    keeper.loop.turn()
    found.later()
    assert 200 < keeper.loop.turn() < 400
    size = sum(len(each.body) for each in OLD)
    assert f'let go of {HOUR.path}: 4 segments, {size} bytes; older than keep' in caplog.text
    assert (
        caplog.text.count(
            f'past keep, but not let go: 1 in all, first {EARLIER.path}: it is not mirrored yet'
        )
        == 1
    )
    told = status.of_retention(keeper)
    assert (told['hours_released'], told['bytes_released'], told['waiting_hours']) == (1, size, 1)
    assert told['waiting'] == {EARLIER.path: 'it is not mirrored yet'}
    assert told['horizon'] == {'bus/source': HOUR.text}
    assert keeper._metrics.hours._value.get() == 1
    assert keeper._metrics.waiting._value.get() == 1
    found.mirror.take(OLDER)
    keeper.loop.turn()
    assert 'could be freed again' in caplog.text


def test_what_is_lacking_is_said_once_and_then_hourly(store: Path, caplog: pytest.LogCaptureFixture) -> None:
    keeper = keeping(Retained(fill(store, [*OLD, *NEW]), FOR_ROOM).retention)
    for _ in range(3):
        keeper.loop.turn()
    assert caplog.text.count('bytes too many: no more hours may go') == 1
    keeper._reminder.hasten(0)
    keeper.loop.turn()
    assert caplog.text.count('bytes too many: no more hours may go') == 2


def test_an_empty_store_is_within_every_limit(store: Path) -> None:
    keeper = keeping(Retained(store, Limits(min_free=10**18)).retention)
    keeper.loop.turn()
    assert keeper.loop.last_error is None
    assert status.of_retention(keeper)['free_bytes'] is None


def test_an_error_is_told_and_counted_as_ours(store: Path, caplog: pytest.LogCaptureFixture) -> None:
    (fill(store, []) / NAME).write_text('{')
    keeper = keeping(Retained(store, FOR_AGE).retention)
    keeper.loop.turn()
    assert keeper.loop.last_error
    assert 'cannot be used' in caplog.text
    assert not keeper.loop.is_troubled
