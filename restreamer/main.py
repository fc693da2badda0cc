"""The `restreamer` command: serves one store over HTTP until told to stop."""

from gevent import monkey

monkey.patch_all()

import logging
import os
from datetime import timedelta
from typing import Any

import click
import gevent

from common import cli, service
from common.disk import Disk
from common.http.hosts import is_loopback
from common.http.tls import Certificate
from common.http.tokens import given_token
from common.identity import node_id
from common.settings.backfiller import Backfiller
from common.settings.mirror import Retention
from common.settings.node import Node
from common.settings.restreamer import Restreamer
from common.times import utc_now
from restreamer.admission import access
from restreamer.admission.limits import Gate
from restreamer.admission.proxies import Proxies
from restreamer.app import create_app
from restreamer.context import Context
from restreamer.missing import overview
from restreamer.playing.live import Lengths

log = logging.getLogger('restreamer')


@click.command(context_settings=cli.CONTEXT)
@cli.takes(Node, Restreamer, leaving_out=('name', 'capture'))
@cli.VERSION
def restreamer(**flags: Any) -> None:
    """List and serve the segments of a store over HTTP, as files and as HLS playlists.

    \b
    restreamer --store /var/lib/segmesh --listen 0.0.0.0:8001
    """
    settings = cli.effective_settings(flags)
    node, own = settings.section(Node), settings.section(Restreamer)
    service.set_up(node.log_level)
    stop = service.stop_on_signals()
    registry = service.new_registry('restreamer')
    context = Context(
        disk=Disk(node.store),
        node_id=node_id(node.node_id, node.store),
        clock=utc_now,
        lengths=_lengths(own),
        backfiller=own.backfiller,
        peer_token=given_token('peer_token', settings.section(Backfiller).peer_token_file, os.environ),
        ffmpeg=own.ffmpeg,
        cuts=Gate(own.most_cuts, 'cuts'),
        ranges=Gate(own.most_ranges, 'playlists of a range'),
        keep=settings.section(Retention).keep,
    )
    may = access.configured(own, is_local=is_loopback(own.listen[0]))
    certificate = Certificate.of(own.tls_certificate, own.tls_key)
    app = create_app(context, registry, may)
    proxies = Proxies(app, own.trusted_proxies)
    server = service.HttpServer(
        service.bound(own.listen), proxies.app, limits=proxies.limits(own), certificate=certificate
    )
    access.warn_if_exposed(may, own, log)
    server.start()
    log.info('serving %s on %s', node.store, server.url)
    beside: list[gevent.Greenlet[..., None]] = [gevent.spawn(context.changes.run)]
    beside += [gevent.spawn(overview.prepare, app)]
    stop.wait()
    context.waiters.release()
    gevent.killall(beside)
    server.stop_gracefully()
    log.info('stopped')


def _lengths(own: Restreamer) -> Lengths:
    window, longest, hold = (
        timedelta(seconds=each) for each in (own.live_window, own.live_longest, own.live_hold)
    )
    return Lengths(window=window, longest=max(window, longest), hold=hold)


def main() -> None:
    cli.run(restreamer)


if __name__ == '__main__':
    main()
