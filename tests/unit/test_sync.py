"""The heart, over places in memory."""

from collections.abc import Iterable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backfiller.sync import Added, Compared, Event, Failed, Known, Refused, Unlisted, compare, sync
from common.errors import ListingError, SegmentError, SourceError
from common.place import Chunks
from common.segment import Hour, Segment
from tests.kit.build import HOUR, Piece, piece, run_of, tombstone_of
from tests.kit.memory import Memory

PIECES = [*run_of(4), *run_of(3, '2026-11-14T04:00:00')]


class Peer(Memory):
    """A place that may list names that are none, hold damaged segments, or fail to list an hour."""

    def __init__(self, pieces: Iterable[Piece] = ()) -> None:
        super().__init__()
        self.odd: set[str] = set()
        self.broken: set[str] = set()
        self.unlisted: set[Hour] = set()
        self.dies_at: str = ''
        for each in pieces:
            self.add(each.segment, [each.body])

    def names(self, hour: Hour) -> set[str]:
        if hour in self.unlisted:
            raise ListingError('not JSON')
        return super().names(hour) | self.odd

    def read(self, segments: Iterable[Segment]) -> Iterator[tuple[Segment, Chunks]]:
        for segment, chunks in super().read(segments):
            if segment.name == self.dies_at:
                raise SourceError('the peer went away')
            yield segment, [b'damaged'] if segment.name in self.broken else chunks


def hours_of(source: Memory) -> list[Hour]:
    return sorted(source.hours())


def one_pass(source: Memory, target: Memory) -> list[Event]:
    return list(sync(source, target, hours_of(source)))


def added(events: Iterable[Event]) -> list[Segment]:
    return [event.segment for event in events if isinstance(event, Added)]


@given(st.sets(st.integers(0, 6)), st.sets(st.integers(0, 6)))
def test_afterwards_the_target_holds_the_union(theirs: set[int], ours: set[int]) -> None:
    source, target = Peer(PIECES[n] for n in theirs), Peer(PIECES[n] for n in ours)
    events = one_pass(source, target)
    assert target.held == Peer(PIECES[n] for n in theirs | ours).held
    assert {segment.name for segment in added(events)} == {PIECES[n].name for n in theirs - ours}
    assert one_pass(source, target) == [Compared(hour, 0) for hour in hours_of(source)]


@given(st.sets(st.integers(0, 6)))
def test_damaged_segments_fail_one_by_one_and_all_others_arrive(broken: set[int]) -> None:
    source, target = Peer(PIECES), Peer()
    source.broken = {PIECES[n].name for n in broken}
    events = one_pass(source, target)
    failed = [event for event in events if isinstance(event, Failed)]
    assert {event.segment.name for event in failed} == source.broken
    assert {event.error.reason for event in failed} <= {'hash'}
    assert len(added(events)) == len(PIECES) - len(broken)


def test_names_that_are_none_are_refused_and_the_others_arrive() -> None:
    source, target = Peer(PIECES), Peer()
    source.odd = {'../../x.tombstone', '.hidden.ts', ''}
    events = one_pass(source, target)
    refused = [event for event in events if isinstance(event, Refused)]
    assert [(each.count, set(each.names)) for each in refused] == [(len(source.odd), source.odd)] * 2
    assert len(added(events)) == len(PIECES)


def test_an_hour_that_cannot_be_listed_is_said_and_the_others_arrive() -> None:
    source, target = Peer(PIECES), Peer()
    source.unlisted = {HOUR}
    events = one_pass(source, target)
    assert [event.hour for event in events if isinstance(event, Unlisted)] == [HOUR]
    assert len(added(events)) == 3


def test_a_source_that_goes_away_leaves_what_came_before() -> None:
    source, target = Peer(PIECES), Peer()
    source.dies_at = PIECES[2].name
    with pytest.raises(SourceError):
        one_pass(source, target)
    assert target.names(HOUR) == {PIECES[0].name, PIECES[1].name}


def test_what_is_not_wanted_is_neither_fetched_nor_missing() -> None:
    source, target = Peer(PIECES), Peer()
    wanted = PIECES[1].segment
    events = list(sync(source, target, [HOUR], wanted=lambda each: each == wanted))
    assert events == [Compared(HOUR, 1), Added(wanted, len(PIECES[1].body))]


def test_tombstones_come_first_and_withdrawn_segments_not_at_all() -> None:
    source, target = Peer(PIECES), Peer()
    source.add(tombstone_of(PIECES[3]), [])
    fetched = added(one_pass(source, target))
    assert fetched[0] == tombstone_of(PIECES[3])
    assert PIECES[3].segment not in fetched


@pytest.mark.parametrize(('skip_twins', 'missing'), [(True, 0), (False, 1)])
def test_twins_are_skipped_only_where_asked(skip_twins: bool, missing: int) -> None:
    ours, theirs = (piece(f'2026-11-14T03:00:00.{n:06}', body=b'same') for n in (0, 1000))
    known = Known(HOUR, {ours.name}, skip_twins=skip_twins)
    assert len(compare(HOUR, {theirs.name}, known).missing) == missing


def test_a_twin_that_came_in_the_meantime_is_not_missing() -> None:
    ours, theirs = (piece(f'2026-11-14T03:00:00.{n:06}', body=b'same') for n in (0, 1000))
    known = Known(HOUR, set(), skip_twins=True)
    known.add(ours.segment)
    assert not known.lacks(theirs.segment)


def test_a_tombstones_twin_is_no_twin() -> None:
    ours, theirs = (piece(f'2026-11-14T03:00:00.{n:06}', body=b'same') for n in (0, 1000))
    source, target = Peer(), Peer()
    source.add(tombstone_of(theirs), [])
    target.add(tombstone_of(ours), [])
    assert added(one_pass(source, target)) == [tombstone_of(theirs)]


def test_a_missing_segment_says_why() -> None:
    with pytest.raises(SegmentError, match='is not held'):
        [b''.join(chunks) for _, chunks in Peer().read([PIECES[0].segment])]
