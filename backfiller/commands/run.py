"""`backfiller run`: the whole service, or one pass to the end."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
from gevent.backdoor import BackdoorServer
from gevent.event import Event
from prometheus_client import CollectorRegistry

from backfiller import copies, once
from backfiller.commands.mirror import mirror_once, new_keeper
from backfiller.commands.options import takes_once
from backfiller.commands.outcome import end_with, many
from backfiller.follow import Followers
from backfiller.metrics import Metrics
from backfiller.mirror.mirror import Mirror, nothing_more_at
from backfiller.parts import Parts
from backfiller.service import Service
from backfiller.vitals import OWN_SECONDS
from common import cli, service, times
from common.errors import UsageError
from common.http.hosts import is_loopback
from common.offload import OffloadedDisk
from common.settings.backfiller import Backfiller
from common.settings.mirror import Mirror as MirrorSettings
from common.settings.mirror import Retention
from common.settings.node import Node

log = logging.getLogger('backfiller')


@click.command(short_help='Fetch what a store lacks from its peers.')
@cli.takes(Node, Backfiller, MirrorSettings, Retention, leaving_out=('name', 'capture'))
@takes_once
def run(to_the_end: bool, **flags: Any) -> None:
    """Fetch what the store lacks from its peers, now and from now on.

    What no peer has is fetched from the buckets that are given as sources. With a bucket of its own, complete
    hours are mirrored to it. With --once, one pass over everything: the exit code is
    0 only if nothing is left undone, 1 if something is.

    With --keep, --keep-bytes or --min-free old hours that are mirrored are deleted, each with a line in the
    log, and not fetched again. With --once nothing is deleted.

    \b
    backfiller run --store /var/lib/segmesh --peer http://node2:8001 --peer http://node3:8001
    """
    parts = Parts.of(flags).with_credentials()
    parts.retention.check(parts.mirror, parts.own)
    stop = service.stop_on_signals()
    with parts.disk(parts.retention.min_free) as disk:
        if not to_the_end:
            return _serve(parts, disk, stop)
        undone = service.interruptible(stop, lambda: _run_once(parts, disk))
    return end_with(undone)


def _run_once(parts: Parts, disk: OffloadedDisk) -> list[str]:
    peers, sources = [parts.peer(url) for url in parts.roster().peers()], parts.sources()
    if not (peers or sources):
        raise UsageError('there is nothing to fetch from: give --peer URL, or --source s3://BUCKET/PREFIX')
    backfill = parts.backfill(disk, Metrics(CollectorRegistry()))
    outcome = once.backfill_once(backfill, peers, sources, parts.scope(), own_id=parts.node_id())
    click.echo(f'{many(outcome.fetched, "segment")}, {outcome.fetched_bytes} bytes fetched')
    mirrored = mirror_once(copies.new_mirror(parts, disk), parts.scope()) if parts.mirror.bucket else []
    return [*outcome.undone, *mirrored]


def _serve(parts: Parts, disk: OffloadedDisk, stop: Event) -> None:
    metrics = Metrics(service.new_registry('backfiller'))
    backfill = parts.backfill(disk, metrics)
    followers = Followers(parts.roster().peers, lambda url: parts.follow(backfill, url))

    mirror = _new_mirror(parts, disk, followers) if parts.mirror.bucket else None
    keeper = new_keeper(parts, mirror, disk, metrics) if mirror else None
    retention = copies.new_retention(parts, disk, backfill, mirror) if parts.retention.is_limited else None
    from backfiller import control  # with flask, which only a service needs and which is slow to import

    own = parts.own.restreamer
    restreamer = parts.vitals(own, metrics, OWN_SECONDS, parts.credentials.own) if own else None
    live = copies.live(parts, disk, metrics)
    sources = [parts.follow_source(backfill, followers, each) for each in parts.sources()]
    watched = (keeper, retention, live)
    running = Service(parts.node_id(), times.utc_now, metrics, followers, sources, *watched, restreamer)
    host, _ = parts.own.control
    app = control.create_app(running, parts.credentials.admin, is_local=is_loopback(host))
    server = service.HttpServer(service.bound(parts.own.control), app)
    if not is_loopback(host):
        log.warning('everybody who reaches %s may read /status and /metrics', service.url_of(server.socket))
    server.start()
    log.info('backfilling %s; status on %s/status', parts.node.store, service.url_of(server.socket))
    with _backdoor(parts.own.backdoor_port, running):
        service.until_stopped(stop, running.start())
    server.stop_gracefully(1.0)


def _new_mirror(parts: Parts, disk: OffloadedDisk, followers: Followers) -> Mirror:
    agreed = nothing_more_at(followers.live_peers, disk)
    return copies.new_mirror(parts, disk, agreed=agreed, shared=True)


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
