"""The plots themselves. Ours is blue, all else grey; what a line or bar is stands beside it."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tests.bench.bench import Result, percentile

BLUE, GREY, MIDDLE, DARK = '#1f6fb4', '#b4b8bd', '#6b7177', '#333a40'
STYLE: dict[Any, Any] = {
    'svg.fonttype': 'none',
    'svg.hashsalt': 'segmesh',
    'font.size': 10,
    'axes.spines.top': False,
    'axes.spines.right': False,
    'axes.edgecolor': DARK,
    'axes.titlesize': 11,
    'axes.titlelocation': 'left',
}


def save(figure: Figure, path: Path) -> None:
    """The same bytes for the same numbers: no date, no random ids."""
    with mpl.rc_context(STYLE):
        figure.savefig(path, format='svg', bbox_inches='tight', metadata={'Date': None})


def transfer(small: Result, big: Result) -> Figure:
    """Wall seconds of each contender, of both stores."""
    figure, axes = _canvas(2, 'Fetching a store into an empty folder')
    for ax, result in zip(axes, (small, big), strict=True):
        _bars(ax, _column(result, 'wall s'), 's')
        ax.set_title(result.about.partition(' into')[0])
        ax.set_xlabel('seconds, median (shorter is better)')
    return figure


def cost(small: Result) -> Figure:
    """Processor time and memory of each contender."""
    figure, axes = _canvas(2, small.about.partition(' into')[0])
    _bars(axes[0], _column(small, 'CPU s'), 's')
    axes[0].set_xlabel('CPU seconds, client and server')
    _bars(axes[1], _column(small, 'client MB'), 'MB')
    axes[1].set_xlabel('peak memory of the client, MB')
    return figure


def segment_size(sizes: Result) -> Figure:
    """Throughput against the size of segments."""
    figure, (ax,) = _canvas(1, 'Throughput against the size of a segment (300 MB in all)')
    for name in ('rsync daemon, MB/s', 'ours, MB/s'):
        _line(ax, _points(sizes, 'kB a segment', name), name.partition(',')[0])
    ax.set(xscale='log', ylim=(0, None), xlabel='size of a segment, kB', ylabel='MB/s (more is better)')
    _plain_ticks(ax, _points(sizes, 'kB a segment', 'ours, MB/s'))
    return figure


def peers(sizes: Result) -> Figure:
    """Seconds against the number of peers."""
    figure, (ax,) = _canvas(1, 'The small store from more and more peers, all on one machine')
    points = _points(sizes, 'peers', 'ours, s')
    _line(ax, points, 'ours')
    ax.set(xscale='log', ylim=(0, None), xlabel='peers', ylabel='seconds (less is better)')
    _plain_ticks(ax, points)
    return figure


def in_sync(sizes: Result) -> Figure:
    """Seconds to find that nothing is missing, against hours."""
    figure, (ax,) = _canvas(1, 'Finding that nothing is missing')
    points = [(hours, seconds * 1000) for hours, seconds in _points(sizes, 'hours', 'ours, s')]
    _line(ax, points, 'ours')
    for hours, milliseconds in points:
        ax.annotate(f'{milliseconds:,.0f} ms', (hours, milliseconds), (-4, 8), textcoords='offset points')
    top = 3 * max(milliseconds for _, milliseconds in points)
    ax.set(
        xscale='log', yscale='log', ylim=(1, top), xlabel='hours held', ylabel='milliseconds (less is better)'
    )
    _plain_ticks(ax, points)
    return figure


def new_segment(result: Result) -> Figure:
    """How many of the new segments had come after how long."""
    figure, (ax,) = _canvas(1, "From a peer's store to ours: a new segment")
    seconds = sorted(result.raw['seconds'])
    shares = [100 * (number + 1) / len(seconds) for number in range(len(seconds))]
    ax.step([0.0, *seconds], [0.0, *shares], where='post', color=BLUE)
    for per_cent in (50, 99):
        value = percentile(seconds, per_cent) or 0
        ax.plot([value], [per_cent], 'o', color=BLUE)
        ax.annotate(
            f'{per_cent}% within {value:.2f} s',
            (value, per_cent),
            (8, -12),
            textcoords='offset points',
            color=BLUE,
        )
    ax.set(xlim=(0, None), ylim=(0, 103), xlabel='seconds since it was put there', ylabel='per cent arrived')
    return figure


DRAWINGS: dict[str, tuple[tuple[str, ...], Callable[..., Figure]]] = {
    'transfer': (('small', 'big'), transfer),
    'cost': (('small',), cost),
    'segment-size': (('sizes',), segment_size),
    'peers': (('sizes',), peers),
    'in-sync': (('sizes',), in_sync),
    'new-segment': (('new segment',), new_segment),
}


def _canvas(panels: int, title: str) -> tuple[Figure, list[Axes]]:
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(5.5 * panels + 1, 3.6), layout='constrained')
        figure.suptitle(title, x=0.01, ha='left', weight='bold')
        return figure, [figure.add_subplot(1, panels, number + 1) for number in range(panels)]


def _column(result: Result, column: str) -> list[tuple[str, float]]:
    index = result.columns.index(column)
    return [(str(row[0]), float(row[index] or 0)) for row in result.rows]


def _points(sizes: Result, varied: str, of: str) -> list[tuple[float, float]]:
    return [
        (value, measured)
        for what, value, measured, name in sizes.raw['points']
        if (what, name) == (varied, of)
    ]


def _bars(ax: Axes, values: Sequence[tuple[str, float]], unit: str) -> None:
    """Horizontal bars, the least on top."""
    ordered = sorted(values, key=lambda pair: -pair[1])
    colours = [BLUE if name.startswith('ours') else GREY for name, _ in ordered]
    bars = ax.barh([name for name, _ in ordered], [value for _, value in ordered], color=colours)
    ax.bar_label(bars, [f'{value:.3g} {unit}' for _, value in ordered], padding=4, color=DARK)
    ax.margins(x=0.15)


def _line(ax: Axes, points: Sequence[tuple[float, float]], label: str) -> None:
    """A line with its name at its end."""
    colour = BLUE if label == 'ours' else MIDDLE
    ax.plot([x for x, _ in points], [y for _, y in points], 'o-', color=colour)
    ax.annotate(label, points[-1], (8, -3), textcoords='offset points', color=colour, weight='bold')


def _plain_ticks(ax: Axes, points: Sequence[tuple[float, float]]) -> None:
    """The measured values themselves as ticks."""
    ax.set_xticks([x for x, _ in points], [f'{x:,.0f}' for x, _ in points])
    ax.xaxis.minorticks_off()
