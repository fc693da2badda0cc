"""Which segments a recorder asks for first, and which of its sources it records."""

from collections.abc import Iterator
from pathlib import Path

import gevent
import pytest
from gevent.event import Event
from prometheus_client import CollectorRegistry

from backfiller.capture.download import Downloader
from backfiller.capture.keep import Keeper
from backfiller.capture.metrics import CaptureMetrics
from backfiller.capture.origin import Raw, Text
from backfiller.capture.places import Places
from backfiller.capture.recipe import Recipe
from backfiller.capture.record import AT_ONCE, Recorder
from backfiller.capture.report import Report
from common.disk import Disk
from common.errors import SegmentError
from common.hls.parts import ByteRange
from common.offload import OffloadedDisk
from common.skips import Skips

COUNT = AT_ONCE + 2


class Stuck:
    """An origin of a few segments, none of which comes before it is let go."""

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.let_go = Event()

    def text(self, url: str, deadline_seconds: float) -> Text:
        segments = ''.join(f'#EXTINF:2,\n{each}.ts\n' for each in range(COUNT))
        return Text(f'#EXTM3U\n#EXT-X-TARGETDURATION:2\n{segments}', url)

    def bytes_of(self, url: str, part: ByteRange | None, deadline_seconds: float) -> Raw:
        self.asked.append(int(url.rpartition('/')[2].removesuffix('.ts')))
        self.let_go.wait()
        raise SegmentError('404', f'{url} answered 404')


@pytest.fixture
def stuck() -> Iterator[Stuck]:
    yield (origin := Stuck())
    origin.let_go.set()


def recorder_of(origin: Stuck, store: Path) -> Recorder:
    places = Places(Recipe('bus', ('http://a/live.m3u8',)), [Downloader(origin)])
    place = places.find()['source'][0]
    report = Report('bus', 'source', CaptureMetrics(CollectorRegistry()), Skips(store))
    keeper = Keeper(OffloadedDisk(Disk(store)), 'bus', 'source')
    return Recorder(places, place, keeper, report, variant='source')


def test_segments_that_fail_again_and_again_hold_up_no_new_ones(stuck: Stuck, store: Path) -> None:
    recorder = recorder_of(stuck, store)
    recorder.poll()
    gevent.idle()
    assert stuck.asked == list(range(AT_ONCE))
    stuck.let_go.set()
    gevent.idle()
    recorder.poll()
    gevent.idle()
    assert stuck.asked[AT_ONCE : AT_ONCE + 2] == [AT_ONCE, AT_ONCE + 1]
