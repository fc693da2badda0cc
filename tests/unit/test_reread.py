"""Reading back what was mirrored: which hours, how much of each, and what becomes of what is damaged."""

import random
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from backfiller.mirror.bucket import Bucket
from backfiller.mirror.hours import HourState, Patience
from backfiller.mirror.layouts import OneEach
from backfiller.mirror.mirror import Mirror
from backfiller.mirror.reread import Reread
from backfiller.mirror.verify import Reading
from common.alone import alone
from common.disk import Disk
from common.errors import StoreError
from common.offload import OffloadedDisk
from common.segment import Hour
from tests.kit.build import HOUR, at, fill, run_of
from tests.kit.strict_s3.server import StrictS3, strict_s3

DAY = timedelta(days=1)
EARLIER = run_of(10, '2026-11-14T02:00:00')
PIECES = [*EARLIER, *run_of(10)]


class Kept:
    """A store that was mirrored two days later, and what reads the mirror back."""

    def __init__(self, s3: StrictS3, store: Path) -> None:
        self.now = at('2026-11-16T12:00:00')
        self.s3 = s3
        self.store = fill(store, PIECES)
        self.client = s3.client()
        self._url = s3.new_bucket()
        disk = OffloadedDisk(Disk(store))
        patience = Patience(timedelta(), timedelta(), self.now)
        layout = OneEach(disk, self.bucket())
        self.mirror = Mirror(
            disk, self.bucket(), layout, patience=patience, clock=lambda: self.now, node_id='us'
        )
        self.look()

    def bucket(self) -> Bucket:
        return Bucket(self.client, self._url)

    def reread(self, share: float) -> Reread:
        return Reread(
            self.mirror,
            self.bucket(),
            Disk(self.store),
            Reading(share, choose=random.Random(1)),
            interval=DAY,
            clock=lambda: self.now,
        )

    def look(self) -> dict[Hour, HourState]:
        """What the mirror says of each hour after a look."""
        return {result.hour: result.state for result in self.mirror.run()}

    def damage(self, number: int) -> None:
        self.s3.damage(f'archive/{PIECES[number].path}')


@pytest.fixture
def kept(store: Path) -> Iterator[Kept]:
    with strict_s3() as s3:
        found = Kept(s3, store)
        with closing(found.client):
            yield found


def read(reread: Reread) -> dict[Hour, int]:
    """How many segments of each hour were read."""
    return {verdict.hour: verdict.read for verdict in reread.run()}


def test_each_hour_is_read_at_its_interval_in_the_share_that_is_asked_for(kept: Kept) -> None:
    reread = kept.reread(0.25)
    assert read(reread) == {EARLIER[0].hour: 2, HOUR: 2}
    assert read(reread) == {}
    kept.now += DAY
    assert read(reread) == {EARLIER[0].hour: 2, HOUR: 2}
    assert (reread.tally.segments, reread.tally.damaged) == (8, 0)


def test_an_hour_is_not_read_in_the_first_interval_after_its_end(kept: Kept) -> None:
    kept.now = at('2026-11-15T03:30:00')
    assert read(kept.reread(1)) == {EARLIER[0].hour: 10}


def test_what_is_damaged_and_whole_here_is_sent_again(kept: Kept) -> None:
    kept.damage(13)
    reread = kept.reread(1)
    read(reread)
    assert reread.tally.damaged == 1
    assert kept.mirror.hours[HOUR].state is HourState.FAILED  # until the mirror has looked
    assert not kept.mirror.vouches_for(HOUR)
    assert kept.look()[HOUR] is HourState.MIRRORED
    assert kept.s3.count('PutObject', key=f'*/{PIECES[13].name}') == 2
    kept.now += DAY
    read(reread)
    assert reread.tally.damaged == 1


def test_what_is_damaged_and_gone_here_leaves_the_hour_failed_until_it_is_whole_again(kept: Kept) -> None:
    whole = kept.s3.object(f'archive/{PIECES[13].path}').body
    kept.damage(13)
    (kept.store / PIECES[13].path).unlink()
    reread = kept.reread(1)
    read(reread)
    for _ in range(2):
        assert kept.look() == {EARLIER[0].hour: HourState.MIRRORED, HOUR: HourState.FAILED}
    assert PIECES[13].path in kept.mirror.hours[HOUR].problems[0]
    kept.s3.replace(f'archive/{PIECES[13].path}', whole)
    kept.now += DAY
    assert read(kept.reread(0.1)) == {EARLIER[0].hour: 1, HOUR: 10}
    assert kept.look()[HOUR] is HourState.MIRRORED


def test_what_may_not_be_deleted_leaves_the_hour_failed(kept: Kept) -> None:
    kept.damage(13)
    kept.damage(14)
    kept.s3.fails('DeleteObject', status=403, code='AccessDenied')
    read(kept.reread(1))
    for _ in range(2):
        assert kept.look()[HOUR] is HourState.FAILED
    assert not kept.mirror.vouches_for(HOUR)


def test_what_cannot_be_read_is_told_and_neither_damaged_nor_deleted(kept: Kept) -> None:
    kept.s3.fails('GetObject', key=f'*/{PIECES[13].name}', status=403, code='InvalidObjectState')
    reread = kept.reread(1)
    verdicts = {verdict.hour: verdict for verdict in reread.run()}
    assert [problem.path for problem in verdicts[HOUR].unread] == [PIECES[13].path]
    assert 'it is archived' in verdicts[HOUR].unread[0].message
    assert reread.tally.damaged == 0
    assert kept.s3.count('DeleteObject', key=f'*/{PIECES[13].name}') == 0
    assert kept.mirror.vouches_for(HOUR)


def test_while_an_hour_is_let_go_nothing_is_removed(kept: Kept) -> None:
    kept.damage(13)
    with alone(kept.store):
        read(kept.reread(1))
    assert f'archive/{PIECES[13].path}' in kept.s3.objects()
    assert kept.look()[HOUR] is HourState.FAILED


def test_a_doubt_outlives_a_look_that_was_broken_off(kept: Kept, our_errors_are_told: None) -> None:
    kept.damage(13)
    read(kept.reread(1))
    kept.s3.fails('PutObject', status=400, code='ExpiredToken')
    with pytest.raises(StoreError):
        kept.look()
    assert not kept.mirror.vouches_for(HOUR)
    kept.s3.recovers()
    assert kept.look()[HOUR] is HourState.MIRRORED
    assert kept.s3.object(f'archive/{PIECES[13].path}').body == PIECES[13].body
