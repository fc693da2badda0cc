"""Fault 29: whatever an origin does, the recording goes on, and what it lacks is noted with its cause.

An hour goes by as fast as segments can be had: the recorder's clock is the test's.
"""

import os
import random
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from backfiller.capture.download import Downloader
from backfiller.capture.keep import Keeper
from backfiller.capture.metrics import CaptureMetrics
from backfiller.capture.origin import HttpOrigin
from backfiller.capture.places import Places
from backfiller.capture.recipe import Recipe
from backfiller.capture.record import Recorder
from backfiller.capture.report import Report
from backfiller.outside import new_client
from common.disk import Disk
from common.errors import ListingError, SourceError
from common.offload import OffloadedDisk
from common.segment import Segment
from common.skips import Skips
from tests.kit.build import assert_whole
from tests.kit.moments import SEED
from tests.kit.origin import Live, Offered, Origin, origin_of
from tests.kit.process import eventually, running

STEP_SECONDS = 2.0
STEPS = 1800 if os.environ.get('SEGMESH_SOAK_SECONDS') else 150
WINDOW = 6
OUTAGE_STEPS = 15
MASTER = '#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1000\nNAME?token=TOKEN\n'
FOR_EVER = {'zero': 'truncated', '404': '404', 'cut': 'truncated', 'page': 'refused', '500': 'unreachable'}
PASSING = ('zero', '404', 'cut', 'page', '500', 'slow', 'unsized')


class Recording:
    """A recorder in front of an origin, step by step; `holes` are those that it should note."""

    def __init__(self, store: Path, origin: Origin, live: Live, *more: str) -> None:
        self.now = 0.0
        self.holes: Counter[tuple[int, str]] = Counter()
        self.lost: set[int] = set()
        self.origin = origin
        self.live = live
        self.disk = Disk(store, durability='none')
        self.skips = Skips(store)
        self._playlist = 'source.m3u8'
        self._names = 0
        self.tell_master()
        recipe = Recipe('bus', (f'{origin.url}/master.m3u8', *more))
        client = new_client(recipe.sources, deadline_seconds=10)
        downloaders = [Downloader(HttpOrigin(client)) for _ in recipe.sources]
        places = Places(recipe, downloaders, lambda: self.now)
        live.publish()
        report = Report('bus', 'source', CaptureMetrics(CollectorRegistry()), self.skips)
        self.recorder = Recorder(
            places,
            places.find()['source'][0],
            Keeper(OffloadedDisk(self.disk), 'bus', 'source'),
            report,
            variant='source',
            clock=lambda: self.now,
        )

    def tell_master(self) -> None:
        self.origin.pages['/master.m3u8'] = MASTER.replace('NAME', self._playlist)

    def poll(self) -> None:
        """One turn; what it raises is what its loop would say and go on."""
        self.now += STEP_SECONDS
        with suppress(SourceError, ListingError):
            self.recorder.poll()
        self.recorder._pool.join()

    def step(self, **how: object) -> Offered:
        (offered,) = self.live.publish(**how)  # type: ignore[arg-type]
        self.poll()
        return offered

    def loses(self, offered: Offered, cause: str) -> None:
        self.lost.add(id(offered))
        self.holes[offered.sequence, cause] += 1

    def noted(self) -> Counter[tuple[int, str]]:
        return Counter((each.skip.sequence, each.skip.cause) for each in self.skips.read('bus', 'source'))

    def held(self) -> list[tuple[Segment, bytes]]:
        found = []
        for hour in self.disk.hours():
            for name in sorted(self.disk.names(hour)):
                segment = Segment.parse(hour, name)
                found.append((segment, self.disk.path(segment).read_bytes()))
        return found

    def stall(self) -> None:
        for _ in range(5):
            self.poll()

    def jump(self) -> None:
        """Numbers without time."""
        first = self.live.sequence
        self.live.renumber(3)
        self.holes.update((first + n, 'jumped') for n in range(3))

    def miss(self) -> None:
        first = self.live.sequence
        self.live.miss(4)
        self.holes.update((first + n, 'gone') for n in range(4))

    def reset(self) -> None:
        self.live.restart()

    def jump_in_time(self) -> None:
        self.live.discontinuity()
        self.live.time = self.live.time.replace(microsecond=250_000)

    def expire(self) -> None:
        self._names += 1
        self.origin.token = f'token{self._names}'
        self.poll()

    def switch_master(self) -> None:
        """The playlist is elsewhere from now on."""
        self._names += 1
        self._playlist = f'elsewhere{self._names}.m3u8'
        self.origin.lives = {f'/{self._playlist}': self.live}
        self.tell_master()
        self.poll()

    def outage(self) -> None:
        """For 30 s; the window that is offered then is fetched."""
        self.origin.stop()
        missed = []
        for _ in range(OUTAGE_STEPS):
            missed += self.live.publish()
            self.poll()
        self.origin.start()
        for offered in missed[:-WINDOW]:
            self.loses(offered, 'gone')
        self.poll()

    def reuse_a_name(self) -> None:
        self.step(path='/again.ts')
        self.step(path='/again.ts')

    def redirect(self) -> None:
        path = f'/moved-{self.live.sequence}.ts'
        self.origin.does('to /real.ts', path)
        (offered,) = self.live.publish(path=path)
        self.live.files['/real.ts'] = offered.sent
        self.poll()

    def rotate_key(self) -> None:
        self._names += 1
        self.live.rotate_key(f'/key{self._names}', iv=os.urandom(16) if self._names % 2 else None)

    def protect(self) -> None:
        """One segment for which nobody has the key."""
        kept = self.live._key, self.live._key_line
        self.live.rotate_key('/drm', method='SAMPLE-AES')
        self.loses(self.step(), 'encrypted')
        self.live._key, self.live._key_line = kept
        self.live._lines.append(kept[1] or '#EXT-X-KEY:METHOD=NONE')

    def gap(self) -> None:
        self.loses(self.step(lines=('#EXT-X-GAP',)), 'gap')

    def garble(self) -> None:
        self.loses(self.step(lines=('#EXTINF:much,',)), 'unreadable')

    def fail_for_ever(self) -> None:
        deed, cause = random.Random(f'{SEED} {self.live.sequence}').choice(list(FOR_EVER.items()))
        path = f'/bad-{len(self.live.every)}.ts'
        self.origin.does(deed, path)
        self.loses(self.step(path=path), cause)

    def fail_once(self) -> None:
        deed = random.Random(f'{SEED} {self.live.sequence}').choice(PASSING)
        path = f'/late-{len(self.live.every)}.ts'
        self.origin.does(deed, path, 2)
        self.step(path=path)
        self.poll()
        self.poll()


