"""`backfiller push`."""

import logging
from pathlib import Path
from typing import Any

import click
import gevent

from backfiller.commands.options import takes_bucket
from backfiller.commands.outcome import end_with, many
from backfiller.parts import Parts
from backfiller.push.folder import Folder
from backfiller.push.keeper import PushKeeper
from backfiller.push.pusher import Pusher
from backfiller.push.shelf import Shelf
from common import service

log = logging.getLogger('backfiller')


@click.command(short_help="Push an encoder's HLS folder to S3.")
@takes_bucket
@click.argument('folder', metavar='DIR', type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option('--once', 'to_the_end', is_flag=True, help='Exit when every playlist has an EXT-X-ENDLIST.')
@click.option('--delete-old', is_flag=True, help='Delete from the bucket what no player needs any more.')
def push(folder: Path, to_the_end: bool, delete_old: bool, **flags: Any) -> None:
    """Push the HLS folder of an encoder, such as ffmpeg or nginx-rtmp, to S3 as it grows.

    Segments go first, then the playlists that name them, then the master. Segments that rolled off stay in
    the bucket unless --delete-old is given. Runs until it is stopped; with --once until the stream has ended,
    and exits 0 only if nothing is left undone.

    \b
    backfiller push /var/www/hls --bucket s3://archive/live
    """
    parts = Parts.of(flags)
    bucket, stop = parts.bucket(), service.stop_on_signals()
    source = Folder(folder, limit_bytes=parts.own.max_segment_bytes)
    shelf = Shelf(source, bucket, passing=delete_old)
    keeper = PushKeeper(source, Pusher(source, shelf, delete_old=delete_old))
    log.info('pushing %s to %s', folder, bucket.url)
    if not to_the_end:
        return service.until_stopped(stop, [gevent.spawn(keeper.run)])
    undone = service.interruptible(stop, keeper.run_to_the_end)
    click.echo(f'{many(shelf.count, "segment")} put')
    return end_with(undone)
