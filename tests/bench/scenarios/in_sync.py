"""What it costs to find that nothing is missing."""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial

from tests.bench import corpus, ours, servers
from tests.bench.bench import MB, Bench, Cell, Figure, Result
from tests.bench.measure import run
from tests.bench.servers import Proxy

STORES = ((168, 1800), (10_000, 20))
RUNNING, IDLE = 'in a running service', 'idle'
IDLE_SECONDS = 60.0
SETTLING_SECONDS = 4.0
"""The first waiting requests are sent some two seconds after a peer was looked at."""

LATER = ('--recent-cutoff', '3600')
"""So that what the waiting requests tell starts no pass while another is counted."""


@dataclass(frozen=True)
class Cost:
    """One look at everything."""

    hours: int
    what: str
    seconds: float
    requests: int
    bytes: int


def in_sync(bench: Bench) -> Result:
    """A week of full hours, and a year of hours."""
    costs: list[Cost] = []
    for hours, names in STORES:
        bench.say(f'making {bench.scaled(hours)} hours x {names} names, twice')
        with _both(bench, hours, names) as proxy:
            costs += _once(bench, hours, proxy)
            costs += _running(bench, hours, proxy)
    typical = _typical(costs)
    return Result(
        name='in sync',
        about='Both hold the same names: 168 hours x 1,800 names, and 10,000 hours x 20 names, because full '
        'ones would be 18 million files. `--once` counts the start of the program, and asks who the peer is.',
        columns=['hours', 'look', 'seconds', 'requests', 'kB'],
        rows=[_row(bench, cost) for cost in typical.values()],
        figures=_figures(typical),
        raw={'costs': [asdict(cost) for cost in costs]},
    )


@contextmanager
def _both(bench: Bench, hours: int, names: int) -> Iterator[Proxy]:
    """The same names in two stores; a proxy that counts before the one."""
    folder = bench.folder / 'in-sync'
    shutil.rmtree(folder, ignore_errors=True)
    for name in ('theirs', 'ours'):
        corpus.make_names(folder / name, hours=bench.scaled(hours), names=names)
    try:
        with servers.restreamer(folder / 'theirs') as server, servers.proxy(server) as proxy:
            yield proxy
    finally:
        shutil.rmtree(folder)


def _once(bench: Bench, hours: int, proxy: Proxy) -> list[Cost]:
    command = ours.once(bench.folder / 'in-sync' / 'ours', proxy.urls, *LATER)
    looks = ('--once, both cold', '--once, peer warm')
    return [_cost(hours, what, proxy, lambda: run(command).wall_seconds) for what in looks]


def _running(bench: Bench, hours: int, proxy: Proxy) -> Iterator[Cost]:
    """Looks in a running service that has looked before; and what it asks while it has nothing to do."""
    idle_seconds = max(5.0, IDLE_SECONDS * min(1.0, bench.scale))

    def idle() -> float:
        time.sleep(idle_seconds)
        return idle_seconds

    with ours.service(bench.folder / 'in-sync' / 'ours', proxy.urls, *LATER) as (_, control):
        ours.wait_for_passes(control, 'full')
        time.sleep(SETTLING_SECONDS)
        for _ in range(bench.rounds):
            yield _cost(hours, RUNNING, proxy, partial(ours.ask_for_pass, control))
        if hours == STORES[0][0]:
            yield _cost(hours, IDLE, proxy, idle)


def _cost(hours: int, what: str, proxy: Proxy, look: Callable[[], float]) -> Cost:
    before = proxy.counts()
    seconds = look()
    used = proxy.counts() - before
    return Cost(hours, what, seconds, used.requests, used.bytes)


def _typical(costs: list[Cost]) -> dict[tuple[int, str], Cost]:
    """Of each kind the look that took the median time."""
    kinds = dict.fromkeys((cost.hours, cost.what) for cost in costs)
    return {kind: _median([cost for cost in costs if (cost.hours, cost.what) == kind]) for kind in kinds}


def _median(costs: list[Cost]) -> Cost:
    return sorted(costs, key=lambda cost: cost.seconds)[len(costs) // 2]


def _row(bench: Bench, cost: Cost) -> list[Cell]:
    return [f'{bench.scaled(cost.hours):,}', cost.what, cost.seconds, cost.requests, cost.bytes / 1000]


def _figures(typical: dict[tuple[int, str], Cost]) -> list[Figure]:
    (week, _), (year, _) = STORES
    small, large, idle = typical[week, RUNNING], typical[year, RUNNING], typical[week, IDLE]
    return [
        Figure('168 hours: requests', small.requests, 3),
        Figure('168 hours: bytes both ways', small.bytes / 1000, 20, 'kB'),
        Figure('10,000 hours: seconds', large.seconds, 5, 's'),
        Figure('10,000 hours: bytes both ways', large.bytes / MB, 5, 'MB'),
        Figure('idle: requests in 30 s', idle.requests * 30 / idle.seconds, 1),
    ]
