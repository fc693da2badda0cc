"""The plots of a run as SVG files, if matplotlib is there to draw them."""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from tests.bench.bench import Result

BESIDE = {
    'big': ('transfer', 'cost'),
    'new segment': ('new-segment',),
    'sizes': ('segment-size', 'peers', 'in-sync'),
}
"""Which plots belong to which result."""


def links(name: str, folder: Path) -> list[str]:
    """The plots of a result that are in the folder, as Markdown."""
    found = [f'bench-{plot}.svg' for plot in BESIDE.get(name, ())]
    return [f'![{plot}]({plot})' for plot in found if (folder / plot).exists()]


def draw(results: list[Result], folder: Path) -> Iterator[str]:
    """Draws what the results have in them; a line about each file, or why there is none."""
    if not find_spec('matplotlib'):
        yield 'plots: not drawn, matplotlib is not installed: pip install -e .[bench]'
        return
    from tests.bench import drawings  # matplotlib takes a while

    folder.mkdir(parents=True, exist_ok=True)
    found = {result.name: result for result in results}
    for name, (needed, drawing) in drawings.DRAWINGS.items():
        if missing := [each for each in needed if each not in found]:
            yield f'{name}: not drawn, there is no result of {" and ".join(missing)}'
            continue
        path = folder / f'bench-{name}.svg'
        drawings.save(drawing(*(found[each] for each in needed)), path)
        yield f'{path} drawn'
