"""The `backfiller` command: puts the parts together and runs them."""

from gevent import monkey

monkey.patch_all()

import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click
import gevent
from gevent.backdoor import BackdoorServer
from gevent.event import Event
from prometheus_client import CollectorRegistry

from backfiller import once
from backfiller import verify as verifying
from backfiller.capture.origin import Origin
from backfiller.capture.session import Session
from backfiller.client import Client, any_http
from backfiller.follow import Followers
from backfiller.keeper import MirrorKeeper
from backfiller.metrics import Metrics
from backfiller.mirror import HourResult, HourState, Mirror, nothing_more_at
from backfiller.parts import Parts
from backfiller.peer import Peer
from backfiller.service import Service
from backfiller.vitals import OWN_SECONDS
from common import cli, config, service, times
from common.changes import Changes
from common.disk import Disk
from common.errors import UsageError
from common.offload import OffloadedDisk
from common.place import Scope
from common.settings import Backfiller, Node
from common.settings import Mirror as MirrorSettings

log = logging.getLogger('backfiller')

SHOWN_UNDONE = 50
CAPTURE_DEADLINE_SECONDS = 30.0
NOT_SCOPE = tuple(
    name for name in Backfiller.__dataclass_fields__ if name not in ('streams', 'variants', 'since')
)


def takes_scope_and_bucket(*leaving_out: str) -> Callable[[Any], Any]:
    return cli.takes(Node, Backfiller, MirrorSettings, leaving_out=('capture', *NOT_SCOPE, *leaving_out))


takes_once = click.option('--once', 'to_the_end', is_flag=True, help='Do what can be done now, then exit.')


@click.group(context_settings=cli.CONTEXT)
@cli.VERSION
def backfiller() -> None:
    """Fetch what a store lacks from its peers, mirror it to S3, and capture live streams into it."""


@backfiller.command(short_help='Fetch what a store lacks from its peers.')
@cli.takes(Node, Backfiller, MirrorSettings, leaving_out=('capture',))
@takes_once
def run(to_the_end: bool, **flags: Any) -> None:
    """Fetch what the store lacks from its peers, now and from now on.

    With a bucket, complete hours are mirrored to it. With --once, one pass over everything: the exit code is
    0 only if nothing is left undone, 1 if something is.

    \b
    backfiller run --store /var/lib/segmesh --peer http://node2:8001 --peer http://node3:8001
    """
    parts = Parts.of(flags)
    stop = service.stop_on_signals()
    with parts.disk() as disk:
        if not to_the_end:
            return _serve(parts, disk, stop)
        undone = service.interruptible(stop, lambda: _run_once(parts, disk))
    return _end_with(undone)


@backfiller.command(short_help='Mirror complete hours to S3.')
@takes_scope_and_bucket('settle_max')
@takes_once
def mirror(to_the_end: bool, **flags: Any) -> None:
    """Mirror the complete hours of a store to S3, and repair what is missing or cut short there.

    Runs until it is stopped; with --once it looks once, and exits 0 only if nothing is left undone.

    \b
    backfiller mirror --store /var/lib/segmesh --bucket s3://archive/recordings --once
    """
    parts = Parts.of(flags)
    stop = service.stop_on_signals()
    with parts.disk() as disk:
        found = parts.new_mirror(disk)
        if not to_the_end:
            keeper = _keeper(parts, found, Metrics(CollectorRegistry()))
            log.info('mirroring %s to %s', parts.node.store, found.bucket.url)
            return service.until_stopped(stop, [gevent.spawn(keeper.run)])
        undone = service.interruptible(stop, lambda: _mirror_once(found, parts.scope()))
    return _end_with(undone)


@backfiller.command(short_help='Check a bucket against its manifests.')
@takes_scope_and_bucket('settle_max', 'mirror_interval')
def verify(**flags: Any) -> None:
    """Check that a bucket holds what its manifests say; with --store also what the store holds.

    Lists every object that is missing or of the wrong size, and then exits 1. It compares listings and does
    not read bytes: `backfiller restore` into an empty store reads and checks each of them.

    \b
    backfiller verify --bucket s3://archive/recordings
    """
    parts = Parts.of(flags)
    stop = service.stop_on_signals()
    disk = Disk(parts.node.store) if parts.given.is_given(Node, 'store') else None
    verdicts = service.interruptible(stop, lambda: _verify(parts, disk))
    problems = [problem for verdict in verdicts for problem in verdict.problems]
    for problem in problems:
        click.echo(problem)
    segments = sum(verdict.segments for verdict in verdicts)
    click.echo(
        f'{_many(len(verdicts), "hour")}, {_many(segments, "segment")}, {_many(len(problems), "problem")}'
    )
    if not verdicts:
        _end_with([_nothing_in(parts.mirror.bucket)])
    sys.exit(1 if problems else 0)


@backfiller.command(short_help='Fetch what a store lacks from its mirror.')
@takes_scope_and_bucket('settle', 'settle_max', 'mirror_interval')
def restore(**flags: Any) -> None:
    """Fetch everything that a store lacks from its mirror, and check each segment.

    \b
    backfiller restore --bucket s3://archive/recordings --store /var/lib/segmesh
    """
    parts = Parts.of(flags)
    stop = service.stop_on_signals()
    with parts.disk() as disk:
        outcome = service.interruptible(stop, lambda: once.restore(parts.bucket(), disk, parts.scope()))
    click.echo(f'{_many(outcome.fetched, "segment")}, {outcome.fetched_bytes} bytes restored')
    _end_with(outcome.undone if outcome.hours else [_nothing_in(parts.mirror.bucket)])


