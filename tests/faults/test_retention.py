"""Fault 25: retention that races uploading, serving and backfilling, or dies in between."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from backfiller.mirror import manifest as manifests
from backfiller.mirror.bucket import Bucket
from backfiller.mirror.hours import HourState, Patience
from backfiller.mirror.layouts import OneEach
from backfiller.mirror.mirror import Mirror
from backfiller.retention.retention import Retention
from common.alone import FOLDER
from common.disk import Disk
from common.horizon import NAME, Horizon
from common.offload import OffloadedDisk
from common.place import EVERYTHING
from common.times import utc_now
from tests.kit import s3
from tests.kit.build import HOUR, Piece, files_below, fill, piece, run_of
from tests.kit.invariants import listed
from tests.kit.process import backfiller, eventually, get, requests, restreamer
from tests.kit.retained import FOR_AGE, NOW, gone, let_go, refused
from tests.kit.status import counted, full_pass

OLD = run_of(6, '2020-02-29T00:00:00')
NEW = run_of(6, '2020-03-02T00:00:00')
OFTEN = ('--retention-interval', '0.2', '--mirror-interval', '0.2', '--full-interval', '0.3')
UNMIRRORED = ('--keep-unmirrored', 'false')


def paths(pieces: list[Piece]) -> set[str]:
    return {each.path for each in pieces}


class Archived:
    """A store, its mirror in a real bucket, and a retention at times that the test says."""

    def __init__(self, store: Path, server: str, url: str) -> None:
        disk = OffloadedDisk(Disk(store))
        self.bucket = Bucket(s3.client(server), url)
        patience = Patience(timedelta(), timedelta(), utc_now())
        layout = OneEach(disk, self.bucket)
        self.mirror = Mirror(disk, self.bucket, layout, patience=patience, clock=utc_now, node_id='us')
        self.seconds = 0.0
        self.retention = Retention(
            disk,
            Horizon(store),
            FOR_AGE,
            mirror=self.mirror,
            is_busy=lambda _: False,
            clock=lambda: NOW,
            monotonic=lambda: self.seconds,
        )

    def upload(self) -> None:
        assert {each.state for each in self.mirror.run()} == {HourState.MIRRORED}


@pytest.fixture
def archived(store: Path, s3_url: str, bucket_url: str) -> Archived:
    return Archived(store, s3_url, bucket_url)


def test_25_a_segment_that_comes_between_mirror_and_deletion_is_mirrored_first(
    archived: Archived, store: Path
) -> None:
    *pieces, late = run_of(5)
    fill(store, pieces)
    archived.upload()
    fill(store, [late])
    for _ in range(2):
        events = list(archived.retention.run(EVERYTHING))
        archived.seconds += 3600
    assert 'held here and not mirrored' in refused(events)[HOUR]
    assert listed(store) == paths([*pieces, late])
    archived.upload()
    assert gone(archived.retention.run(EVERYTHING)) == [HOUR]
    assert archived.bucket.names(HOUR) == {each.name for each in [*pieces, late]}


def test_25_an_object_that_vanished_from_the_bucket_keeps_the_hour(archived: Archived, store: Path) -> None:
    pieces = run_of(3)
    fill(store, pieces)
    archived.upload()
    archived.bucket.calls.delete(pieces[1].path)
    for _ in range(2):
        events = list(archived.retention.run(EVERYTHING))
        archived.seconds += 3600
    assert refused(events) == {HOUR: f'{pieces[1].path} is missing'}
    assert listed(store) == paths(pieces)


def test_25_an_hour_that_goes_while_the_mirror_looks_is_not_mirrored_empty(
    archived: Archived, store: Path
) -> None:
    pieces = run_of(3)
    between = [each for day in range(10, 14) for each in run_of(1, f'2026-11-{day}T03:00:00')]
    fill(store, [*OLD, *between, *pieces])
    looking = archived.mirror.run()
    assert next(looking).hour != HOUR
    let_go(store, HOUR, {each.name for each in pieces})
    assert not [problem for each in looking for problem in each.problems]
    assert archived.bucket.objects(HOUR) == {}
    assert manifests.NAME in archived.bucket.objects(OLD[0].hour)
    assert HOUR not in {each.hour for each in archived.mirror.run()}


def test_25_a_segment_that_is_being_sent_is_sent_to_its_end(store: Path) -> None:
    large = piece(body=b'\x47' * 20_000_000)
    with restreamer(fill(store, [large])) as url:
        answer = requests.get(f'{url}/segments/{large.path}', stream=True, timeout=10)
        blocks = answer.iter_content(100_000)
        first = next(blocks)
        let_go(store, HOUR, {large.name})
        assert first + b''.join(blocks) == large.body
        assert get(f'{url}/files/{HOUR.path}').json() == []
        assert get(f'{url}/segments/{large.path}').status_code == 404


def test_25_a_bucket_that_is_not_there_keeps_everything_however_little_is_free(
    tmp_path: Path, s3_url: str
) -> None:
    ours = fill(tmp_path / 'B', [*OLD, *NEW])
    bucket = ('--bucket', 's3://no-such-bucket/x', '--endpoint-url', s3_url)
    limits = ('--keep', '1d', '--keep-bytes', '1', '--min-free', '999T')
    with backfiller(ours, *bucket, *limits, *OFTEN) as (process, control):
        process.wait_for('past keep, but not let go: 2 in all, first bus/source/2020-02-29T00')
        process.wait_for('bytes too many: no more hours may go')
        told = eventually(lambda: get(f'{control}/status').json()['retention'])
        assert told['waiting_hours'] == counted(control, 'retention_waiting_hours') == 2
        assert told['lacking_bytes'] == counted(control, 'retention_lacking_bytes') > 0
        assert counted(control, 'hours_released_total') == 0
        assert get(f'{control}/healthz').json()['healthy']
    assert listed(ours) == paths([*OLD, *NEW])


def test_25_what_a_crash_left_between_horizon_and_deletion_goes_and_is_not_fetched(tmp_path: Path) -> None:
    """Half of the hour was deleted; its other half lies where it was moved to, and somebody has all of it."""
    ours = fill(tmp_path / 'B', NEW)
    fill(ours / FOLDER, OLD[3:])
    Horizon(ours).advance(OLD[0].hour)
    with (
        restreamer(fill(tmp_path / 'A', [*OLD, *NEW])) as peer,
        backfiller(ours, '--peer', peer, '--keep-bytes', '1', *UNMIRRORED, *OFTEN) as (process, control),
    ):
        process.wait_for('let go of bus/source/2020-02-29T00: 3 segments')
        before = counted(control, 'passes_total')
        eventually(lambda: counted(control, 'passes_total') > before + 3)
        assert full_pass(control, peer)['left'] == 0
        assert counted(peer, 'segments_served_total') == 0
    assert listed(ours) == paths(NEW)
    assert set(files_below(ours)) == paths(NEW) | {NAME}


def test_25_a_damaged_horizon_stops_retention_and_nothing_else(tmp_path: Path) -> None:
    ours = fill(tmp_path / 'B', OLD)
    (ours / NAME).write_text('{"version": 1')
    with (
        restreamer(fill(tmp_path / 'A', [*OLD, *NEW])) as peer,
        backfiller(ours, '--peer', peer, '--keep-bytes', '1', *UNMIRRORED, *OFTEN) as (process, control),
    ):
        eventually(lambda: listed(ours) == paths([*OLD, *NEW]))
        error = eventually(lambda: get(f'{control}/status').json()['retention']['last_error'])
        assert 'cannot be used' in error['message']
        (ours / NAME).unlink()
        process.wait_for('let go of bus/source/2020-02-29T00', timeout=20)
    assert json.loads((ours / NAME).read_text())['let_go'] == {'bus/source': '2020-02-29T00'}


def test_25_for_room_what_was_fetched_last_is_not_what_goes_first(tmp_path: Path) -> None:
    """An empty node that may hold little takes what it may, and comes to rest."""
    with (
        restreamer(fill(tmp_path / 'A', [*OLD, *NEW])) as peer,
        backfiller(tmp_path / 'B', '--peer', peer, '--keep-bytes', '1', *UNMIRRORED, *OFTEN) as (_, control),
    ):
        eventually(lambda: counted(control, 'hours_released_total') == 1)
        served = counted(peer, 'segments_served_total')
        before = counted(control, 'passes_total')
        eventually(lambda: counted(control, 'passes_total') > before + 3)
        assert counted(peer, 'segments_served_total') == served == 12
    assert listed(tmp_path / 'B') == paths(NEW)
