"""Results as aligned text, as Markdown between two markers, and as JSON."""

import json
import math
import os
import platform
import re
import subprocess
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import version
from itertools import zip_longest
from pathlib import Path
from typing import Any

from tests.bench import servers
from tests.bench.bench import Cell, Figure, Result

START, END = '<!-- bench -->', '<!-- /bench -->'
VERDICTS = {True: 'reached', False: 'NOT reached', None: 'not measured'}


@dataclass(frozen=True)
class Report:
    """What one run found, and on what machine."""

    machine: str
    settings: dict[str, Any]
    results: list[Result]

    @classmethod
    def read(cls, path: Path) -> 'Report':
        found = json.loads(path.read_text())
        return cls(found['machine'], found['settings'], [_result(each) for each in found['results']])

    def write(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self), indent=1) + '\n')

    def merged(self, earlier: 'Report') -> 'Report':
        """These results, and those of an earlier run for the scenarios that did not run now."""
        again = {result.name for result in self.results}
        kept = [result for result in earlier.results if result.name not in again]
        return Report(self.machine, self.settings, [*kept, *self.results])

    def summary(self) -> str:
        verdicts = [figure.reached for result in self.results for figure in result.figures]
        return f'{verdicts.count(True)} of {len(verdicts)} figures reached, {verdicts.count(None)} unmeasured'

    def markdown(self, links: Callable[[str], list[str]]) -> str:
        """All tables, each with what `links` gives for its name."""
        settings = ', '.join(f'{name} {value:g}' for name, value in self.settings.items())
        parts = [f'{self.machine}; {settings}.']
        for result in self.results:
            parts += [_markdown(result), *links(result.name)]
        return '\n\n'.join(parts)


def machine() -> str:
    """Cores, memory and versions; nothing that names the machine."""
    memory = os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30
    parts = [
        f'{os.cpu_count()} cores, {memory:.0f} GB',
        f'Linux {platform.release().partition("-")[0]}',
        f'Python {platform.python_version()}',
        f'gevent {version("gevent")}',
        *filter(None, map(version_of, (['rsync', '--version'], ['rclone', '--version'], ['nginx', '-v']))),
    ]
    return ', '.join(parts)


def version_of(command: list[str]) -> str | None:
    """Name and version of a program, as it tells itself; None if it is not there."""
    path = servers.program(command[0])
    if not path:
        return None
    done = subprocess.run(
        [path, *command[1:]],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=10,
    )
    found = re.search(r'\d+(\.\d+)+', done.stdout)
    return f'{Path(command[0]).name} {found[0]}' if found else None


def text(result: Result) -> str:
    """The result for a terminal."""
    lines = [f'== {result.name}', result.about, '', *_aligned([result.columns, *_cells(result)])]
    if result.figures:
        lines += ['', *_aligned(list(map(_figure, result.figures)))]
    return '\n'.join([*lines, *(f'note: {note}' for note in result.notes), ''])


def write_between_markers(path: Path, body: str) -> None:
    """Replaces what stands between the markers in a file; raises ValueError if they are not there."""
    before, start, rest = path.read_text().partition(START)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f'{path} has no {START} ... {END}')
    path.write_text(f'{before}{start}\n\n{body}\n\n{end}{after}')


def shown(value: Cell) -> str:
    """A number with as many digits as mean something."""
    if value is None:
        return '-'
    if isinstance(value, str):
        return value
    if math.isinf(value):
        return 'more'
    if value == round(value) and abs(value) < 1e15:
        return f'{value:,.0f}'
    for limit, digits in ((0.1, 4), (1, 3), (10, 2), (100, 1)):
        if abs(value) < limit:
            return f'{value:.{digits}f}'
    return f'{value:,.0f}'


def _result(found: dict[str, Any]) -> Result:
    figures = [Figure(**each) for each in found.pop('figures')]
    return Result(**found, figures=figures)


def _cells(result: Result) -> list[list[str]]:
    return [list(map(shown, row)) for row in result.rows]


def _figure(figure: Figure) -> list[str]:
    unit = f' {figure.unit}' if figure.unit else ''
    limit = f'to reach: {">=" if figure.at_least else "<="} {figure.limit:g}{unit}'
    return [figure.what, f'{shown(figure.measured)}{unit}', limit, VERDICTS[figure.reached]]


def _aligned(rows: list[list[str]]) -> list[str]:
    """The first column to the left, and so is text; numbers to the right."""
    widths = [max(map(len, column)) for column in zip_longest(*rows, fillvalue='')]
    numeric = [all(_is_number(row[n]) for row in rows[1:]) and n > 0 for n in range(len(widths))]
    return [
        '  '.join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, numeric, strict=True)
        ).rstrip()
        for row in rows
    ]


def _is_number(cell: str) -> bool:
    return bool(re.fullmatch(r'[-0-9.,]+( [kM]?B| m?s)?', cell))


def _markdown(result: Result) -> str:
    lines = [f'### {result.name.capitalize()}', '', result.about, '', *_table(result.columns, _cells(result))]
    if result.figures:
        head = ['figure', 'measured', 'to reach', '']
        rows = [
            [what, found, limit.removeprefix('to reach: '), verdict]
            for what, found, limit, verdict in map(_figure, result.figures)
        ]
        lines += ['', *_table(head, rows)]
    if result.notes:
        lines += ['', *(f'- {note}' for note in result.notes)]
    return '\n'.join(lines)


def _table(head: list[str], rows: list[list[str]]) -> list[str]:
    rules = ['---'] + ['---:'] * (len(head) - 1)
    return [f'| {" | ".join(row)} |' for row in (head, rules, *rows)]
