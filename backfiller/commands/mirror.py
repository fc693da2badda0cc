"""`backfiller mirror`, `verify` and `restore`: a store and its copy in S3."""

import logging
import sys
from collections.abc import Sequence
from typing import Any

import click
import gevent
from prometheus_client import CollectorRegistry

from backfiller import once
from backfiller.commands.options import takes_once, takes_scope_and_bucket
from backfiller.commands.outcome import end_with, many
from backfiller.metrics import Metrics
from backfiller.mirror import verify as verifying
from backfiller.mirror.hours import HourState
from backfiller.mirror.keeper import MirrorKeeper
from backfiller.mirror.mirror import HourResult, Mirror
from backfiller.parts import Parts
from common import service, times
from common.changes import Changes
from common.disk import Disk
from common.place import Scope
from common.settings import Node

log = logging.getLogger(__name__)


@click.command(short_help='Mirror complete hours to S3.')
@takes_scope_and_bucket('settle_max')
@takes_once
def mirror(to_the_end: bool, **flags: Any) -> None:
    """Mirror the complete hours of a store to S3, and repair what is missing or cut short there.

    Runs until it is stopped; with --once it looks once, and exits 0 only if nothing is left undone.

    \b
    backfiller mirror --store /var/lib/segmesh --bucket s3://archive/recordings --once
    """
    parts = Parts.of(flags)
    stop = service.stop_on_signals()
    with parts.disk() as disk:
        found = parts.new_mirror(disk, shared=not to_the_end)
        if not to_the_end:
            keeper = new_keeper(parts, found, Metrics(CollectorRegistry()))
            log.info('mirroring %s to %s', parts.node.store, found.bucket.url)
            return service.until_stopped(stop, [gevent.spawn(keeper.run)])
        undone = service.interruptible(stop, lambda: mirror_once(found, parts.scope()))
    return end_with(undone)


@click.command(short_help='Check a bucket against its manifests.')
@takes_scope_and_bucket('settle_max', 'mirror_interval')
def verify(**flags: Any) -> None:
    """Check that a bucket holds what its manifests say; with --store also what the store holds.

    Lists every object that is missing or of the wrong size, and then exits 1. It compares listings and does
    not read bytes: `backfiller restore` into an empty store reads and checks each of them.

    \b
    backfiller verify --bucket s3://archive/recordings
    """
    parts = Parts.of(flags)
    stop = service.stop_on_signals()
    disk = Disk(parts.node.store) if parts.given.is_given(Node, 'store') else None
    verdicts = service.interruptible(stop, lambda: _verify(parts, disk))
    problems = [problem for verdict in verdicts for problem in verdict.problems]
    for problem in problems:
        click.echo(problem)
    segments = sum(verdict.segments for verdict in verdicts)
    click.echo(
        f'{many(len(verdicts), "hour")}, {many(segments, "segment")}, {many(len(problems), "problem")}'
    )
    if not verdicts:
        end_with([_nothing_in(parts.mirror.bucket)])
    sys.exit(1 if problems else 0)


@click.command(short_help='Fetch what a store lacks from its mirror.')
@takes_scope_and_bucket('settle', 'settle_max', 'mirror_interval')
def restore(**flags: Any) -> None:
    """Fetch everything that a store lacks from its mirror, and check each segment.

    \b
    backfiller restore --bucket s3://archive/recordings --store /var/lib/segmesh
    """
    parts = Parts.of(flags)
    stop = service.stop_on_signals()
    with parts.disk() as disk:
        outcome = service.interruptible(stop, lambda: once.restore(parts.bucket(), disk, parts.scope()))
    click.echo(f'{many(outcome.fetched, "segment")}, {outcome.fetched_bytes} bytes restored')
    end_with(outcome.undone if outcome.hours else [_nothing_in(parts.mirror.bucket)])


def new_keeper(parts: Parts, mirror: Mirror, metrics: Metrics) -> MirrorKeeper:
    changes = Changes(parts.node.store)
    return MirrorKeeper(mirror, metrics, parts.scope, parts.mirror.mirror_interval, changes)


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


def _verify(parts: Parts, disk: Disk | None) -> list[verifying.Verdict]:
    patience, now = parts.patience(), times.utc_now()
    return list(
        verifying.verify(
            parts.bucket(),
            disk,
            scope=parts.scope(),
            is_due=lambda hour: patience.has_settled(hour, now, lambda _: True),
        )
    )


def _nothing_in(bucket: str) -> str:
    return f'there is no hour in {bucket} that was asked for: check the bucket, its prefix and --stream'
