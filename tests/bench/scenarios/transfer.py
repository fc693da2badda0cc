"""A whole store fetched into an empty folder, by us and by what people use otherwise."""

from tests.bench import rounds
from tests.bench.bench import Bench, Figure, Result, ratio
from tests.bench.contenders import BASELINE, CP, DURABLE, OURS, PLAIN, RCLONE, RSYNC, missing_options
from tests.bench.rounds import Samples

WANTED = (OURS, DURABLE, PLAIN, RSYNC, RCLONE, CP, BASELINE)
CAVEAT = 'rsync, rclone and cp check no content and sync nothing; only `ours, durable` syncs.'


def small(bench: Bench) -> Result:
    """7,200 segments of 100 kB."""
    samples, result = _transfer(bench, 'small')
    result.figures = [
        _at_most(samples, OURS, RSYNC, 0.85),
        _at_most(samples, OURS, RCLONE, 0.95),
        _faster(samples, OURS, 6),
        _at_most(samples, DURABLE, RSYNC, 1.2),
        _faster(samples, PLAIN, 2.5),
    ]
    return result


def big(bench: Bench) -> Result:
    """1,200 segments of 2 MB."""
    samples, result = _transfer(bench, 'big')
    result.figures = [
        _at_most(samples, OURS, RSYNC, 0.8),
        _at_most(samples, DURABLE, RSYNC, 1.1),
        _faster(samples, OURS, 3),
    ]
    return result


def _transfer(bench: Bench, name: str) -> tuple[Samples, Result]:
    store = bench.store(name)
    samples, notes = rounds.interleaved(bench, store, WANTED, bench.rounds)
    size = store.total_bytes / store.segments / 1000
    return samples, Result(
        name=name,
        about=f'{store.segments:,} segments x {size:,.0f} kB into an empty folder. {CAVEAT}',
        columns=rounds.COLUMNS,
        rows=rounds.rows(samples, store.total_bytes),
        notes=notes + missing_options(),
        raw={'samples': rounds.raw(samples), 'total_bytes': store.total_bytes},
    )


def _at_most(samples: Samples, one: str, other: str, limit: float) -> Figure:
    measured = ratio(rounds.wall(samples, one), rounds.wall(samples, other))
    return Figure(f'wall of {one} / {other}', measured, limit)


def _faster(samples: Samples, one: str, limit: float) -> Figure:
    measured = ratio(rounds.wall(samples, BASELINE), rounds.wall(samples, one))
    return Figure(f'wall of {BASELINE} / {one}', measured, limit, at_least=True)
