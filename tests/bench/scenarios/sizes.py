"""How the cost grows: with hours, with the size of segments, with peers."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack

from tests.bench import contenders, corpus, ours, rounds, servers
from tests.bench.bench import MB, Bench, Cell, Result, middle
from tests.bench.measure import run

HOURS = (10, 100, 1000, 10_000)
NAMES = 20
SEGMENT_BYTES = (20_000, 100_000, 500_000, 2_000_000, 8_000_000)
TOTAL_BYTES = 300 * MB
PEERS = (1, 2, 5, 10, 20)
MOST_ROUNDS = 3

Point = tuple[str, float, float, str]
"""What is varied, its value, what was measured, and of what."""


def sizes(bench: Bench) -> Result:
    """Three rows of points, which the plots show."""
    points = [*_hours(bench), *_segment_sizes(bench), *_peers(bench)]
    rows: list[list[Cell]] = [[what, f'{value:g}', of, measured] for what, value, measured, of in points]
    return Result(
        name='sizes',
        about='Cost against size. Hours: a look in a running service, in sync, 20 names an hour. Segment '
        'size: MB/s at 300 MB in all. Peers: seconds for the small store, nobody capped.',
        columns=['varied', 'value', 'measured', 'result'],
        rows=rows,
        notes=contenders.missing_options(),
        raw={'points': points},
    )


def _rounds(bench: Bench) -> range:
    return range(min(bench.rounds, MOST_ROUNDS))


def _hours(bench: Bench) -> Iterator[Point]:
    for hours in sorted({bench.scaled(each, 10) for each in HOURS}):
        folder = bench.folder / 'hours'
        for name in ('theirs', 'ours'):
            corpus.make_names(folder / name, hours=hours, names=NAMES)
        with (
            servers.restreamer(folder / 'theirs') as server,
            ours.service(folder / 'ours', [server.url]) as (_, control),
        ):
            ours.wait_for_passes(control, 'full')
            seconds = middle([ours.ask_for_pass(control) for _ in _rounds(bench)])
        shutil.rmtree(folder)
        bench.say(f'{hours} hours: {seconds:.3f} s')
        yield 'hours', hours, seconds or 0, 'ours, s'


def _segment_sizes(bench: Bench) -> Iterator[Point]:
    wanted = (contenders.OURS, contenders.RSYNC)
    for size in SEGMENT_BYTES:
        store = bench.make('sizes', bench.scaled(TOTAL_BYTES / size, 4), size)
        corpus.warm(store.root)
        samples, _ = rounds.interleaved(bench, store, wanted, len(_rounds(bench)))
        shutil.rmtree(store.root)
        for name in samples:
            rate = store.total_bytes / MB / (rounds.wall(samples, name) or 1)
            yield 'kB a segment', size / 1000, rate, f'{name}, MB/s'


def _peers(bench: Bench) -> Iterator[Point]:
    store = bench.store('small')
    seconds: dict[int, list[float]] = {count: [] for count in PEERS}
    with ExitStack() as stack:
        urls = [stack.enter_context(servers.restreamer(store.root)).url for _ in range(max(PEERS))]
        for number in _rounds(bench):
            for count in rounds.rotated(PEERS, number):
                with bench.target() as target:
                    command = ours.once(target, urls[:count], *ours.durability('none'))
                    seconds[count].append(run(command).wall_seconds)
    for count, found in seconds.items():
        yield 'peers', count, middle(found) or 0, 'ours, s'
