"""`backfiller capture`."""

from typing import Any

import click
import gevent

from backfiller.capture.origin import Origin
from backfiller.capture.session import Session
from backfiller.client import Client, any_http
from backfiller.parts import Parts
from common import cli, config, kinds, service
from common.settings import Node

CAPTURE_DEADLINE_SECONDS = 30.0


@click.command(short_help='Record a live HLS playlist.')
@cli.takes(Node, leaving_out=('name', 'capture'))
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
    config.read(kinds.ORIGIN, f'{stream}={url}', '--stream and URL')
    config.read(kinds.LABEL, variant or 'source', '--variant')
    stop = service.stop_on_signals()
    client = Client(deadline_seconds=CAPTURE_DEADLINE_SECONDS, may_redirect=any_http)
    with parts.disk() as disk:
        session = Session(Origin(url, client), disk, stream, variant)
        service.until_stopped(stop, [gevent.spawn(session.run)])
