"""Runs the demo: the cluster, the drop-outs of node 2, the live table, and the verdict."""

import shutil
import tempfile
import time
from pathlib import Path

import gevent
from gevent.event import Event
from rich.console import Console
from rich.live import Live
from rich.table import Table

from common.errors import SegmeshError, StoppedError
from common.service import interruptible
from common.times import utc_now
from deploy import child
from deploy.demo import video
from deploy.demo.cluster import BUCKET, S3_ENVIRONMENT, Cluster
from deploy.demo.look import View, Watcher, look

DROP_EVERY_SECONDS = 40.0
DROP_SECONDS = 14.0
LAST_DROP_SECONDS = 25.0
SETTLE_SECONDS = 60.0
_STYLES = {True: 'bold red', False: 'green'}


def show(seconds: float | None, stop: Event) -> int:
    """The exit code: with a time limit 0 only if all that the demo promises was seen."""
    console = Console()
    folder = Path(tempfile.mkdtemp(prefix='segmesh-demo-'))
    cluster = Cluster(folder)
    try:
        return interruptible(stop, lambda: _run(console, cluster, seconds))
    except StoppedError:
        return 0 if seconds is None else 1
    except SegmeshError as error:
        console.print(f'[bold red]error:[/] {error}')
        _print_logs(console, folder)
        return 1
    finally:
        cluster.stop()
        shutil.rmtree(folder)
        console.print('Stopped; nothing is left behind.')


def _run(console: Console, cluster: Cluster, seconds: float | None) -> int:
    console.print('Starting three nodes, an origin and an S3 server, and making an hour of video ...')
    cluster.start()
    _print_urls(console, cluster)
    dropping = gevent.spawn(_drop_out_now_and_then, cluster, seconds)
    try:
        _watch(console, cluster, seconds)
    finally:
        dropping.kill()
    console.print('\nTime is up: waiting until nothing is missing, then verifying and playing the hour ...')
    return _judge(console, cluster)


def _print_urls(console: Console, cluster: Cluster) -> None:
    first, _, third = cluster.nodes
    console.print('\n[bold]Open these while it runs[/] (the first in a browser, the rest in a player):')
    lines = {
        'the page: what is there, what is missing, any minute': f'{cluster.nodes[1].url}/',
        'live, from node 1': f'{first.url}/playlist/{video.STREAM}.m3u8',
        'live, from node 3, which does not capture': f'{third.url}/playlist/{video.STREAM}.m3u8',
        'the past hour, from node 3': cluster.playlist_at(third),
        'the past hour, from S3': cluster.playlist_in_bucket(),
        'what is missing on node 2, since now': f'{cluster.nodes[1].url}/coverage/{video.STREAM}/'
        f'{video.VARIANTS[0]}?start={utc_now():%Y-%m-%dT%H:%M:%SZ}',
        "node 3's status": f'{third.control}/status',
        "node 2's metrics": f'{cluster.nodes[1].control}/metrics',
    }
    for what, url in lines.items():
        console.print(f'  {what}:\n    [cyan]{url}[/]', soft_wrap=True)
    console.print()


def _drop_out_now_and_then(cluster: Cluster, seconds: float | None) -> None:
    """Stops the capture of node 2 for longer than the origin's window, so that it misses something."""
    began = time.monotonic()
    gevent.sleep(8)
    while seconds is None or time.monotonic() - began < max(seconds - LAST_DROP_SECONDS, 10):
        cluster.stop_node2_capture()
        gevent.sleep(DROP_SECONDS)
        cluster.start_node2_capture()
        gevent.sleep(DROP_EVERY_SECONDS - DROP_SECONDS)


def _watch(console: Console, cluster: Cluster, seconds: float | None) -> None:
    began = time.monotonic()
    watcher = Watcher(cluster)
    with Live(console=console, auto_refresh=False) as live:
        while seconds is None or time.monotonic() - began < seconds:
            if dead := cluster.died():
                raise SegmeshError(f'a program of the demo ended by itself: {dead[0]}')
            live.update(_table(watcher.look()), refresh=True)
            gevent.sleep(1)


def _table(view: View) -> Table:
    title = f'segmesh demo, {view.time:%H:%M:%S} UTC. Ctrl-C ends it.'
    table = Table(title=title, title_justify='left', caption=view.story, caption_justify='left')
    for heading in ('node', 'track'):
        table.add_column(heading, no_wrap=True)
    for heading in ('held', 'missing', 'fetched'):
        table.add_column(heading, justify='right')
    table.add_column('last')
    table.add_column('hours in S3', no_wrap=True)
    for number, row in enumerate(view.rows):
        missing = f'[{_STYLES[row.missing > 0]}]{row.missing}[/]'
        filled = f'{row.last_filled:%H:%M:%S}' if row.last_filled else '-'
        table.add_row(row.node, row.track, str(row.held), missing, str(row.filled), filled, row.hours)
        if number % 3 == 2:
            table.add_section()
    return table


def _judge(console: Console, cluster: Cluster) -> int:
    """Checks one promise after the other, and prints each."""
    settled = _settle(cluster)
    verified = child.start(
        child.module('backfiller.main', 'verify', '--bucket', BUCKET, '--endpoint-url', cluster.s3),
        env=S3_ENVIRONMENT,
    ).wait()
    checks = {
        f'node 2 dropped out, and got {settled.filled} segments from its peers': settled.filled > 0,
        f'no node misses anything ({settled.missing} missing)': settled.missing == 0,
        f'the past hour is in S3 (state: {settled.mirrored})': settled.mirrored == 'mirrored',
        'backfiller verify finds nothing wrong': verified == 0,
        'the past hour plays from S3': not video.plays_cleanly(cluster.playlist_in_bucket()),
        'the past hour plays from node 3': not video.plays_cleanly(cluster.playlist_at(cluster.nodes[2])),
    }
    for what, is_so in checks.items():
        console.print(f'{"[green]ok  [/]" if is_so else "[bold red]FAIL[/]"} {what}', soft_wrap=True)
    if not all(checks.values()):
        _print_logs(console, cluster.folder)
    return 0 if all(checks.values()) else 1


def _settle(cluster: Cluster) -> View:
    """The cluster once nothing is missing, or after a while."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while True:
        view = look(cluster)
        if (view.filled and not view.missing and view.mirrored == 'mirrored') or time.monotonic() > deadline:
            return view
        gevent.sleep(0.5)


def _print_logs(console: Console, folder: Path) -> None:
    for log in sorted(folder.glob('*.log')):
        tail = log.read_text('utf-8', 'replace').splitlines()[-15:]
        console.print(f'--- {log.name}', *tail, sep='\n', markup=False, highlight=False)
