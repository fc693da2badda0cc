"""`backfiller migrate`."""

import logging
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, BinaryIO
from urllib.parse import urlsplit

import click
from gevent.event import Event

from backfiller import outside
from backfiller.commands.options import takes_bucket
from backfiller.commands.outcome import many
from backfiller.migrate import links as lists
from backfiller.migrate import progress, report
from backfiller.migrate.carry import AT_ONCE, Carrier
from backfiller.migrate.deliver import Looking, Sending
from backfiller.migrate.hosts import AT_ONCE as A_HOST
from backfiller.migrate.hosts import Hosts
from backfiller.migrate.job import Tell
from backfiller.migrate.keys import BY_HOST, Keys
from backfiller.migrate.large import Large
from backfiller.migrate.ledger import Ledger
from backfiller.migrate.links import Link
from backfiller.migrate.migration import Migration
from backfiller.migrate.origin import Origin
from backfiller.migrate.report import Row, Status
from backfiller.migrate.shelf import Shelf
from backfiller.mirror.bucket import Bucket
from backfiller.mirror.probe import probe
from backfiller.parts import Parts
from common import config, kinds, service
from common.errors import SegmeshError, UsageError
from common.segment import shown

PLAYLIST_SECONDS = 60.0
MOST_LIST_BYTES = 64 * 1024 * 1024
COUNT = click.IntRange(1, 256)

log = logging.getLogger('backfiller')


