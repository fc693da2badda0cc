"""Interleaved rounds: each round runs every contender once, beginning with another one each time."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import partial
from typing import TypeVar

from tests.bench import corpus
from tests.bench.bench import MB, Bench, Cell, middle
from tests.bench.contenders import Contender, Field
from tests.bench.corpus import Corpus
from tests.bench.measure import BenchError, run, watching

T = TypeVar('T')

COLUMNS = ['contender', 'wall s', 'MB/s', 'CPU s', 'client CPU s', 'server CPU s', 'client MB', 'server MB']


@dataclass(frozen=True)
class Sample:
    """One run of one contender."""

    wall_seconds: float
    client_cpu_seconds: float
    server_cpu_seconds: float
    client_peak_bytes: int
    server_peak_bytes: int


Samples = dict[str, list[Sample]]
Take = Callable[[int], Sample]
"""Runs a contender once; it is told the number of the round."""


def rotated(items: Sequence[T], number: int) -> list[T]:
    """The items beginning with another one in each round."""
    start = number % len(items) if items else 0
    return [*items[start:], *items[:start]]


def interleaved(
    bench: Bench, store: Corpus, wanted: tuple[str, ...], rounds: int
) -> tuple[Samples, list[str]]:
    """The samples of each contender, and notes about those that could not run."""
    with ExitStack() as stack:
        field = Field(stack, store, bench.folder, wanted)
        takes = {each.name: partial(_sample, bench, store, each) for each in field.contenders}
        return in_turn(bench, takes, rounds), field.notes


def in_turn(bench: Bench, takes: Mapping[str, Take], rounds: int) -> Samples:
    """The samples of each contender."""
    samples: Samples = {name: [] for name in takes}
    for number in range(rounds):
        for name in rotated(list(takes), number):
            samples[name].append(takes[name](number))
        walls = (f'{name} {found[-1].wall_seconds:.2f}' for name, found in samples.items())
        bench.say(f'round {number + 1} of {rounds}: {", ".join(walls)}')
    return samples


def _sample(bench: Bench, store: Corpus, contender: Contender, number: int) -> Sample:
    with bench.target() as target:
        with watching(contender.server_pid) as server:
            client = run(contender.command(target))
        found = corpus.contents(target)
        if found != (store.segments, store.total_bytes):
            raise BenchError(f'{contender.name} left {found} files and bytes: {client.output[-300:]}')
        if contender.checks_hashes and number == 0 and (bad := corpus.damaged(target)):
            raise BenchError(f'{contender.name} left {len(bad)} damaged segments, {bad[0]} first')
    return Sample(
        client.wall_seconds, client.cpu_seconds, server.cpu_seconds, client.peak_bytes, server.peak_bytes
    )


def rows(samples: Samples, total_bytes: int) -> list[list[Cell]]:
    """The medians of each contender."""
    return [_row(name, found, total_bytes) for name, found in samples.items() if found]


def _row(name: str, found: list[Sample], total_bytes: int) -> list[Cell]:
    def of(attribute: str) -> float:
        return middle([getattr(sample, attribute) for sample in found]) or 0.0

    wall, client, server = of('wall_seconds'), of('client_cpu_seconds'), of('server_cpu_seconds')
    memory = [round(of('client_peak_bytes') / MB), round(of('server_peak_bytes') / MB) or None]
    return [
        name,
        wall,
        total_bytes / MB / wall,
        client + server,
        client,
        server if memory[1] else None,
        *memory,
    ]


def wall(samples: Samples, name: str) -> float | None:
    """The median wall time of a contender, if it ran."""
    return middle([sample.wall_seconds for sample in samples.get(name, [])])


def raw(samples: Samples) -> dict[str, list[dict[str, float]]]:
    return {name: [asdict(sample) for sample in found] for name, found in samples.items()}