@backfiller.command(short_help='Record a live HLS playlist.')
@cli.takes(Node, leaving_out=('capture',))
@click.argument('url')
@click.option('--stream', required=True, help='The stream to store it as.')
@click.option('--variant', default='', help='The only variant to take; of a media playlist: its name.')
def capture(url: str, stream: str, variant: str, **flags: Any) -> None:
    """Record a live HLS playlist, master or media, into a store until told to stop.

    The best variant of a master playlist is stored as `source`, the others by their height, e.g. `480p`.

    \b
    backfiller capture https://origin/master.m3u8 --store /var/lib/segmesh --stream bus
    """
    parts = Parts.of(flags)
    config.read(config.ORIGIN, f'{stream}={url}', '--stream and URL')
    config.read(config.LABEL, variant or 'source', '--variant')
    stop = service.stop_on_signals()
    client = Client(deadline_seconds=CAPTURE_DEADLINE_SECONDS, may_redirect=any_http)
    with parts.disk() as disk:
        session = Session(Origin(url, client), disk, stream, variant)
        service.until_stopped(stop, [gevent.spawn(session.run)])


def _run_once(parts: Parts, disk: OffloadedDisk) -> list[str]:
    peers = [parts.peer(url) for url in parts.roster().peers()]
    if not peers:
        raise UsageError('there is no peer to fetch from: give --peer URL')
    backfill = parts.backfill(disk, Metrics(CollectorRegistry()))
    outcome = once.backfill_once(backfill, peers, parts.scope(), own_id=parts.node_id())
    click.echo(f'{_many(outcome.fetched, "segment")}, {outcome.fetched_bytes} bytes fetched')
    mirrored = _mirror_once(parts.new_mirror(disk), parts.scope()) if parts.mirror.bucket else []
    return [*outcome.undone, *mirrored]


def _serve(parts: Parts, disk: OffloadedDisk, stop: Event) -> None:
    metrics = Metrics(service.new_registry('backfiller'))
    backfill = parts.backfill(disk, metrics)
    followers = Followers(parts.roster().peers, lambda url: parts.follow(backfill, url))

    def others() -> Sequence[Peer]:
        """The peers that answer, less ourselves."""
        return [
            each.peer for each in followers.by_url.values() if each.state not in ('backing off', 'ourselves')
        ]

    bucket = parts.mirror.bucket
    mirror = parts.new_mirror(disk, agreed=nothing_more_at(others, disk)) if bucket else None
    keeper = _keeper(parts, mirror, metrics) if mirror else None
    from backfiller import control  # with flask, which only a service needs and which is slow to import

    own = parts.own.restreamer
    restreamer = parts.vitals(own, metrics, OWN_SECONDS) if own else None
    running = Service(parts.node_id(), times.utc_now, metrics, followers, keeper, restreamer)
    server = service.HttpServer(service.bound(parts.own.control), control.create_app(running))
    server.start()
    log.info('backfilling %s; status on %s/status', parts.node.store, service.url_of(server.socket))
    with _backdoor(parts.own.backdoor_port, running):
        service.until_stopped(stop, running.start())
    server.stop_gracefully(1.0)


def _keeper(parts: Parts, mirror: Mirror, metrics: Metrics) -> MirrorKeeper:
    changes = Changes(parts.node.store)
    return MirrorKeeper(mirror, metrics, parts.scope, parts.mirror.mirror_interval, changes)


def _mirror_once(mirror: Mirror, scope: Scope) -> list[str]:
    results: list[HourResult] = []
    try:
        results.extend(mirror.run(scope))
    finally:
        _tell(results)
    return [problem for result in results for problem in result.problems]


def _tell(results: Sequence[HourResult]) -> None:
    for state in HourState:
        count = sum(result.state is state for result in results)
        if count:
            click.echo(f'{_many(count, "hour")} {state.value}')
    click.echo(f'{_many(sum(result.uploaded for result in results), "segment")} put')


def _verify(parts: Parts, disk: Disk | None) -> list[verifying.Verdict]:
    patience, now = parts.patience(), times.utc_now()
    return list(
        verifying.verify(
            parts.bucket(),
            disk,
            scope=parts.scope(),
            is_due=lambda hour: patience.has_settled(hour, now, lambda _: True),
        )
    )


@contextmanager
def _backdoor(port: int, running: Service) -> Iterator[None]:
    if not port:
        yield
        return
    server = BackdoorServer(service.bound(('127.0.0.1', port)), locals={'service': running})
    server.start()
    try:
        yield
    finally:
        server.stop()


def _many(count: int, what: str) -> str:
    return f'{count} {what}' if count == 1 else f'{count} {what}s'


def _nothing_in(bucket: str) -> str:
    return f'there is no hour in {bucket} that was asked for: check the bucket, its prefix and --stream'


def _end_with(undone: Sequence[str]) -> None:
    """Exit code 0 if nothing is left undone, else 1 and a list on standard error."""
    for line in undone[:SHOWN_UNDONE]:
        click.echo(line, err=True)
    if len(undone) > SHOWN_UNDONE:
        click.echo(f'and {len(undone) - SHOWN_UNDONE} more', err=True)
    sys.exit(1 if undone else 0)


def main() -> None:
    cli.run(backfiller)


if __name__ == '__main__':
    main()
