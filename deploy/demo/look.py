"""What the demo shows of the cluster, learnt over HTTP as anybody could."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import requests

from common.segment import Hour, Segment
from common.times import utc_now
from deploy.demo import video
from deploy.demo.cluster import Cluster, DemoNode

STILL_CAPTURING = timedelta(seconds=8)
"""Segments younger than this may be on one node and not yet on another without anything being wrong."""

RECORDING = 'Node 2 records. What it missed is fetched from the others after 20 seconds.'
DROPPED_OUT = 'The recorder of node 2 has been stopped on purpose: node 2 misses what the others record.'

_COUNTER = 'segments_backfilled_total'


@dataclass
class Row:
    """One stream and variant on one node."""

    node: str
    track: str
    held: int = 0
    missing: int = 0
    filled: int = 0
    last_filled: datetime | None = None
    hours: str = ''


@dataclass
class View:
    """The cluster at one moment; `filled` are the live segments that node 2 got from its peers."""

    time: datetime
    rows: list[Row] = field(default_factory=list)
    filled: int = 0
    mirrored: str = ''
    story: str = ''

    @property
    def missing(self) -> int:
        return sum(row.missing for row in self.rows)


@dataclass
class Watcher:
    """Looks at the cluster again and again, and remembers when a counter last grew."""

    cluster: Cluster
    _grew: dict[tuple[str, str], tuple[int, datetime]] = field(default_factory=dict)

    def look(self) -> View:
        view = look(self.cluster)
        for row in view.rows:
            known = self._grew.get((row.node, row.track))
            if row.filled > (known[0] if known else 0):
                known = self._grew[row.node, row.track] = (row.filled, view.time)
            row.last_filled = known[1] if known else None
        return view


def look(cluster: Cluster) -> View:
    """Lists the hours of all nodes and compares them. Nodes that do not answer hold nothing."""
    view = View(utc_now())
    counters = {node.number: _backfilled(node) for node in cluster.nodes}
    states = _mirror_states(cluster.nodes[2])
    view.story = RECORDING if cluster.node2_records else DROPPED_OUT
    view.mirrored = states.get(cluster.past.path, '')
    view.filled = sum(count for track, count in counters[2].items() if track.startswith(video.STREAM))
    for stream, variant in _tracks():
        track = f'{stream}/{variant}'
        names = {node.number: _names(node, stream, variant) for node in cluster.nodes}
        union = set[tuple[Hour, str]]().union(*names.values())
        for node in cluster.nodes:
            row = Row(node.name, track, len(names[node.number]), filled=counters[node.number].get(track, 0))
            row.missing = sum(_is_settled(each, view.time) for each in union - names[node.number])
            row.hours = _hours_of(states, track) if node.number == 3 else ''
            view.rows.append(row)
    return view


def _tracks() -> Iterable[tuple[str, str]]:
    yield from ((video.STREAM, variant) for variant in video.VARIANTS)
    yield video.PAST_STREAM, video.VARIANTS[0]


def _names(node: DemoNode, stream: str, variant: str) -> set[tuple[Hour, str]]:
    hours = _json(f'{node.url}/files/{stream}/{variant}') or []
    found = set()
    for hour in (Hour(stream, variant, text) for text in hours):
        found |= {(hour, name) for name in _json(f'{node.url}/files/{hour.path}') or []}
    return found


def _is_settled(member: tuple[Hour, str], now: datetime) -> bool:
    return Segment.parse(*member).end < now - STILL_CAPTURING


def _backfilled(node: DemoNode) -> dict[str, int]:
    """Stream/variant -> segments that the node fetched from its peers."""
    counts: dict[str, int] = {}
    for line in _text(f'{node.control}/metrics').splitlines():
        if not line.startswith(_COUNTER + '{'):
            continue
        labels, _, value = line.removeprefix(_COUNTER).rpartition(' ')
        stated = dict(pair.split('=', 1) for pair in labels.strip('{}').split(','))
        track = f'{stated["stream"]}/{stated["variant"]}'.replace('"', '')
        counts[track] = counts.get(track, 0) + int(float(value))
    return counts


def _mirror_states(node: DemoNode) -> dict[str, str]:
    status = _json(f'{node.control}/status') or {}
    return {path: hour['state'] for path, hour in status.get('mirror', {}).get('hours', {}).items()}


def _hours_of(states: dict[str, str], track: str) -> str:
    mine = {path.removeprefix(f'{track}/'): state for path, state in states.items() if path.startswith(track)}
    return ', '.join(f'{hour[-2:]}h {state}' for hour, state in sorted(mine.items()))


def _json(url: str) -> Any:
    try:
        return requests.get(url, timeout=5).json()
    except (requests.RequestException, ValueError):
        return None


def _text(url: str) -> str:
    try:
        return requests.get(url, timeout=5).text
    except requests.RequestException:
        return ''