FAULTS: tuple[Callable[[Recording], None], ...] = (
    Recording.stall,
    Recording.jump,
    Recording.miss,
    Recording.reset,
    Recording.jump_in_time,
    Recording.expire,
    Recording.switch_master,
    Recording.outage,
    Recording.reuse_a_name,
    Recording.redirect,
    Recording.rotate_key,
    Recording.protect,
    Recording.gap,
    Recording.garble,
    Recording.fail_for_ever,
    Recording.fail_once,
)


@pytest.fixture
def recording(store: Path, our_errors_are_told: None) -> Iterator[Recording]:
    live = Live(window=WINDOW, seconds=STEP_SECONDS)
    with origin_of(live) as origin:
        yield Recording(store, origin, live)


def ends_right(recording: Recording) -> None:
    """Holes noted are the faults injected; all else is held as it was sent, under its stated time."""
    for _ in range(2 * WINDOW + 2):
        recording.step()
    assert recording.noted() == recording.holes
    held = {(segment.start, body) for segment, body in recording.held() if segment.type == 'full'}
    expected = {(each.start, each.body) for each in recording.live.every if id(each) not in recording.lost}
    assert len(expected) == len(recording.live.every) - len(recording.lost)
    assert held == expected
    assert_whole(recording.disk.root)


@pytest.mark.parametrize('fault', FAULTS, ids=lambda fault: fault.__name__)
def test_each_fault_alone(recording: Recording, fault: Callable[[Recording], None]) -> None:
    for _ in range(WINDOW):
        recording.step()
    fault(recording)
    ends_right(recording)


