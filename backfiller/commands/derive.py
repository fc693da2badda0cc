"""`backfiller derive`."""

import logging
import shutil
from typing import Any

import click
import gevent

from backfiller.derive.derived import Derived, distinct
from backfiller.derive.deriver import Deriver
from backfiller.derive.metrics import DeriveMetrics
from backfiller.derive.pool import Pool
from backfiller.parts import Parts
from common import cli, config, kinds, service
from common.changes import Changes
from common.errors import UsageError
from common.settings.node import Node
from common.settings.streams import Derive

log = logging.getLogger('backfiller')


@click.command(short_help='Make smaller variants of what is recorded.')
@cli.takes(Node, Derive, leaving_out=('name', 'capture'))
@click.option(
    '--stream', 'streams', multiple=True, required=True, help='A stream; may be given several times.'
)
@click.option(
    '--derive',
    'texts',
    metavar='NAME:HEIGHT:BITRATE',
    multiple=True,
    required=True,
    help='A variant to make, such as 360p:360:600k; may be given several times.',
)
@click.option(
    '--of', 'source', default='source', show_default=True, help='The variant that they are made of.'
)
@click.option('--control', metavar='HOST:PORT', help='Where to serve /metrics and /status; else nowhere.')
def derive(
    streams: tuple[str, ...], texts: tuple[str, ...], source: str, control: str | None, **flags: Any
) -> None:
    """Make smaller variants of the newest segments of a store with ffmpeg, as they come, until told to stop.

    Each has the start and the duration of its source, and the same sound. The newest comes first; what ffmpeg
    cannot keep up with is skipped. It goes beside a capture; `backfiller record` does the same by itself.

    \b
    backfiller derive --store /var/lib/segmesh --stream bus --derive 360p:360:600k --derive 180p:180:150k
    """
    parts = Parts.of(flags)
    for stream in streams:
        config.read(kinds.LABEL, stream, '--stream')
    derived = distinct([Derived.parse(text) for text in texts], '--derive', [source])
    pool = _pool(parts)
    stop = service.stop_on_signals()
    metrics = DeriveMetrics(service.new_registry('backfiller'))
    with parts.disk() as disk:
        changes = Changes(disk.disk.root)
        derivers = [
            Deriver(each, derived, disk, pool, metrics, source, changes=changes)
            for each in dict.fromkeys(streams)
        ]
        server = _server(control, derivers, metrics) if control else None
        log.info('deriving %s of %s', ', '.join(each.name for each in derived), ', '.join(streams))
        running = [gevent.spawn(changes.run), *(gevent.spawn(each.run) for each in derivers)]
        service.until_stopped(stop, running)
        if server:
            server.stop_gracefully(1.0)


def _pool(parts: Parts) -> Pool:
    program = parts.derive.transcoder
    if not shutil.which(program):
        raise UsageError(f'there is no program {program}: install ffmpeg, or give --transcoder')
    return Pool(parts.derive.most_transcodes, program)


def _server(address: str, derivers: list[Deriver], metrics: DeriveMetrics) -> service.HttpServer:
    from backfiller.derive import control  # with flask, which is slow to import

    app = control.create_app(derivers, metrics)
    server = service.HttpServer(service.bound(config.read(kinds.ADDRESS, address, '--control')), app)
    server.start()
    log.info('status on %s/status', service.url_of(server.socket))
    return server
