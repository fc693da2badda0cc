"""`segmesh sign`: a URL that plays without a token, until a time."""

import os
from datetime import timedelta
from typing import Any

import click

from common import cli, config, kinds
from common.errors import SegmentError, UsageError
from common.http.tokens import given_token
from common.segment import check_label
from common.settings.restreamer import Restreamer
from common.times import utc_now
from restreamer.admission.signing import LONGEST_SECONDS, Scope, signed


@click.command(short_help='Make a URL that plays without a token.')
@click.argument('stream')
@click.option(
    '--variant', metavar='NAME', default='', help='This variant alone; without it all of the stream.'
)
@click.option(
    '--for',
    'span',
    metavar='SPAN',
    default='6h',
    show_default=True,
    help='How long it opens, such as 36h or 7d.',
)
@click.option('--url', metavar='URL', help="The restreamer's, to get the whole address of the playlist.")
@cli.takes()
def sign(stream: str, variant: str, span: str, url: str | None, **flags: Any) -> None:
    """Print the query that lets anybody play a stream for a while, or with --url the playlist's address.

    It is made with the read token of the node's settings, and cannot be taken back but with another token.

    \b
    segmesh sign bus --for 7d --url https://node1:8001 --config node.toml
    """
    own = cli.effective_settings(flags).section(Restreamer)
    token = given_token('read_token', own.read_token_file, os.environ)
    if not token:
        raise UsageError('there is nothing to sign with: give read_token_file or SEGMESH_READ_TOKEN')
    scope, length = _scope(stream, variant), config.read(kinds.SPAN, span, '--for')
    if length > timedelta(seconds=LONGEST_SECONDS):
        raise UsageError(f'--for: {span} is more than a year')
    query = signed(token.text(), scope, int((utc_now() + length).timestamp())).query
    click.echo(f'{_playlist(url, scope)}?{query}' if url else query)


def _scope(stream: str, variant: str) -> Scope:
    try:
        return Scope(check_label('stream', stream), check_label('variant', variant) if variant else '')
    except SegmentError as error:
        raise UsageError(str(error)) from None


def _playlist(url: str, scope: Scope) -> str:
    base = config.read(kinds.URL, url, '--url')
    return f'{base}/playlist/{"/".join(filter(None, scope))}.m3u8'
