"""How soon a new segment at a peer lies on our disk."""

import random
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from tests.bench import corpus, ours, servers
from tests.bench.bench import Bench, Figure, Result, middle, percentile
from tests.bench.measure import BenchError

SEGMENTS = 100
SEGMENT_BYTES = 100_000
PATIENCE_SECONDS = 60.0
LOOK_SECONDS = 0.001


def new_segment(bench: Bench) -> Result:
    """A hundred segments, one after the other, at odd intervals."""
    with bench.target() as folder:
        theirs, own = folder / 'theirs', folder / 'ours'
        _put(theirs, 0)
        with (
            servers.restreamer(theirs) as server,
            ours.service(own, [server.url], '--recent-cutoff', '0') as (_, control),
        ):
            ours.wait_for_passes(control, 'full')
            _until_watched(theirs, own)
            seconds = [_time_to_arrive(theirs, own, number) for number in range(bench.scaled(SEGMENTS, 10))]
    p50, p99 = middle(seconds), percentile(seconds, 99)
    return Result(
        name='new segment',
        about=f"{len(seconds)} segments x 100 kB put into the peer's store: seconds until each is in ours.",
        columns=['segments', 'p50 s', 'p99 s', 'max s'],
        rows=[[f'{len(seconds)}', p50, p99, max(seconds)]],
        figures=[Figure('p50', p50, 0.3, 's'), Figure('p99', p99, 1, 's')],
        raw={'seconds': seconds},
    )


def _until_watched(theirs: Path, own: Path) -> None:
    """Until segments come at once, not only with the next pass by the clock."""
    for number in range(20):
        if _time_to_arrive(theirs, own, -1 - number) < 1:
            return
    raise BenchError('new segments take more than a second each')


def _time_to_arrive(theirs: Path, own: Path, number: int) -> float:
    time.sleep(random.uniform(0.3, 0.7))
    started = time.monotonic()
    put = _put(theirs, number)
    expected = own / put.relative_to(theirs)
    while not _is_whole(expected):
        if time.monotonic() > started + PATIENCE_SECONDS:
            raise BenchError(f'a new segment did not come within {PATIENCE_SECONDS:g} s')
        time.sleep(LOOK_SECONDS)
    return time.monotonic() - started


def _put(store: Path, number: int) -> Path:
    return corpus.put(store, datetime.now(UTC), random.Random(number).randbytes(SEGMENT_BYTES))


def _is_whole(path: Path) -> bool:
    with suppress(FileNotFoundError):
        return path.stat().st_size == SEGMENT_BYTES
    return False
