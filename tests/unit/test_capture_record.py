"""Which segments a recorder asks for first, and which of its sources it records."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import gevent
import pytest
from gevent.event import Event
from prometheus_client import CollectorRegistry

from backfiller.capture.download import Downloader
from backfiller.capture.keep import Keeper
from backfiller.capture.metrics import CaptureMetrics
from backfiller.capture.origin import Raw, Text
from backfiller.capture.places import Place, Places, parsed
from backfiller.capture.recipe import Recipe
from backfiller.capture.record import AT_ONCE, Recorder
from backfiller.capture.report import Report
from backfiller.capture.session import MOST_VARIANTS, Session
from common.disk import Disk
from common.errors import SegmentError
from common.hls.parts import ByteRange
from common.offload import OffloadedDisk
from common.skips import Skips
from tests.kit.live import packets

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


class Still:
    """Servers that each offer one more segment, of which no time is told, when told to."""

    def __init__(self, *hosts: str) -> None:
        self.newest = dict.fromkeys(hosts, 0)
        self.asked: Counter[str] = Counter()
        self.now = 0.0

    @property
    def urls(self) -> tuple[str, ...]:
        return tuple(f'http://{host}/live.m3u8' for host in self.newest)

    def text(self, url: str, deadline_seconds: float) -> Text:
        newest = self.newest[url.split('/')[2]]
        lines = f'#EXT-X-MEDIA-SEQUENCE:{newest}\n#EXTINF:2,\n{newest}.ts\n'
        return Text(f'#EXTM3U\n#EXT-X-TARGETDURATION:2\n{lines}', url)

    def bytes_of(self, url: str, part: ByteRange | None, deadline_seconds: float) -> Raw:
        self.asked[url] += 1
        return Raw(packets(url))

    def watch(self, recorder: Recorder, seconds: int) -> None:
        for _ in range(0, seconds, 4):
            recorder.poll()
            gevent.wait(timeout=0.01)
            self.now += 4


def recorder_of(
    origin: Stuck | Still,
    store: Path,
    urls: tuple[str, ...] = ('http://a/live.m3u8',),
    clock: Callable[[], float] = time.monotonic,
) -> Recorder:
    places = Places(Recipe('bus', urls), [Downloader(origin) for _ in urls])
    place = places.find()['source'][0]
    report = Report('bus', 'source', CaptureMetrics(CollectorRegistry()), Skips(store))
    keeper = Keeper(OffloadedDisk(Disk(store)), 'bus', 'source')
    return Recorder(places, place, keeper, report, variant='source', clock=clock)


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


def test_sources_that_all_stand_still_are_taken_once_and_left_for_the_one_that_goes_on(store: Path) -> None:
    still = Still('a', 'b', 'c')
    recorder = recorder_of(still, store, still.urls, lambda: still.now)
    still.watch(recorder, 300)
    assert still.asked == dict.fromkeys(('http://a/0.ts', 'http://b/0.ts', 'http://c/0.ts'), 1)
    still.newest['b'] = 1
    still.watch(recorder, 60)
    assert still.asked['http://b/1.ts'] == 1


class Broken(Still):
    def bytes_of(self, url: str, part: ByteRange | None, deadline_seconds: float) -> Raw:
        raise SegmentError('unreachable', f'{url} answered 500')


def test_what_left_the_playlist_is_noted_when_a_recorder_is_stopped(store: Path) -> None:
    broken = Broken('a')
    recorder = recorder_of(broken, store, broken.urls)
    recorder.poll()
    broken.newest['a'] = 1
    running = gevent.spawn(recorder.run)
    gevent.wait(timeout=0.1)
    running.kill()
    noted = [each.skip for each in Skips(store).read('bus', 'source')]
    assert [(skip.sequence, skip.cause) for skip in noted] == [(0, 'unreachable')]


class Long(Still):
    def text(self, url: str, deadline_seconds: float) -> Text:
        read = super().text(url, deadline_seconds)
        return Text(read.text + '#EXT-X-GAP\n#EXTINF:2,\ngap.ts\n' * 20_000, url)


def test_a_long_playlist_holds_up_nobody_while_it_is_read() -> None:
    long = Long('a')
    steps: list[float] = []

    def step() -> None:
        while True:
            steps.append(time.monotonic())
            gevent.sleep(0.005)

    others = gevent.spawn(step)
    parsed(long.text(long.urls[0], 1), Place(0, long.urls[0]))
    others.kill()
    assert len(steps) > 3


def test_a_stream_has_no_variants_without_end(store: Path, tmp_path: Path) -> None:
    names = (f'#EXT-X-STREAM-INF:BANDWIDTH={each + 1}\n{each}.m3u8\n' for each in range(MOST_VARIANTS + 5))
    master = tmp_path / 'master.m3u8'
    master.write_text(f'#EXTM3U\n{"".join(names)}')
    disk = OffloadedDisk(Disk(store))
    session = Session(Recipe('bus', (master.as_uri(),)), disk, CaptureMetrics(CollectorRegistry()))
    running = gevent.spawn(session.run)
    with gevent.Timeout(10):
        while len(session.status()) < MOST_VARIANTS:
            gevent.sleep(0.01)
    gevent.sleep(0.05)
    running.kill()
    assert len(session.status()) == MOST_VARIANTS
