"""Transferring several segments of an hour at a time, where a place takes a while for each."""

from collections.abc import Iterator, Sequence
from functools import partial

from backfiller.sync import Added, Failed, transfer
from backfiller.together import together
from common.place import Source, Store
from common.segment import Segment

AT_ONCE = 8


def side_by_side(source: Source, target: Store, segments: Sequence[Segment]) -> Iterator[Added | Failed]:
    """As `backfiller.sync.transfer`, AT_ONCE at a time; those that follow each other stay together.

    Init sections are there before what needs them.
    """
    sections = [each for each in segments if each.is_init]
    if sections:
        yield from _side_by_side(source, target, sections)
        segments = [each for each in segments if not each.is_init]
    yield from _side_by_side(source, target, segments)


def _side_by_side(source: Source, target: Store, segments: Sequence[Segment]) -> Iterator[Added | Failed]:
    most = -(-len(segments) // AT_ONCE)
    shares = [segments[start : start + most] for start in range(0, len(segments), most or 1)]
    jobs = [partial(_transferred, source, target, share) for share in shares]
    return (event for events in together(jobs) for event in events)


def _transferred(source: Source, target: Store, share: Sequence[Segment]) -> list[Added | Failed]:
    return list(transfer(source, target, share))
