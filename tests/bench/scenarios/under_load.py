"""Whether a restreamer still answers at once while others pull from it at full speed."""

import time
from contextlib import ExitStack

import requests

from common import wire
from tests.bench import ours, servers
from tests.bench.bench import Bench, Cell, Result, middle, percentile
from tests.bench.corpus import Corpus
from tests.bench.measure import Run

PULLERS = 2
PAUSE_SECONDS = 0.01
QUIET_SAMPLES = 100


def under_load(bench: Bench) -> Result:
    """The names of an hour, asked for again and again."""
    store = bench.store('small')
    quiet: list[float] = []
    loaded: list[float] = []
    with servers.restreamer(store.root) as server, requests.Session() as session:
        url = server.url + wire.names_path(store.hours[0])
        for _ in range(bench.rounds):
            quiet += [_ask(session, url) for _ in range(QUIET_SAMPLES)]
            loaded += _while_pulled_from(bench, store, server.url, session, url)
    return Result(
        name='under load',
        about='GET /files/STREAM/VARIANT/HOUR (the names of an hour) while two backfillers fetch everything.',
        columns=['restreamer', 'answers', 'p50 ms', 'p99 ms', 'max ms'],
        rows=[_row('idle', quiet), _row('two backfillers at full speed', loaded)],
        raw={'quiet': quiet, 'loaded': loaded},
    )


def _while_pulled_from(
    bench: Bench, store: Corpus, peer: str, session: requests.Session, url: str
) -> list[float]:
    found = []
    with ExitStack() as stack:
        targets = [stack.enter_context(bench.target()) for _ in range(PULLERS)]
        before = ours.served(peer)
        commands = [ours.once(target, [peer], *ours.durability('none')) for target in targets]
        pullers = [stack.enter_context(Run(command)) for command in commands]
        while ours.served(peer) == before and all(puller.is_running for puller in pullers):
            time.sleep(PAUSE_SECONDS)
        while all(puller.is_running for puller in pullers):
            found.append(_ask(session, url))
        for puller in pullers:
            puller.usage()
    return found


def _ask(session: requests.Session, url: str) -> float:
    started = time.perf_counter()
    session.get(url, timeout=30).raise_for_status()
    took = time.perf_counter() - started
    time.sleep(PAUSE_SECONDS)
    return took


def _row(name: str, seconds: list[float]) -> list[Cell]:
    milliseconds = [each * 1000 for each in seconds]
    cells = middle(milliseconds), percentile(milliseconds, 99), max(milliseconds, default=None)
    return [name, len(seconds), *cells]
