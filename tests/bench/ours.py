"""Our own commands as the bench calls them, and what a running service says of itself."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import requests

from tests.bench.measure import BenchError
from tests.kit import process
from tests.kit.process import BIN, Process, get, metrics

PASS_SECONDS = 600.0
POLL_SECONDS = 0.005


@cache
def has_option(flag: str) -> bool:
    """Whether this backfiller knows the option, so that others can be measured too."""
    asked = process.run('backfiller', 'run', '--help')
    if asked.wait():
        raise BenchError(f'backfiller does not start: {asked.output[-600:]}')
    return f'{flag} ' in asked.output


def durability(kind: str) -> list[str]:
    return ['--durability', kind] if has_option('--durability') else []


def plain_protocol() -> list[str]:
    return ['--protocol', 'plain'] if has_option('--protocol') else []


def once(store: Path, peers: list[str], *options: str) -> list[str]:
    """The command that fetches everything and ends."""
    given = [part for url in peers for part in ('--peer', url)]
    return [str(BIN / 'backfiller'), 'run', '--once', '--store', str(store), *given, *options]


def mirror_once(store: Path, bucket: str, endpoint_url: str, layout: str) -> list[str]:
    """The command that mirrors every hour that is over, and ends."""
    options = ['--bucket', bucket, '--endpoint-url', endpoint_url, '--layout', layout, '--settle', '0']
    return [str(BIN / 'backfiller'), 'mirror', '--once', '--store', str(store), *options]


def verify_deep(bucket: str, endpoint_url: str) -> list[str]:
    """The command that reads everything that was mirrored, and fails if anything is wrong."""
    options = ['--bucket', bucket, '--endpoint-url', endpoint_url]
    return [str(BIN / 'backfiller'), 'verify', '--deep', *options]


@contextmanager
def service(store: Path, peers: list[str], *options: str) -> Iterator[tuple[Process, str]]:
    """`backfiller run`, and the URL of its control port. It looks at everything once, then when asked."""
    given = [part for url in peers for part in ('--peer', url)]
    with process.backfiller(store, *given, '--recent-interval', '3600', *options) as found:
        yield found


def peers_of(control: str) -> list[dict[str, Any]]:
    """What /status says of each peer."""
    found: dict[str, dict[str, Any]] = get(f'{control}/status').json()['peers']
    return list(found.values())


def wait_for_passes(control: str, kind: str, peers: int = 1, since: str = '') -> list[dict[str, Any]]:
    """The last pass over each peer, when all are of the kind, without a rest, and started after `since`."""
    deadline = time.monotonic() + PASS_SECONDS
    while time.monotonic() < deadline:
        found = peers_of(control)
        passes = [each['last_pass'] or {'kind': '', 'started': ''} for each in found]
        if len(found) == peers and all(_is(each, kind, since) for each in passes):
            return passes
        time.sleep(POLL_SECONDS)
    raise BenchError(f'no {kind} pass within {PASS_SECONDS:g} s: {found}')


def ask_for_pass(control: str, peers: int = 1) -> float:
    """Starts a pass over everything; the seconds until all peers have been looked at."""
    since = max(each['last_pass']['started'] for each in peers_of(control))
    started = time.monotonic()
    requests.post(f'{control}/backfill', timeout=10).raise_for_status()
    wait_for_passes(control, 'asked', peers, since)
    return time.monotonic() - started


def _is(found: dict[str, Any], kind: str, since: str) -> bool:
    return bool(found['kind'] == kind and found['started'] > since)


def served(url: str) -> float:
    """How many segments a restreamer has sent, one by one or in batches."""
    found = metrics(url)
    if 'segments_served_total' in found or any(name.startswith('segments_served_total{') for name in found):
        return _sum(found, r'segments_served_total')
    return _sum(found, r'http_requests_total\{endpoint="files.segment",.*status="200"')


def buckets(control: str, name: str) -> dict[float, float]:
    """Upper bound -> cumulative count of a histogram; empty if it is not there."""
    found: dict[float, float] = {}
    for key, value in metrics(control).items():
        if bound := re.match(rf'{name}_bucket\{{.*le="([^"]+)"', key):
            found[float(bound[1])] = found.get(float(bound[1]), 0) + value
    return found


def _sum(found: dict[str, float], pattern: str) -> float:
    return sum(value for name, value in found.items() if re.match(pattern, name))
