"""`make bench`: measures the whole thing with real processes and real bytes, beside what else there is."""

import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import click

from tests.bench import plots, report
from tests.bench.bench import Bench, Result
from tests.bench.catalogue import SCENARIOS
from tests.bench.measure import BenchError
from tests.bench.report import Report


@click.command(context_settings={'help_option_names': ['-h', '--help'], 'show_default': True})
@click.option(
    '--rounds', default=5, type=click.IntRange(1), help='How often each is measured; medians are shown.'
)
@click.option(
    '--only', multiple=True, type=click.Choice(list(SCENARIOS)), help='Only this scenario; repeatable.'
)
@click.option(
    '--scale', default=1.0, type=click.FloatRange(0.001, 1), help='Shrinks the data, to try things.'
)
@click.option('--json', 'path', default=Path('build/bench.json'), type=click.Path(path_type=Path))
@click.option('--folder', type=click.Path(path_type=Path), help='Where the data goes for a while; 7 GB.')
@click.option('--plots', 'drawings', type=click.Path(path_type=Path), help='Draw SVGs into this folder.')
@click.option(
    '--write', 'document', type=click.Path(path_type=Path, exists=True), help='Put tables into this file.'
)
@click.option('--add', is_flag=True, help='Keep what the JSON file holds of other scenarios.')
@click.option('--no-run', is_flag=True, help='Measure nothing: take what the JSON file holds.')
def main(
    rounds: int,
    only: tuple[str, ...],
    scale: float,
    path: Path,
    folder: Path | None,
    drawings: Path | None,
    document: Path | None,
    add: bool,
    no_run: bool,
) -> None:
    """Measure segmesh on this machine, and print how far it is from the figures to reach.

    \b
    python -m tests.bench --only small --rounds 3 --scale 0.1
    python -m tests.bench --no-run --plots docs --write docs/performance.md
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _tidy_up_and_end)
    failed: list[str] = []
    if no_run:
        found = Report.read(path)
    else:
        with _folder(folder) as chosen:
            bench = Bench(chosen, rounds, scale, lambda line: click.echo(f'   {line}', err=True))
            results, failed = _run(bench, only or tuple(SCENARIOS))
        found = Report(report.machine(), {'rounds': rounds, 'scale': scale}, results)
        found = found.merged(Report.read(path)) if add and path.exists() else found
        found.write(path)
    click.echo(found.summary())
    _publish(found, drawings, document)
    sys.exit(1 if failed else 0)


def _tidy_up_and_end(number: int, _: object) -> None:
    """Ends all blocks, and with them what they started; a second Ctrl-C does not hurry that."""
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_IGN)
    sys.exit(128 + number)


def _run(bench: Bench, names: tuple[str, ...]) -> tuple[list[Result], list[str]]:
    """The results, and the names of the scenarios that came to nothing."""
    click.echo(report.machine())
    if bench.scale < 1:
        click.echo(f'scale {bench.scale:g}: the figures to reach are meant for the whole data')
    results, failed = [], []
    for name in names:
        bench.say(name)
        try:
            results.append(SCENARIOS[name](bench))
        except (BenchError, AssertionError) as error:
            click.echo(f'== {name}\nFAILED: {error}\n')
            failed.append(name)
        else:
            click.echo(report.text(results[-1]))
    return results, failed


def _publish(found: Report, drawings: Path | None, document: Path | None) -> None:
    if drawings:
        for line in plots.draw(found.results, drawings):
            click.echo(line, err=True)
    if document:
        report.write_between_markers(document, found.markdown(partial(plots.links, folder=document.parent)))


@contextmanager
def _folder(given: Path | None) -> Iterator[Path]:
    """A folder of our own, inside the given one if there is one, removed at the end."""
    if given:
        given.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix='bench-', dir=given) as name:
        yield Path(name)


if __name__ == '__main__':
    main()