def test_an_hour_of_all_of_them(recording: Recording) -> None:
    print(f'capture: SEGMESH_SEED={SEED}, {STEPS} steps')  # noqa: T201 (pytest shows it on failure)
    chance = random.Random(SEED)
    faults: list[Callable[[Recording], None]] = []
    while len(recording.live.every) < STEPS:
        for _ in range(chance.randrange(1, WINDOW)):
            recording.step()
        faults = faults or chance.sample(FAULTS, len(FAULTS))
        faults.pop()(recording)
    ends_right(recording)


def test_what_was_cut_off_is_kept_as_partial_and_no_more_than_needed(recording: Recording) -> None:
    recording.origin.does('cut', '/bad.ts')
    offered = recording.step(path='/bad.ts')
    recording.loses(offered, 'truncated')
    ends_right(recording)
    (partial,) = (body for segment, body in recording.held() if segment.type == 'partial')
    assert partial == offered.body[: len(offered.body) // 2]


def test_what_the_origin_has_damaged_is_suspect_and_no_hole(recording: Recording) -> None:
    body = b'\x47' + b'x' * 1000
    recording.step(body=body)
    recording.poll()
    assert [held for segment, held in recording.held() if segment.type == 'suspect'] == [body]
    for _ in range(2 * WINDOW + 2):
        recording.step()
    assert not recording.noted()


def test_the_preferred_source_is_recorded_again_when_it_goes_on(
    store: Path, our_errors_are_told: None
) -> None:
    live, other = (Live(window=WINDOW, seconds=STEP_SECONDS, tag=tag) for tag in ('', 'b'))
    with origin_of(live) as origin, origin_of(other) as backup:
        recording = Recording(store, origin, live, backup.at())

        def go_on(steps: int, step: Callable[[], object]) -> int:
            for _ in range(steps):
                other.publish()
                step()
            return recording.recorder.source

        assert go_on(5, recording.step) == 0
        origin.stop()
        assert go_on(5, recording.step) == 1
        origin.start()
        assert go_on(100, recording.poll) == 1  # it is there, and stalls
        assert go_on(100, recording.step) == 0
        bodies = {body for segment, body in recording.held()}
        assert bodies >= {each.body for each in (*other.every[10:100], *live.every[-10:])}
        assert not recording.noted()


def test_what_went_by_while_no_recorder_ran_is_noted_too(store: Path) -> None:
    live = Live(window=4, seconds=0.5, target=1)
    command = ('--store', store, '--stream', 'bus')

    def held() -> set[bytes]:
        return {path.read_bytes() for path in (store / 'bus').rglob('*-full-*.ts')}

    with origin_of(live) as origin:
        live.publish(3)
        with running('backfiller', 'capture', origin.at(), *command) as process:
            eventually(lambda: held() == {each.body for each in live.every})
            assert process.stop(signal.SIGKILL) < 0
        live.publish(7)
        with running('backfiller', 'capture', origin.at(), *command):
            eventually(lambda: held() == {each.body for each in (*live.every[:3], *live.every[-4:])})
            noted = [(each.skip.sequence, each.skip.cause) for each in Skips(store).read('bus', 'source')]
        assert noted == [(3, 'gone'), (4, 'gone'), (5, 'gone')]


def test_a_real_recorder_goes_on_through_a_hang_a_token_and_an_outage(store: Path) -> None:
    live = Live(window=8, seconds=0.5, target=1)
    with origin_of(live) as origin:
        origin.pages['/master.m3u8'] = MASTER.replace('NAME', 'source.m3u8')
        origin.token = 'first'
        live.publish(3)
        command = ('backfiller', 'capture', f'{origin.url}/master.m3u8', '--store', store, '--stream', 'bus')

        def has_all() -> bool:
            held = {path.read_bytes() for path in (store / 'bus').rglob('*-full-*.ts')}
            return held == {each.body for each in live.every}

        with running(*command) as process:
            eventually(has_all)
            origin.does('hang', '/hangs.ts', 1)
            live.publish(path='/hangs.ts')
            live.publish(2)
            eventually(has_all)
            origin.token = 'second'
            live.publish(2)
            eventually(has_all)
            origin.stop()
            live.publish(2)
            process.wait_for('next try')
            origin.start()
            eventually(has_all)
            assert process.stop() == 0
        assert 'first' not in process.output
        assert not list(Skips(store).read('bus', 'source'))
