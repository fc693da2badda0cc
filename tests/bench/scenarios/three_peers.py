"""Three peers with slow links: is each name fetched once, and do the links add up?"""

from contextlib import ExitStack

from tests.bench import corpus, ours, servers
from tests.bench.bench import MB, Bench, Figure, Result, middle, ratio
from tests.bench.corpus import Corpus
from tests.bench.measure import BenchError, run

CAP_BYTES_PER_SECOND = 20 * MB
PEERS = 3


def three_peers(bench: Bench) -> Result:
    """One peer and three, each behind a proxy that lets 20 MB/s through."""
    store = bench.store('small')
    seconds: dict[int, list[float]] = {1: [], PEERS: []}
    duplicates: list[float] = []
    with ExitStack() as stack:
        nodes = [stack.enter_context(servers.restreamer(store.root)) for _ in range(PEERS)]
        capped = [servers.proxy(node, rate_bytes_per_second=CAP_BYTES_PER_SECOND) for node in nodes]
        urls = [stack.enter_context(each).urls[0] for each in capped]
        for number in range(bench.rounds):
            for peers in (1, PEERS) if number % 2 else (PEERS, 1):
                before = sum(ours.served(node.url) for node in nodes)
                seconds[peers].append(_fetch(bench, store, urls[:peers]))
                duplicates.append(sum(ours.served(node.url) for node in nodes) - before - store.segments)
            bench.say(f'round {number + 1} of {bench.rounds}: {seconds[1][-1]:.2f}, {seconds[PEERS][-1]:.2f}')
    rates = {peers: store.total_bytes / (middle(found) or 1) for peers, found in seconds.items()}
    return Result(
        name='three peers',
        about=f'{store.segments:,} segments x 100 kB from peers that are capped at 20 MB/s each.',
        columns=['peers', 'wall s', 'MB/s', 'most duplicates'],
        rows=[
            [f'{n}', middle(seconds[n]), rates[n] / MB, max(duplicates) if n == PEERS else None]
            for n in rates
        ],
        figures=[
            Figure('rate of three peers / one', ratio(rates[PEERS], rates[1]), 2.7, at_least=True),
            Figure('segments fetched twice', max(duplicates), 0),
        ],
        raw={'seconds': {str(peers): found for peers, found in seconds.items()}, 'duplicates': duplicates},
    )


def _fetch(bench: Bench, store: Corpus, urls: list[str]) -> float:
    with bench.target() as target:
        found = run(ours.once(target, urls, *ours.durability('none')))
        if corpus.contents(target) != (store.segments, store.total_bytes):
            raise BenchError(f'the store is not whole: {found.output[-300:]}')
    return found.wall_seconds
