"""Whether many players that read slowly keep others waiting for a listing."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from common import wire
from tests.bench import servers
from tests.bench.bench import Bench, Cell, Result, middle
from tests.bench.measure import ROOT, BenchError
from tests.bench.rounds import rotated
from tests.bench.scenarios.serving import ask, paths_file
from tests.bench.servers import Server
from tests.kit.process import Process, running

PLAYERS, RATE_BYTES = 100, 50_000
SPOKEN = r'^([0-9]+) bytes a second$'

Found = list[dict[str, Any]]


def slow_players(bench: Bench) -> Result:
    """The names of an hour, asked for one after the other, without and with the players."""
    store = bench.store('big')
    listing = bench.folder / 'listing'
    listing.write_text(wire.names_path(store.hours[0]))
    segments = paths_file(bench.folder / 'paths-slow', store, '/segments/')
    found: dict[int, Found] = {0: [], PLAYERS: []}
    with servers.restreamer(store.root) as server:
        ask(bench, server, listing, 1)  # the first answers of a server are slower
        for number in range(bench.rounds):
            for players in rotated(list(found), number):
                with _playing(server, segments, players) as rates:
                    answer = ask(bench, server, listing, 1)
                found[players].append(answer | {'read': middle(rates)})
    return Result(
        name='slow players',
        about=f'GET /files/STREAM/VARIANT/HOUR ({store.segments // len(store.hours)} names), one after the '
        f'other, while {PLAYERS} connections read 2 MB segments at {RATE_BYTES // 1000} kB/s each.',
        columns=[
            'players',
            'a player reads kB/s',
            'listings/s',
            'p50 ms',
            'p99 ms',
            'server CPU ms a listing',
        ],
        rows=[_row(players, each) for players, each in found.items()],
        raw={f'{players} players': each for players, each in found.items()},
    )


@contextmanager
def _playing(server: Server, paths: Path, players: int) -> Iterator[list[float]]:
    """So many slow players; what each of them read a second is there after the block."""
    rates: list[float] = []
    if not players:
        yield rates
        return
    options = ('--players', str(players), '--rate', str(RATE_BYTES))
    command = (sys.executable, '-u', '-m', 'tests.bench.slow', server.url, paths, *options)
    with running(*command, env={'PYTHONPATH': str(ROOT)}) as process:
        process.wait_for(' attached$')
        yield rates
        rates += _rates(process)


def _rates(process: Process) -> Iterator[float]:
    """Raises BenchError if the players did not play to the end."""
    process.wait_for(SPOKEN)
    if process.has_ended():
        raise BenchError(f'the slow players ended: {process.output[-300:]}')
    yield from (float(line.split()[0]) for line in process.lines if line.endswith(' bytes a second'))


def _row(players: int, found: Found) -> list[Cell]:
    def of(what: str, factor: float = 1) -> float | None:
        return middle([each[what] * factor for each in found if each[what] is not None])

    rates = of('read', 1 / 1000), of('rate')
    return [f'{players}', *rates, of('p50', 1000), of('p99', 1000), of('cpu_seconds', 1000)]
