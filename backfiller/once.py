"""One pass to the end, for --once and restore: what was done, and whether anything is left undone."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from backfiller import sync
from backfiller.backfill import Backfill
from backfiller.carry import side_by_side
from backfiller.mirror.bucket import Bucket
from backfiller.passes import PassResult
from backfiller.peer import Peer
from backfiller.sources.source import BucketSource, bring
from backfiller.together import together
from common.errors import SourceError
from common.offload import OffloadedDisk
from common.place import Scope, Store
from common.segment import Hour, Segment

HOURS_AT_ONCE = 2
"""So that one is listed while another comes."""


@dataclass
class Outcome:
    """What a run to the end did; `undone` is a line for each thing that it could not do."""

    hours: int = 0
    fetched: int = 0
    fetched_bytes: int = 0
    refused: int = 0
    undone: list[str] = field(default_factory=list)


def backfill_once(
    backfill: Backfill, peers: Sequence[Peer], sources: Sequence[BucketSource], scope: Scope, *, own_id: str
) -> Outcome:
    """A full pass over all peers side by side, then over the sources. What any could bring is done."""
    jobs: list[Callable[[], PassResult | None]] = [
        lambda peer=peer: _pass_over(backfill, peer, scope, own_id)  # type: ignore[misc]
        for peer in peers
    ]
    try:
        results = [result for result in together(jobs) if result]
        results += [_pass_over_source(backfill, source, scope) for source in sources]
    finally:
        for peer in peers:
            backfill.swarm.forget(peer)
    outcome = Outcome(
        fetched=sum(result.fetched for result in results),
        fetched_bytes=sum(result.fetched_bytes for result in results),
        refused=sum(result.refused for result in results),
    )
    for result in results:
        outcome.undone += _left_by(result, backfill)
    return outcome


def restore(bucket: Bucket, disk: OffloadedDisk, scope: Scope) -> Outcome:
    """What the disk lacks of the bucket, several hours at a time; raises SourceError or StoreError."""
    outcome = Outcome()

    def restore_hour(hour: Hour) -> None:
        for event in sync.sync(bucket, disk, [hour], carry=side_by_side):
            _note(outcome, event)

    jobs = [partial(restore_hour, hour) for hour in bucket.hours(scope)]
    outcome.hours = len(jobs)
    together(jobs, at_most=HOURS_AT_ONCE)
    return outcome


def _pass_over(backfill: Backfill, peer: Peer, scope: Scope, own_id: str) -> PassResult | None:
    """As many passes as bring anything new; None for ourselves."""
    try:
        if peer.identity() == own_id:
            return None
    except SourceError as error:
        return PassResult(peer.url, 'full', backfill.clock(), error=error)
    total = backfill.run(peer, scope, 'full')
    progress = bool(total.fetched or total.undone)
    while total.error and progress:
        again = backfill.run(peer, scope, 'full')  # less what stands back because it failed
        progress = bool(again.fetched or again.undone.keys() - total.undone.keys())
        total = total.followed_by(again)
    return total


def _pass_over_source(backfill: Backfill, source: BucketSource, scope: Scope) -> PassResult:
    return backfill.run_over(source, scope, 'full', partial(bring, source, backfill.swarm))


def _left_by(result: PassResult, backfill: Backfill) -> list[str]:
    left = [f'{result.peer}: {error}' for error in _still_lacking(result.undone, backfill.swarm.disk)]
    if result.unlisted:
        left.append(f'{result.peer}: {result.unlisted} listings could not be used')
    if result.error:
        left.append(f'{result.peer}: {result.error}')
    return left


def _still_lacking(undone: dict[str, str], target: Store) -> Iterator[str]:
    """Why each segment that nobody else brought either could not be had."""
    known: dict[Hour, sync.Known] = {}
    for path, error in undone.items():
        stream, variant, text, name = path.split('/')
        hour = Hour.parse(stream, variant, text)
        if hour not in known:
            known[hour] = sync.Known(hour, target.names(hour), skip_twins=True)
        if known[hour].lacks(Segment.parse(hour, name)):
            yield error


def _note(outcome: Outcome, event: sync.Event) -> None:
    match event:
        case sync.Added(_, size_bytes):
            outcome.fetched += 1
            outcome.fetched_bytes += size_bytes
        case sync.Failed(_, error):
            outcome.undone.append(str(error))
        case sync.Unlisted(hour, problem):
            outcome.undone.append(f'{hour.path}: {problem}')
        case sync.Refused(_, count):
            outcome.refused += count
