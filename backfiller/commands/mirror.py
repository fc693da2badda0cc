"""`backfiller mirror`, `verify` and `restore`: a store and its copy in S3."""

import json
import logging
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import click
import gevent
from prometheus_client import CollectorRegistry

from backfiller import copies, once
from backfiller.commands.options import takes_once, takes_scope_and_bucket
from backfiller.commands.outcome import end_with, many
from backfiller.metrics import Metrics
from backfiller.mirror import verify as verifying
from backfiller.mirror.bucket import Bucket
from backfiller.mirror.hours import HourState
from backfiller.mirror.keeper import MirrorKeeper
from backfiller.mirror.mend import remove_damaged
from backfiller.mirror.mirror import HourResult, Mirror
from backfiller.pace import Pace, no_cap
from backfiller.parts import Parts
from common import service, times
from common.changes import Changes
from common.disk import Disk
from common.errors import StoreError, UsageError
from common.offload import OffloadedDisk
from common.place import Scope
from common.segment import Hour
from common.settings.node import Node

log = logging.getLogger('backfiller')

LIVE = ('live', 'mirror_live_window')
MOST_TOLD = 100


@click.command(short_help='Mirror complete hours to S3.')
@takes_scope_and_bucket('settle_max')
@takes_once
def mirror(to_the_end: bool, **flags: Any) -> None:
    """Mirror the complete hours of a store to S3, and repair what is missing or cut short there.

    Runs until it is stopped; with --once it looks once, and exits 0 only if nothing is left undone. With
    --live true new segments are put at once, too, and playlists that players can follow.

    \b
    backfiller mirror --store /var/lib/segmesh --bucket s3://archive/recordings --once
    """
    parts = Parts.of(flags)
    stop = service.stop_on_signals()
    with parts.disk() as disk:
        found = copies.new_mirror(parts, disk, shared=not to_the_end)
        if not to_the_end:
            metrics = Metrics(CollectorRegistry())
            keepers = [new_keeper(parts, found, disk, metrics), copies.live(parts, disk, metrics)]
            log.info('mirroring %s to %s', parts.node.store, found.bucket.url)
            return service.until_stopped(stop, [gevent.spawn(each.run) for each in keepers if each])
        undone = service.interruptible(stop, lambda: mirror_once(found, parts.scope()))
    return end_with(undone)


@click.command(short_help='Check a bucket against its manifests.')
@takes_scope_and_bucket('settle_max', 'mirror_interval', *LIVE)
@click.option('--deep', is_flag=True, help='Read every segment, and check its bytes against its name.')
@click.option(
    '--sample', type=click.FloatRange(0, 100), help='With --deep: read only so many per cent of each hour.'
)
@click.option('--rate', type=click.IntRange(1), help='With --deep: read no more than so many bytes a second.')
@click.option('--repair', is_flag=True, help='Send what is missing or damaged again, from --store.')
@click.option('--json', 'as_json', is_flag=True, help='Print the report as JSON.')
def verify(
    deep: bool, sample: float | None, rate: int | None, repair: bool, as_json: bool, **flags: Any
) -> None:
    """Check that a bucket holds what its manifests say; with --store also what the store holds.

    Lists every object that is missing or of the wrong size, and then exits 1. That compares listings; --deep
    reads the bytes too. With --repair it exits 0 if nothing is wrong any more.

    \b
    backfiller verify --bucket s3://archive/recordings
    backfiller verify --bucket s3://archive/recordings --deep --sample 5 --rate 20000000
    """
    parts = Parts.of(flags)
    if not deep and (sample is not None or rate):
        raise UsageError('--sample and --rate are about reading: give --deep too')
    disk = Disk(parts.node.store) if parts.given.is_given(Node, 'store') else None
    if repair and not disk:
        raise UsageError('--repair sends segments from a store: give --store')
    share = (100.0 if sample is None else sample) / 100 if deep else 0.0
    reading = verifying.Reading(share, Pace(rate) if rate else no_cap)
    stop = service.stop_on_signals()
    bucket = parts.bucket()
    verdicts = service.interruptible(stop, lambda: _verify(parts, bucket, disk, reading))
    if repair and disk and any(verdict.problems for verdict in verdicts):
        store = disk
        service.interruptible(stop, lambda: _repair(parts, bucket, store, verdicts))
        verdicts = service.interruptible(stop, lambda: _verify(parts, bucket, disk, reading))
    _tell_json(verdicts) if as_json else _tell_verdicts(verdicts)
    if not verdicts:
        end_with([_nothing_in(parts.mirror.bucket)])
    sys.exit(1 if any(verdict.problems for verdict in verdicts) else 0)


