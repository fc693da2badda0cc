"""`backfiller capture`."""

from pathlib import Path
from typing import Any

import click
import gevent

from backfiller.capture.metrics import CaptureMetrics
from backfiller.capture.recipe import ALL, Recipe
from backfiller.capture.session import Session
from backfiller.commands.outcome import end_with
from backfiller.parts import Parts
from common import cli, config, kinds, service
from common.errors import UsageError
from common.settings.node import Node


@click.command(short_help='Record a live HLS playlist.')
@cli.takes(Node, leaving_out=('name', 'capture'))
@click.argument('urls', nargs=-1, required=True, metavar='URL...')
@click.option('--stream', required=True, metavar='NAME', help='The stream to store it as.')
@click.option(
    '--variant',
    'variants',
    multiple=True,
    metavar='NAME',
    help='A variant to take, or `best`; of a media playlist: its name. May be given several times.  '
    '[default: all]',
)
@click.option(
    '--header',
    'headers',
    multiple=True,
    metavar="'NAME: VALUE'",
    help='Sent with each request; Authorization and Cookie only to the servers of the URLs. May be given '
    'several times.',
)
@click.option(
    '--allow-host',
    'allow',
    multiple=True,
    metavar='HOST[:PORT]',
    help='A server to which playlists may lead although its address is not public. May be given several '
    'times.',
)
@click.option(
    '--once',
    'to_the_end',
    is_flag=True,
    help='Exit when the playlist has its EXT-X-ENDLIST and all is taken.',
)
def capture(
    urls: tuple[str, ...],
    stream: str,
    variants: tuple[str, ...],
    headers: tuple[str, ...],
    allow: tuple[str, ...],
    to_the_end: bool,
    **flags: Any,
) -> None:
    """Record a live HLS playlist, master or media, into a store until told to stop.

    Each URL is one of http, https or file, or the path of a playlist that an encoder writes on this machine.
    The second and further ones are asked while those before them give nothing.

    The best variant of a master playlist is stored as `source`, the others by their height, e.g. `480p`,
    audio with a playlist of its own as `audio` or e.g. `audio-de`. An outage of the origin never ends the
    recording. What was offered and could not be taken is noted in the store, below .skips, with its cause.
    With --once it exits 0 only if nothing is left undone.

    \b
    backfiller capture https://origin/master.m3u8 --store /var/lib/segmesh --stream bus
    backfiller capture https://a/live.m3u8 https://b/live.m3u8 --store store --stream bus --variant best
    backfiller capture /var/www/hls/bus.m3u8 --store store --stream bus
    """
    parts = Parts.of(flags)
    recipe = _recipe(urls, stream, variants, headers, allow)
    stop = service.stop_on_signals()
    metrics = CaptureMetrics(service.new_registry('capture'))
    with parts.disk() as disk:
        session = Session(recipe, disk, metrics, limit_bytes=parts.own.max_segment_bytes)
        if not to_the_end:
            return service.until_stopped(stop, [gevent.spawn(session.run)])
        undone = service.interruptible(stop, session.run_to_the_end)
    return end_with(undone)


def _recipe(
    urls: tuple[str, ...],
    stream: str,
    variants: tuple[str, ...],
    headers: tuple[str, ...],
    allow: tuple[str, ...],
) -> Recipe:
    """Raises UsageError."""
    config.read(kinds.LABEL, stream, '--stream')
    for variant in variants:
        config.read(kinds.LABEL, variant, '--variant')
    for host in allow:
        config.read(kinds.HOST, host, '--allow-host')
    return Recipe(stream, tuple(map(_source, urls)), variants or (ALL,), tuple(map(_header, headers)), allow)


def _source(text: str) -> str:
    """The URL, or the one of a path; `http:/host` is no path, but a URL with a slash too few."""
    if '://' not in text and not text.startswith(('http:', 'https:', 'file:')):
        return Path(text).absolute().as_uri()
    url: str = config.read(kinds.PLAYLIST, text, 'URL')
    return url


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(':')
    if not colon or not name.strip() or '\n' in text or '\r' in text:
        raise UsageError(f"--header: {text!r} is none: write 'NAME: VALUE'")
    return name.strip(), value.strip()
