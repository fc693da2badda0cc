"""`backfiller record`: all streams that this node is to record, in one process."""

import logging
from typing import Any

import click
import gevent
from prometheus_client import CollectorRegistry

from backfiller.capture.metrics import CaptureMetrics
from backfiller.derive.metrics import DeriveMetrics
from backfiller.derive.pool import Pool
from backfiller.parts import Parts
from backfiller.pulse import Pulse
from backfiller.streams import capturing, deriving, opening
from backfiller.streams.keeper import Keeper, Work
from backfiller.streams.memory import Memory
from backfiller.streams.metrics import StreamsMetrics
from backfiller.streams.recording import Recording
from common import cli, service, times
from common.changes import Changes
from common.errors import UsageError
from common.http.hosts import is_loopback
from common.offload import OffloadedDisk
from common.settings.node import Node
from common.settings.streams import Derive, Streams

log = logging.getLogger('backfiller')


@click.command(short_help="Record all streams that are this node's.")
@cli.takes(Node, Streams, Derive)
def record(**flags: Any) -> None:
    """Record the streams of a registry that are placed on this node, until told to stop.

    The registry is a file, or is in Redis; it is followed as it changes. The playlists of --capture are
    recorded besides. What streams derive is made here, too.

    \b
    backfiller record --store /var/lib/segmesh --streams streams.toml
    backfiller record --store /var/lib/segmesh --streams redis://redis.internal
    """
    parts = Parts.of(flags)
    settings = parts.given.section(Streams)
    own, name = opening.own_streams(parts.node), opening.node_name(parts.node)
    memory = Memory(parts.node.store, settings.url)
    known = memory.load()
    registry = opening.open_registry(settings, name, parts.node_id(), known)
    if not (own or registry):
        raise UsageError('there is nothing to record: give --streams FILE, or --capture STREAM=URL')
    stop = service.stop_on_signals()
    metrics = StreamsMetrics(service.new_registry('recorder'))
    with parts.disk() as disk:
        changes = Changes(parts.node.store)
        works = _works(parts, disk, changes, metrics.registry)
        keeper = Keeper(works, metrics.errors.labels('part').inc)
        recording = Recording(name, own, registry, keeper, metrics, times.utc_now, known, memory.keep)
        server = _serve(settings, recording)
        pulse = Pulse(metrics.hub_latency.observe)
        greenlets = [*recording.start(), gevent.spawn(changes.run), gevent.spawn(pulse.run)]
        try:
            service.until_stopped(stop, greenlets)
        finally:
            recording.close()
    server.stop_gracefully(1.0)


def _works(parts: Parts, disk: OffloadedDisk, changes: Changes, registry: CollectorRegistry) -> list[Work]:
    """What is done for each stream: it is captured, and variants are derived of it."""
    pool = Pool(parts.derive.most_transcodes, parts.derive.transcoder)
    return [
        capturing.work(disk, CaptureMetrics(registry)),
        deriving.work(disk, changes, pool, DeriveMetrics(registry)),
    ]


def _serve(settings: Streams, recording: Recording) -> service.HttpServer:
    from backfiller.streams import control  # with flask, which is slow to import

    host, _ = settings.record_control
    server = service.HttpServer(service.bound(settings.record_control), control.create_app(recording))
    if not is_loopback(host):
        log.warning('everybody who reaches %s may read /status and /metrics', service.url_of(server.socket))
    server.start()
    log.info('recording as %s; status on %s/status', recording.node, service.url_of(server.socket))
    return server