@click.command(short_help='Fetch what a store lacks from its mirror.')
@takes_scope_and_bucket('settle', 'settle_max', 'mirror_interval', *LIVE)
def restore(**flags: Any) -> None:
    """Fetch everything that a store lacks from its mirror, and check each segment.

    \b
    backfiller restore --bucket s3://archive/recordings --store /var/lib/segmesh
    """
    parts = Parts.of(flags)
    stop = service.stop_on_signals()
    with parts.disk(parts.retention.min_free) as disk:
        outcome = service.interruptible(stop, lambda: once.restore(parts.bucket(), disk, parts.scope()))
    click.echo(f'{many(outcome.fetched, "segment")}, {outcome.fetched_bytes} bytes restored')
    end_with(outcome.undone if outcome.hours else [_nothing_in(parts.mirror.bucket)])


def new_keeper(parts: Parts, mirror: Mirror, disk: OffloadedDisk, metrics: Metrics) -> MirrorKeeper:
    changes, reread = Changes(parts.node.store), copies.reread(parts, mirror, disk)
    return MirrorKeeper(mirror, metrics, parts.scope, parts.mirror.mirror_interval, changes, reread)


def mirror_once(mirror: Mirror, scope: Scope) -> list[str]:
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
            click.echo(f'{many(count, "hour")} {state.value}')
    click.echo(f'{many(sum(result.uploaded for result in results), "segment")} put')


def _verify(
    parts: Parts, bucket: Bucket, disk: Disk | None, reading: verifying.Reading
) -> list[verifying.Verdict]:
    patience, now = parts.patience(), times.utc_now()

    def is_due(hour: Hour) -> bool:
        return patience.has_settled(hour, now, lambda _: True)

    hours = verifying.hours_of(bucket, disk, scope=parts.scope(), is_due=is_due)
    with _progress(hours) as shown:
        return [verifying.verify(bucket, disk if is_due(hour) else None, hour, reading) for hour in shown]


def _repair(parts: Parts, bucket: Bucket, disk: Disk, verdicts: Sequence[verifying.Verdict]) -> None:
    """Sends what is wrong in the bucket and whole here once more."""
    for verdict in verdicts:
        if verdict.damaged:
            _remove(bucket, disk, verdict)
    with parts.disk() as store:
        for _ in copies.new_mirror(parts, store).run(parts.scope()):
            pass


def _remove(bucket: Bucket, disk: Disk, verdict: verifying.Verdict) -> None:
    try:
        remove_damaged(bucket, disk, verdict)
    except BlockingIOError:
        raise StoreError(f'hours of {disk.root} are being let go of: try again in a moment') from None


def _progress(hours: list[Hour]) -> AbstractContextManager[Iterable[Hour]]:
    """A bar on a terminal, else nothing."""
    if not sys.stderr.isatty():
        return nullcontext(hours)
    return click.progressbar(hours, label='verifying', file=sys.stderr, show_pos=True)


def _tell_verdicts(verdicts: Sequence[verifying.Verdict]) -> None:
    """A line for each problem, a table of the hours that have any, and the sum."""
    problems = [problem for verdict in verdicts for problem in verdict.problems]
    for problem in problems[:MOST_TOLD]:
        click.echo(problem.message)
    if len(problems) > MOST_TOLD:
        click.echo(f'and {len(problems) - MOST_TOLD} more: --json has them all')
    if wrong := [verdict for verdict in verdicts if verdict.problems]:
        click.echo()
        for line in _table(wrong):
            click.echo(line)
        click.echo()
    segments = sum(verdict.segments for verdict in verdicts)
    read = sum(verdict.read for verdict in verdicts)
    was_read = f' ({read} read)' if read else ''
    counts = f'{many(len(verdicts), "hour")}, {many(segments, "segment")}{was_read}'
    click.echo(f'{counts}, {many(len(problems), "problem")}')


def _table(verdicts: Sequence[verifying.Verdict]) -> Iterator[str]:
    """What is wrong in each hour, by kind."""
    found = [Counter(problem.kind for problem in verdict.problems) for verdict in verdicts]
    kinds = [kind for kind in verifying.KINDS if any(kind in each for each in found)]
    width = max(len('hour'), *(len(verdict.hour.path) for verdict in verdicts))
    yield '  '.join([f'{"hour":{width}}', 'segments', *kinds])
    for verdict, counts in zip(verdicts, found, strict=True):
        cells = [f'{counts[kind] or "-":>{len(kind)}}' for kind in kinds]
        yield '  '.join([f'{verdict.hour.path:{width}}', f'{verdict.segments:8}', *cells])


def _tell_json(verdicts: Sequence[verifying.Verdict]) -> None:
    problems = sum(len(verdict.problems) for verdict in verdicts)
    report = {
        'hours': len(verdicts),
        'segments': sum(verdict.segments for verdict in verdicts),
        'read': sum(verdict.read for verdict in verdicts),
        'read_bytes': sum(verdict.read_bytes for verdict in verdicts),
        'problems': problems,
        'found': [verdict.told() for verdict in verdicts],
    }
    click.echo(json.dumps(report, indent=1))


def _nothing_in(bucket: str) -> str:
    return f'there is no hour in {bucket} that was asked for: check the bucket, its prefix and --stream'
