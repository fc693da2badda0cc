"""Plans as passes make them, without the passes."""

from collections.abc import Iterable
from datetime import timedelta

from backfiller.plan import Plan
from backfiller.sync import Known
from common.segment import Hour, Segment
from tests.kit.build import Piece, piece, run_of

MUCH = 1e12
"""A budget in bytes that does not limit anything."""


def offer(plan: Plan, peer: str, segments: Iterable[Segment], *, held: Iterable[Segment] = ()) -> None:
    """What a pass does when it has looked at the hours of these segments."""
    by_hour: dict[Hour, list[Segment]] = {}
    for segment in segments:
        by_hour.setdefault(segment.hour, []).append(segment)
    names = {each.name for each in held}
    for hour, found in by_hour.items():
        with plan.room(hour) as room:
            room.known = room.known or Known(hour, set(names), skip_twins=True)
            plan.offer(peer, room, found)


def offered(**holdings: Iterable[Segment]) -> Plan:
    plan = Plan()
    for peer, segments in holdings.items():
        offer(plan, peer, segments)
    return plan


def take_one(plan: Plan, peer: str) -> Segment:
    (segment,) = plan.take(peer, 0, 0)
    return segment


def is_empty(plan: Plan) -> bool:
    return not (plan._rooms or plan._queues or plan._in_flight)


def alike_of(count: int) -> tuple[list[Segment], list[Segment]]:
    """What two captures made of the same picture, half a millisecond apart."""
    first = run_of(count)
    times = [each.segment.start + timedelta(microseconds=500) for each in first]
    second = [
        piece(f'{time:%Y-%m-%dT%H:%M:%S.%f}', body=each.body) for time, each in zip(times, first, strict=True)
    ]
    return segments_of(first), segments_of(second)


def segments_of(pieces: Iterable[Piece]) -> list[Segment]:
    return [each.segment for each in pieces]
