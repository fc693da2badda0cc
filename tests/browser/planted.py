"""A restreamer of 7 days, 4 variants and 3 nodes with holes at known minutes, for the tests of the page.

`python -m tests.browser.planted STORE` serves it until it is told to stop. The store holds a little video
and is served as always; what the page is told of the cluster is made up here, in the words of the contract.
"""

from gevent import monkey

monkey.patch_all()

import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from flask import Flask, abort, request
from prometheus_client import CollectorRegistry

from common import service
from common.disk import Disk
from common.times import iso
from restreamer import parameters
from restreamer.app import create_app
from restreamer.context import Context
from tests.kit.build import at

NOW = at('2026-11-14T12:04:12')
NODES = ('this node', 'http://node-2.example:8001', 'http://node-3.example:8001')
PATHS = ('bus/source', 'bus/small', 'yard/source', 'yard/small')
BEGUN = {path: at('2026-11-07T18:00:00' if path[0] == 'b' else '2026-11-09T06:30:00') for path in PATHS}
WEEK, MINUTE = timedelta(days=7), timedelta(minutes=1)
TOKEN = 'open-sesame'
US, SECOND, THIRD = range(3)
EVERYWHERE = frozenset(range(3))
SILENT = ('bus/small', THIRD)
"""What this node cannot tell of that path."""


@dataclass(frozen=True)
class Planted:
    """What the nodes lack of a path."""

    path: str
    start: str
    seconds: float
    lacking: frozenset[int]

    @property
    def begin(self) -> datetime:
        return at(self.start)

    @property
    def end(self) -> datetime:
        return self.begin + timedelta(seconds=self.seconds)

    @property
    def where(self) -> str:
        return 'everywhere' if self.lacking == EVERYWHERE else 'fetchable'

    def share_of(self, begin: datetime, end: datetime) -> float:
        """How much of that time lies in the hole."""
        return max(0.0, (min(end, self.end) - max(begin, self.begin)) / (end - begin))

    def told(self) -> dict[str, Any]:
        peers = [(url, number in self.lacking) for number, url in enumerate(NODES) if number]
        return {
            'start': iso(self.begin),
            'end': iso(self.end),
            'seconds': self.seconds,
            'segments': round(self.seconds / 2),
            'since': iso(self.end),
            'where': self.where,
            'held_by': [url for url, lacks in peers if not lacks],
            'missing_at': [url for url, lacks in peers if lacks],
            'not_asked': [],
        }


HOLES = (
    Planted('bus/source', '2026-11-14T03:09:00', 12, EVERYWHERE),
    Planted('bus/source', '2026-11-14T03:07:30', 30, EVERYWHERE),
    Planted('bus/source', '2026-11-13T22:41:00', 1120, frozenset({US})),
    Planted('bus/source', '2026-11-12T17:20:30.5', 4, EVERYWHERE),
    Planted('bus/source', '2026-11-11T09:00:00', 120, EVERYWHERE),
    Planted('bus/source', '2026-11-10T08:10:00', 5400, frozenset({THIRD})),
    Planted('bus/small', '2026-11-12T17:20:30.5', 4, frozenset({US, SECOND})),
    Planted('yard/source', '2026-11-13T01:02:00', 8000, EVERYWHERE),
    Planted('yard/source', '2026-11-11T09:00:00', 60, frozenset({SECOND})),
)


def of(path: str, node: int | None = None) -> list[Planted]:
    """The holes of a path, or those that a node has there."""
    return [each for each in HOLES if each.path == path and (node is None or node in each.lacking)]


def overview() -> dict[str, Any]:
    return {
        'time': iso(NOW),
        'node': {'id': 'node-1', 'version': '0.1.0', 'has_backfiller': True, 'backfiller_error': None},
        'range': {'start': iso(NOW - WEEK), 'end': iso(NOW)},
        'verdict': {
            'level': 'missing',
            'text': '89 segments are missing everywhere up to 12:04:10',
            'details': [
                '560 segments can be fetched from 2 peers',
                'node-3.example:8001 lacks 2,700 segments',
            ],
        },
        'disk': {
            'free_bytes': 412 * 10**9,
            'total_bytes': 2 * 10**12,
            'bytes_per_day': 97 * 10**9,
            'days_left': 4.247,
            'held_bytes': 688 * 10**9,
        },
        'variants': [_variant(path) for path in PATHS],
        'peers': [_peer(1, 1.2, 0, None), _peer(2, None, 560, 'connection refused')],
        'mirror': {
            'bucket': 's3://archive/recordings',
            'states': {'mirrored': 637, 'settling': 4, 'failed': 1},
            'last_error': None,
            'hours': [
                {
                    'path': 'bus/source/2026-11-14T09',
                    'state': 'failed',
                    'problems': ['2 objects are damaged'],
                },
                *({'path': f'{each}/2026-11-14T11', 'state': 'settling', 'problems': []} for each in PATHS),
            ],
        },
        'retention': None,
    }


