"""Fault 16: S3 says for half an hour that it is too busy. Few ask it by then, and all is mirrored after."""

import gc
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import gevent
import pytest

from backfiller.loop import Backoff
from backfiller.mirror.bucket import Bucket
from backfiller.mirror.hours import HourState, Patience
from backfiller.mirror.layouts import OneEach
from backfiller.mirror.mirror import Mirror
from backfiller.mirror.s3 import CONNECTIONS, TRIES, Border
from common.disk import Disk
from common.errors import SegmeshError
from common.offload import OffloadedDisk
from common.times import utc_now
from tests.kit.build import HOUR, fill, run_of
from tests.kit.strict_s3.server import StrictS3, strict_s3

pytestmark = [
    pytest.mark.usefixtures('our_errors_are_told'),
    pytest.mark.filterwarnings('ignore:Exception ignored in. <socket'),
]

HALF_AN_HOUR = 1800.0
BUSY = 503, 'SlowDown'
BROKEN = 500, 'InternalError'


class Clock:
    """Time that passes only while somebody waits."""

    now = 0.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        gevent.sleep(0)


class Busy:
    """A mirror whose S3 is too busy for half an hour, from its fourth object on."""

    def __init__(self, s3: StrictS3, store: Path, error: tuple[int, str]) -> None:
        self.s3 = s3
        self.clock = Clock()
        self.border = Border('s3://archive', sleep=self._sleep)
        self.least = float(CONNECTIONS)
        status, code = error
        s3.fails('*', status=status, code=code, after=20)
        self.client = s3.client()
        disk, bucket = OffloadedDisk(Disk(store)), Bucket(self.client, s3.new_bucket(), border=self.border)
        patience = Patience(timedelta(), timedelta(), utc_now())
        layout = OneEach(disk, bucket)
        self._mirror = Mirror(disk, bucket, layout, patience=patience, clock=utc_now, node_id='us')

    def _sleep(self, seconds: float) -> None:
        self.least = min(self.least, self.border.crowd.limit)
        self.clock.sleep(seconds)
        if self.clock.now > HALF_AN_HOUR:
            self.s3.recovers()

    def mirror(self, backoff: Backoff) -> int:
        """Looks until the hour is mirrored, as the service does; returns how many looks failed."""
        failed = 0
        with closing(self.client):
            while not self._looks():
                failed += 1
                self._sleep(backoff.after_failure())
        return failed

    def _looks(self) -> bool:
        try:
            return {result.state for result in self._mirror.run()} == {HourState.MIRRORED}
        except SegmeshError:
            return False


@pytest.fixture
def s3() -> Iterator[StrictS3]:
    with strict_s3() as server:
        yield server
    gc.collect()  # the sockets of uploads that were killed, while nobody minds


@pytest.mark.parametrize('error', [BUSY, BROKEN], ids=['too busy', 'broken'])
def test_16_after_half_an_hour_of_errors_the_hour_is_mirrored(
    s3: StrictS3, store: Path, error: tuple[int, str]
) -> None:
    pieces = run_of(40)
    busy = Busy(s3, fill(store, pieces), error)
    failed = busy.mirror(Backoff(60.0, 600.0))
    assert failed
    assert s3.count('PutObject', key='*.ts', status=200) == len(pieces)
    in_vain = s3.count('*', status=error[0])
    at_once = 8 + 1
    assert TRIES <= in_vain <= TRIES * at_once * failed
    assert s3.count('PutObject', key=f'*/{HOUR.path}/manifest.json') == 1


def test_16_fewer_ask_at_once_until_it_recovers(s3: StrictS3, store: Path) -> None:
    busy = Busy(s3, fill(store, run_of(300)), BUSY)
    busy.mirror(Backoff(60.0, 600.0))
    assert busy.least == 1
    assert busy.border.crowd.limit > CONNECTIONS / 2


def test_16_errors_of_the_server_alone_do_not_make_us_fewer(s3: StrictS3, store: Path) -> None:
    busy = Busy(s3, fill(store, run_of(40)), BROKEN)
    busy.mirror(Backoff(60.0, 600.0))
    assert busy.least == CONNECTIONS
