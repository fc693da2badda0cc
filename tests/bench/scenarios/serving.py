"""How many segments a restreamer serves one by one, beside nginx."""

import json
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.bench import servers
from tests.bench.bench import MB, SIZES, Bench, Cell, Figure, Result, middle, percentile
from tests.bench.corpus import Corpus
from tests.bench.measure import run, watching
from tests.bench.rounds import rotated
from tests.bench.servers import Server

CONNECTIONS = (1, 8)
SECONDS = 3.0
OURS = 'restreamer'

Key = tuple[str, str, int]
"""The store, the server, and how many connections there are."""

Answers = dict[Key, list[dict[str, Any]]]


def serving(bench: Bench) -> Result:
    """GET /segments over connections that are kept alive, from all servers in each round."""
    notes = [] if servers.program('nginx') else ['nginx: not run, nginx is not installed']
    with ExitStack() as stack:
        running = {name: _servers(bench, stack, name) for name in SIZES}
        keys = [(name, each, count) for name in running for each in running[name] for count in CONNECTIONS]
        answers: Answers = {key: [] for key in keys}
        for number in range(bench.rounds):
            for name, each, count in rotated(keys, number):
                server, paths = running[name][each]
                answers[name, each, count].append(ask(bench, server, paths, count))
            bench.say(f'round {number + 1} of {bench.rounds}')
    return _result(answers, notes)


def _servers(bench: Bench, stack: ExitStack, name: str) -> dict[str, tuple[Server, Path]]:
    """The servers of a store, each with a file of what to ask it for."""
    store = bench.store(name)
    found = {OURS: (stack.enter_context(servers.restreamer(store.root)), '/segments/')}
    if servers.program('nginx'):
        nginx = servers.nginx(store.root, bench.folder / f'nginx-serving-{name}')
        found['nginx'] = stack.enter_context(nginx), '/'
    return {
        each: (server, paths_file(bench.folder / f'paths-{name}-{each}', store, prefix))
        for each, (server, prefix) in found.items()
    }


def paths_file(path: Path, store: Corpus, prefix: str) -> Path:
    """A file with the path of each segment of the store, for the load generator."""
    path.write_text('\n'.join(f'{prefix}{quote(each)}' for each in store.paths))
    return path


def ask(bench: Bench, server: Server, paths: Path, connections: int) -> dict[str, Any]:
    """What the load generator finds in a while, and what the server uses meanwhile."""
    seconds = max(0.5, SECONDS * min(1.0, bench.scale))
    options = ['--connections', str(connections), '--seconds', str(seconds)]
    with watching(server.pid) as used:
        output = run([sys.executable, '-m', 'tests.bench.load', server.url, paths, *options]).output
    found: dict[str, Any] = json.loads(output)
    latencies = found.pop('latencies')
    return found | {
        'rate': found['requests'] / found['seconds'],
        'cpu_seconds': used.cpu_seconds / max(1, found['requests']),
        'p50': percentile(latencies, 50),
        'p99': percentile(latencies, 99),
    }


def _result(answers: Answers, notes: list[str]) -> Result:
    best = middle([each['rate'] for each in answers['small', OURS, CONNECTIONS[-1]]])
    return Result(
        name='serving',
        about='GET of segments of 100 kB and 2 MB, kept alive. Where the load generator is 100% busy, it is '
        'the limit.',
        columns=[
            'kB a segment',
            'server',
            'connections',
            'requests/s',
            'MB/s',
            'server CPU ms a request',
            'p99 ms',
            'generator busy %',
        ],
        rows=[_row(key, found) for key, found in answers.items()],
        figures=[Figure('restreamer, 100 kB, 8 connections, requests/s', best, 4000, at_least=True)],
        notes=notes,
        raw={f'{name}, {server}, {count}': found for (name, server, count), found in answers.items()},
    )


def _row(key: Key, found: list[dict[str, Any]]) -> list[Cell]:
    def of(what: str, factor: float = 1) -> float | None:
        return middle([each[what] * factor for each in found])

    name, server, connections = key
    _, size_bytes = SIZES[name]
    rates = of('rate'), of('rate', size_bytes / MB)
    rest = of('cpu_seconds', 1000), of('p99', 1000), of('busy', 100)
    return [f'{size_bytes / 1000:,.0f}', server, f'{connections}', *rates, *rest]
