"""How long the backfiller's own loop is held up while it fetches at full speed."""

import time

from tests.bench import corpus, ours, servers
from tests.bench.bench import Bench, Figure, Result
from tests.bench.corpus import Corpus
from tests.bench.measure import BenchError

METRIC = 'hub_latency_seconds'
DEADLINE_SECONDS = 600.0
POLL_SECONDS = 0.1

Buckets = dict[float, float]


def hub_latency(bench: Bench) -> Result:
    """The service's own histogram, over the time of the fetching."""
    found = [_during_a_backfill(bench, bench.store('small')) for _ in range(bench.rounds)]
    counts = {bound: sum(each.get(bound, 0) for each in found) for bound in found[0]}
    p99 = within(counts, 99)
    return Result(
        name='hub latency',
        about='How late a sleeping greenlet of the backfiller wakes while it fetches the small store.',
        columns=['wakes late by at most ms', 'per cent'],
        rows=[
            [f'{bound * 1000:g}', 100 * count / max(1, max(counts.values()))]
            for bound, count in counts.items()
        ],
        figures=[Figure('p99 (upper bound of its bucket)', p99 and p99 * 1000, 20, 'ms')],
        notes=[] if counts else [f'this backfiller has no metric {METRIC}: not measured'],
        raw={'buckets': {str(bound): count for bound, count in counts.items()}},
    )


def within(counts: Buckets, per_cent: float) -> float | None:
    """The smallest bound below which that many per cent lie; the counts are cumulative."""
    total = max(counts.values(), default=0)
    return next(
        (bound for bound, count in sorted(counts.items()) if total and count * 100 >= total * per_cent), None
    )


def _during_a_backfill(bench: Bench, store: Corpus) -> Buckets:
    with (
        bench.target() as target,
        servers.restreamer(store.root) as server,
        ours.service(target, [server.url], *ours.durability('none')) as (_, control),
    ):
        before = ours.buckets(control, METRIC)
        deadline = time.monotonic() + DEADLINE_SECONDS
        while corpus.contents(target)[0] < store.segments:
            if time.monotonic() > deadline:
                raise BenchError(f'the store was not fetched within {DEADLINE_SECONDS:g} s')
            time.sleep(POLL_SECONDS)
        after = ours.buckets(control, METRIC)
    return {bound: count - before.get(bound, 0) for bound, count in after.items()}