@click.command(short_help='Move HLS videos from any servers to S3.')
@takes_bucket
@click.argument('listed', metavar='LIST', type=click.File('rb'))
@click.option(
    '--concurrency',
    default=AT_ONCE,
    type=COUNT,
    help='The most pieces on their way at once.',
    show_default=True,
)
@click.option(
    '--per-host', default=A_HOST, type=COUNT, help='The most requests at once to a host.', show_default=True
)
@click.option(
    '--by-host',
    default='auto',
    type=click.Choice(BY_HOST),
    help='Whether keys begin with the host of the URL; auto: if the links are on several hosts; give always'
    ' if the list will grow.',
    show_default=True,
)
@click.option(
    '--token',
    'tokens',
    multiple=True,
    metavar='NAME',
    help='A parameter of queries that only admits, as token does, and is no part of keys. May be given '
    'several times.',
)
@click.option(
    '--header',
    'headers',
    multiple=True,
    metavar='NAME:VALUE',
    help='Sent with each request; Authorization and Cookie only to the servers of the links. May be given '
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
@click.option('--verify-only', is_flag=True, help='Send nothing: only say what the bucket lacks.')
@click.option(
    '--playlists-only', is_flag=True, help='Send, or verify, the playlists and nothing that they name.'
)
@click.option('--json', 'as_json', is_flag=True, help='Print the report, and nothing else, as JSON.')
def migrate(listed: BinaryIO, by_host: str, tokens: tuple[str, ...], as_json: bool, **flags: Any) -> None:
    """Copy HLS videos, whose links are the lines of LIST, to S3, and prove that every piece arrived.

    The playlists of a link, and all that they name, go to the paths of their URLs below the bucket's prefix.
    It may be killed and started again: what is there is not sent again. In the end each link is done, has
    holes, or failed, and why; the exit code is 0 only if all are done. LIST may be `-`.

    \b
    backfiller migrate links.txt --bucket s3://archive/videos
    """
    for host in flags['allow']:
        config.read(kinds.HOST, host, '--allow-host')
    links = lists.parse(_read(listed))
    if not links:
        raise UsageError(f'{listed.name} names no link: write one URL of a playlist a line')
    parts = Parts.of(flags)
    bucket, stop = parts.bucket(at_once=flags['concurrency']), service.stop_on_signals()
    urls = [link.url for link in links if not link.refused]
    run = _Run(links, Keys.of(urls, by_host, tokens), bucket, flags)
    begun = time.monotonic()
    with _shown(len(urls), as_json) as tell:
        migration = run.prepared(tell)
        trouble = _ended(lambda: run.run(migration), stop)
    _report(migration, as_json, trouble, time.monotonic() - begun)


class _Run:
    """The parts of one migration."""

    def __init__(self, links: list[Link], keys: Keys, bucket: Bucket, flags: dict[str, Any]) -> None:
        self._links = links
        self._keys = keys
        self._shelf = Shelf(bucket)
        self._ledger = Ledger()
        self._flags = flags
        client = outside.new_client(
            _servers(links),
            allow=flags['allow'],
            headers=dict(map(_header, flags['headers'])),
            deadline_seconds=PLAYLIST_SECONDS,
        )
        self._origin = Origin(client, Hosts(flags['per_host']))
        self._large = Large(self._origin, self._shelf)
        self._carrier = Carrier(self._origin, self._shelf, self._large, at_once=flags['concurrency'])

    def prepared(self, tell: Tell) -> Migration:
        return Migration(
            self._links,
            self._keys,
            self._origin,
            self._ledger,
            tell,
            at_once=self._flags['per_host'],
            playlists_only=self._flags['playlists_only'],
        )

    def run(self, migration: Migration) -> None:
        """Raises StoreError or SourceError if the bucket is of no use."""
        shelf = self._shelf
        shelf.look()
        if self._flags['verify_only']:
            return migration.look(Looking(self._carrier, self._keys, self._ledger))
        shelf.bucket.guarantees = probe(shelf.bucket.calls, 'migrate')
        if swept := self._large.sweep():
            log.info('%s of a run before this one aborted', many(swept, 'upload'))
        sending = Sending(self._carrier, shelf, self._keys, self._ledger)
        return migration.run(sending, self._listed)

    def _listed(self) -> dict[str, int]:
        self._shelf.look()
        return self._shelf.sizes


def _ended(run: Callable[[], None], stop: Event) -> str:
    """What ended it before its end, if anything did."""
    try:
        service.interruptible(stop, run)
    except SegmeshError as error:
        return str(error)
    return ''


def _report(migration: Migration, as_json: bool, trouble: str, seconds: float) -> None:
    """As a table where somebody looks, as JSON where a program does; exits with 1 if anything is missing."""
    rows = [*map(Row.of_refused, migration.refused), *map(Row.of, migration.states)]
    rows.sort(key=lambda row: row.line)
    found = report.as_json(
        rows,
        sent=migration.sent,
        sent_bytes=migration.sent_bytes,
        passes=migration.passes,
        seconds=round(seconds, 3),
        stopped=trouble or None,
    )
    for_people = sys.stdout.isatty()
    if as_json:
        progress.say(found)
    else:
        if not for_people:
            progress.lines('report', **found)
        if found['pieces'] or not trouble:  # else nothing was begun, and each link would say only that
            for line in (*report.table(rows), '', _sum(found)):
                click.echo(line, err=not for_people)
    if trouble:
        click.echo(f'error: {trouble}', err=True)
    sys.exit(0 if not trouble and found[Status.DONE] == len(rows) else 1)


def _sum(found: dict[str, Any]) -> str:
    counts = ', '.join(f'{found[status]} {status}' for status in Status)
    pieces = f'{many(found["pieces"], "piece")}, {found["missing"]} missing, {found["sent"]} sent'
    return f'{many(found["links"], "link")}: {counts}; {pieces} ({found["sent_bytes"]} bytes)'


def _shown(links: int, as_json: bool) -> AbstractContextManager[Tell]:
    if sys.stdout.isatty() and sys.stderr.isatty():
        return progress.bar(links)
    return nullcontext(progress.silent if as_json else progress.lines)


def _read(listed: BinaryIO) -> bytes:
    try:
        body = listed.read(MOST_LIST_BYTES + 1)
    except OSError as error:
        raise UsageError(f'cannot read {listed.name}: {error.strerror}') from error
    if len(body) > MOST_LIST_BYTES:
        raise UsageError(f'{listed.name} has more than {MOST_LIST_BYTES} bytes: split it')
    return body


def _servers(links: list[Link]) -> list[str]:
    """One URL for each server of the links."""
    found = {urlsplit(link.url)[:2]: link.url for link in links if not link.refused}
    return list(found.values())


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(':')
    if not colon or not name.isascii() or not name.strip() or not value.isprintable():
        raise UsageError(f'--header {shown(text)} is none: write NAME:VALUE')
    return name.strip(), value.strip()
