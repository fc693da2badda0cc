"""The journal of what was offered and not taken."""

import os
from datetime import date, timedelta
from pathlib import Path

import pytest

from backfiller.capture.position import known_until
from common.disk import Disk
from common.errors import SegmentError, StoreError
from common.skips import Noted, Skip, Skips
from tests.kit.build import at, fill, piece

NOW = at('2026-11-14T03:07:31')
FULL = Skip(1120, '404', at('2026-11-14T03:07:26.5'), timedelta(seconds=2.002))
BARE = Skip(1121, 'gone')
RUN = Skip(2000, 'gone', count=5000)


@pytest.fixture
def skips(store: Path) -> Skips:
    return Skips(store)


def noted(skips: Skips, since: date | None = None) -> list[Skip]:
    return [each.skip for each in skips.read('bus', 'source', since)]


def test_what_is_noted_is_read_again_in_order(skips: Skips) -> None:
    skips.append('bus', 'source', [FULL], NOW)
    skips.append('bus', 'source', [BARE, RUN], NOW + timedelta(days=1))
    skips.append('bus', '480p', [BARE], NOW)
    assert next(skips.read('bus', 'source')) == Noted(NOW, FULL)
    assert noted(skips) == [FULL, BARE, RUN]
    assert noted(skips, date(2026, 11, 15)) == [BARE, RUN]
    assert noted(Skips(Path('nowhere'))) == []


def test_it_is_one_line_of_json_each(skips: Skips, store: Path) -> None:
    skips.append('bus', 'source', [FULL, BARE], NOW)
    assert (store / '.skips/bus/source/2026-11-14.jsonl').read_text() == (
        '{"time": "2026-11-14T03:07:31Z", "sequence": 1120, "start": "2026-11-14T03:07:26.500000Z", '
        '"duration": 2.002, "cause": "404"}\n'
        '{"time": "2026-11-14T03:07:31Z", "sequence": 1121, "start": null, '
        '"duration": null, "cause": "gone"}\n'
    )


def test_nothing_lists_it(skips: Skips, store: Path) -> None:
    skips.append('bus', 'source', [FULL], NOW)
    assert Disk(store).streams() == []


def test_a_torn_last_line_costs_nothing_else(skips: Skips, store: Path) -> None:
    skips.append('bus', 'source', [FULL, BARE], NOW)
    path = store / '.skips/bus/source/2026-11-14.jsonl'
    path.write_bytes(path.read_bytes()[:-20])
    assert noted(skips) == [FULL]
    skips.append('bus', 'source', [RUN], NOW)
    assert noted(skips) == [FULL, RUN]


@pytest.mark.parametrize(
    'line', ['', '{}', '[]', 'null', '\0', '{"sequence": 1}', '9' * 5000, '{"time": 1, "sequence": "x"}']
)
def test_odd_lines_are_passed_over(skips: Skips, store: Path, line: str) -> None:
    skips.append('bus', 'source', [FULL], NOW)
    path = store / '.skips/bus/source/2026-11-14.jsonl'
    path.write_text(f'{line}\n{path.read_text()}{line}\n')
    assert noted(skips) == [FULL]


def test_it_takes_no_more_room_than_it_may(store: Path) -> None:
    skips = Skips(store, most_bytes=1000, most_days=2)
    for day in range(4):
        for _ in range(30):
            skips.append('bus', 'source', [BARE], NOW + timedelta(days=day))
    files = sorted((store / '.skips/bus/source').iterdir())
    assert [file.name for file in files] == ['2026-11-16.jsonl', '2026-11-17.jsonl']
    assert all(500 < file.stat().st_size <= 1000 for file in files)


def test_it_stays_in_its_folder(skips: Skips, store: Path, tmp_path: Path) -> None:
    with pytest.raises(SegmentError):
        skips.append('..', 'source', [BARE], NOW)
    (store / '.skips/bus/source').mkdir(parents=True)
    (store / '.skips/bus/source/2026-11-14.jsonl').symlink_to(tmp_path / 'elsewhere')
    with pytest.raises(StoreError, match='cannot note in'):
        skips.append('bus', 'source', [BARE], NOW)
    assert not (tmp_path / 'elsewhere').exists()


def test_a_recording_has_come_as_far_as_what_is_held_or_noted(skips: Skips, store: Path) -> None:
    disk = Disk(store)
    assert known_until(disk, skips, 'bus', 'source') is None
    held = piece('2026-11-14T03:07:10')
    disk.add(held.segment, [held.body])
    assert known_until(disk, skips, 'bus', 'source') == at('2026-11-14T03:07:12')
    skips.append('bus', 'source', [BARE, FULL], NOW)
    assert known_until(disk, skips, 'bus', 'source') == at('2026-11-14T03:07:28.502')
    assert known_until(disk, skips, 'bus', '480p') is None


def test_what_is_noted_of_after_all_time_ends_nothing(skips: Skips, store: Path) -> None:
    held = piece('2026-11-14T03:07:24')
    fill(store, [held])
    skips.append(
        'bus', 'source', [Skip(7, 'unreadable', at('9999-12-31T23:59:59'), timedelta(10)), FULL], NOW
    )
    assert noted(skips) == [FULL]
    assert known_until(Disk(store), skips, 'bus', 'source') == at('2026-11-14T03:07:28.502')


def test_a_disk_that_runs_full_takes_all_or_nothing(skips: Skips, monkeypatch: pytest.MonkeyPatch) -> None:
    skips.append('bus', 'source', [BARE], NOW)
    write = os.write
    with monkeypatch.context() as full:
        full.setattr(os, 'write', lambda handle, block: write(handle, block[:30]))
        with pytest.raises(StoreError, match='No space left'):
            skips.append('bus', 'source', [FULL, RUN], NOW)
    assert noted(skips) == [BARE]
    skips.append('bus', 'source', [FULL, RUN], NOW)
    assert noted(skips) == [BARE, FULL, RUN]