def _variant(path: str) -> dict[str, Any]:
    stream, variant = path.split('/')
    ours = of(path, US)
    seconds = sum(each.seconds for each in ours)
    whole = min(WEEK, NOW - BEGUN[path]).total_seconds()
    return {
        'stream': stream,
        'variant': variant,
        'path': path,
        'oldest': iso(BEGUN[path]),
        'newest': iso(NOW - timedelta(seconds=2)),
        'age_seconds': 2.1,
        'hours': int(whole // 3600),
        'segments': int(whole // 2),
        'bits_per_second': 6_200_000 if variant == 'source' else 410_000,
        'missing': {
            'holes': len(ours),
            'segments': round(seconds / 2),
            'seconds': seconds,
            'fetchable': sum(each.where == 'fetchable' for each in ours),
            'everywhere': sum(each.where == 'everywhere' for each in ours),
            'unknown': 0,
        },
        'percent': round(100 - 100 * seconds / whole, 3),
        'nodes': [
            {
                'node': url,
                'complete_up_to': None if of(path, number) else iso(NOW - timedelta(seconds=2)),
                'missing_seconds': None
                if (path, number) == SILENT
                else sum(each.seconds for each in of(path, number)),
            }
            for number, url in enumerate(NODES)
        ],
        'mirror': {'mirrored': 159, 'settling': 1, **({'failed': 1} if path == 'bus/source' else {})},
    }


def _peer(number: int, lag: float | None, missing: int, error: str | None) -> dict[str, Any]:
    return {
        'url': NODES[number],
        'id': f'node-{number + 1}',
        'state': 'failing' if error else 'idle',
        'lag_seconds': lag,
        'bytes_per_second': None if error else 3_400_000,
        'missing': missing,
        'last_error': error and {'time': iso(NOW - MINUTE), 'message': error},
        'reachable': error is None,
    }


def holes(stream: str, variant: str) -> dict[str, Any]:
    path = f'{stream}/{variant}'
    start = parameters.time('start') or NOW - timedelta(days=1)
    end = parameters.time('end') or NOW
    found = [each for each in of(path, US) if start < each.end and each.begin < end]
    return {
        'stream': stream,
        'variant': variant,
        'start': iso(start),
        'end': iso(end),
        'seconds': sum(each.seconds for each in found),
        'truncated': False,
        'holes': [each.told() for each in sorted(found, key=lambda each: each.begin, reverse=True)],
        'peers': [{'url': url, 'error': None} for url in NODES[1:]],
    }


def heat(stream: str, variant: str) -> dict[str, Any]:
    path = f'{stream}/{variant}'
    end = (parameters.time('end') or NOW).replace(second=0, microsecond=0)
    start = (parameters.time('start') or end - WEEK).replace(second=0, microsecond=0)
    nodes = [_levels(path, start, end, of(path, number)) for number in range(len(NODES))]
    together = _levels(path, start, end, [each for each in of(path) if each.where == 'everywhere'])
    return {
        'stream': stream,
        'variant': variant,
        'start': iso(start),
        'end': iso(end),
        'minutes': len(together),
        'levels': '0123456789',
        'nodes': [_node(path, number, line) for number, line in enumerate(nodes)],
        'union': together,
    }


def _node(path: str, number: int, levels: str) -> dict[str, Any]:
    if (path, number) == SILENT:
        return {'node': NODES[number], 'minutes': '-' * len(levels), 'error': 'connection refused'}
    return {'node': NODES[number], 'minutes': levels, 'error': None}


def _levels(path: str, start: datetime, end: datetime, lacking: list[Planted]) -> str:
    levels = ['9'] * ((end - start) // MINUTE)
    for each in lacking:
        for number in range(max(0, (each.begin - start) // MINUTE), len(levels)):
            begin = start + MINUTE * number
            if begin >= each.end:
                break
            levels[number] = str(int(9 * (1 - each.share_of(begin, begin + MINUTE))))
    before = max(0, (BEGUN[path] - start) // MINUTE)
    return ''.join(['.'] * min(before, len(levels)) + levels[before:])


def backfill() -> tuple[dict[str, Any], int]:
    """What a node answers that asked its backfiller for a pass, if it is shown the token."""
    if request.headers.get('Authorization') != f'Bearer {TOKEN}':
        return {'error': 'this needs the admin token'}, 401
    return {'peers_asked': len(NODES) - 1}, 202


VIEWS: dict[str, Callable[..., Any]] = {
    '/overview': overview,
    '/holes/<stream:stream>/<variant:variant>': holes,
    '/heat/<stream:stream>/<variant:variant>': heat,
    '/backfill': backfill,
}


def plant(app: Flask, **others: Callable[..., Any]) -> None:
    """Lets the application tell what is planted, or `others` by their names, in place of what it knows."""
    known = {rule.rule: rule.endpoint for rule in app.url_map.iter_rules()}
    for rule, view in VIEWS.items():
        name = rule.split('/')[1]
        chosen = others.get(name, view)
        if rule in known:
            app.view_functions[known[rule]] = chosen
        else:
            app.add_url_rule(rule, name, chosen, methods=['POST' if name == 'backfill' else 'GET'])


def close(app: Flask) -> None:
    """Lets it tell nothing without the token."""

    @app.before_request
    def look_at_token() -> None:
        told = request.path.startswith(('/overview', '/holes/', '/heat/'))
        if told and request.headers.get('Authorization') != f'Bearer {TOKEN}':
            abort(401)


def main() -> None:
    stop = service.stop_on_signals()
    context = Context(Disk(Path(sys.argv[1])), 'node-1', lambda: NOW, 60)
    app = create_app(context, CollectorRegistry())
    plant(app)
    if '--token' in sys.argv:
        close(app)
    server = service.HttpServer(service.bound(('127.0.0.1', 0)), app)
    server.start()
    print('serving on', service.url_of(server.socket), flush=True)
    stop.wait()
    server.stop_gracefully()


if __name__ == '__main__':
    main()
