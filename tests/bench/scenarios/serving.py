"""How many segments a restreamer serves one by one, beside nginx."""

import json
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.bench import servers
from tests.bench.bench import Bench, Cell, Figure, Result, middle, percentile
from tests.bench.measure import run, watching
from tests.bench.rounds import rotated
from tests.bench.servers import Server

CONNECTIONS = (1, 8)
SECONDS = 3.0
OURS = 'restreamer'

Answers = dict[tuple[str, int], list[dict[str, Any]]]


def serving(bench: Bench) -> Result:
    """GET /segments over connections that are kept alive."""
    store = bench.store('small')
    paths = bench.folder / 'paths'
    notes = []
    with ExitStack() as stack:
        running = {OURS: stack.enter_context(servers.restreamer(store.root))}
        if servers.program('nginx'):
            running['nginx'] = stack.enter_context(servers.nginx(store.root, bench.folder / 'nginx-serving'))
        else:
            notes.append('nginx: not run, nginx is not installed')
        answers: Answers = {(name, count): [] for name in running for count in CONNECTIONS}
        for number in range(bench.rounds):
            for name, count in rotated(list(answers), number):
                prefix = '/segments/' if name == OURS else '/'
                paths.write_text('\n'.join(f'{prefix}{quote(path)}' for path in store.paths))
                answers[name, count].append(_ask(bench, running[name], paths, count))
    return _result(answers, notes)


def _result(answers: Answers, notes: list[str]) -> Result:
    best = middle([each['rate'] for each in answers[OURS, CONNECTIONS[-1]]])
    return Result(
        name='serving',
        about='GET of 100 kB segments, kept alive. Where the load generator is 100% busy, it is the limit.',
        columns=[
            'server',
            'connections',
            'requests/s',
            'server CPU ms a request',
            'p99 ms',
            'generator busy %',
        ],
        rows=[_row(name, count, found) for (name, count), found in answers.items()],
        figures=[Figure('restreamer, 8 connections, requests/s', best, 4000, at_least=True)],
        notes=notes,
        raw={f'{name}, {count}': found for (name, count), found in answers.items()},
    )


def _ask(bench: Bench, server: Server, paths: Path, connections: int) -> dict[str, Any]:
    seconds = max(0.5, SECONDS * min(1.0, bench.scale))
    options = ['--connections', str(connections), '--seconds', str(seconds)]
    with watching(server.pid) as used:
        output = run([sys.executable, '-m', 'tests.bench.load', server.url, paths, *options]).output
    found: dict[str, Any] = json.loads(output)
    return found | {
        'rate': found['requests'] / found['seconds'],
        'cpu_seconds': used.cpu_seconds / max(1, found['requests']),
        'p99': percentile(found.pop('latencies'), 99),
    }


def _row(name: str, connections: int, found: list[dict[str, Any]]) -> list[Cell]:
    def of(key: str, factor: float = 1) -> float | None:
        return middle([each[key] * factor for each in found])

    return [name, f'{connections}', of('rate'), of('cpu_seconds', 1000), of('p99', 1000), of('busy', 100)]
