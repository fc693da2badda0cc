"""Peers that go away, or all but stop, in the middle of a batch."""

import signal
from pathlib import Path

from tests.kit.build import Piece, assert_whole, fill, piece, run_of
from tests.kit.invariants import assert_back_at, invariants, level, listed
from tests.kit.misdeeds import at_rate, hang
from tests.kit.process import backfiller, eventually, restreamer, running
from tests.kit.proxy import counting
from tests.kit.scripted import Deed, Request, Scripted, in_batches, is_for_bytes, scripted, whenever_bytes
from tests.kit.status import counted, full_pass, peer_status

SEGMENT_BYTES = 200_000


def large(count: int, stream: str = 'bus') -> list[Piece]:
    """Segments of a real size, each with bytes of its own."""
    return [
        piece(
            f'2026-11-14T03:{number // 60:02}:{number % 60:02}',
            body=bytes([number]) * SEGMENT_BYTES,
            stream=stream,
        )
        for number in range(count)
    ]


def test_a_peer_that_is_killed_in_mid_batch_costs_nothing_that_another_one_has(tmp_path: Path) -> None:
    everything = large(60)
    ours, theirs = tmp_path / 'C', fill(tmp_path / 'A', everything)
    others = fill(tmp_path / 'B', everything[:40])
    with (
        invariants(ours),
        running('restreamer', '--store', theirs, '--listen', '127.0.0.1:0') as doomed,
        counting(doomed.wait_for(r' on (http://\S+)')[1], rate_bytes_per_second=2_000_000) as (dying, meter),
        restreamer(others) as living,
        backfiller(ours, '--peer', dying, '--peer', living) as (process, control),
    ):
        start = level(process.pid)
        eventually(lambda: meter.down_bytes > 3 * SEGMENT_BYTES)
        doomed.stop(signal.SIGKILL)
        eventually(lambda: listed(ours) >= {each.path for each in everything[:40]})
        error = eventually(lambda: peer_status(control, dying)['last_error'])
        assert dying in error['message']
        found = eventually(lambda: full_pass(control, living))
        assert (found['left'], found['undone']) == (0, {})
        eventually(lambda: counted(control, 'segments_backfilled_total') == len(listed(ours)))
        assert len(listed(ours)) < len(everything)
        assert counted(living, 'segments_served_total') <= 40
        assert_whole(ours)
        assert_back_at(start, process.pid, peers=2)


def slow_in_mid_batch(request: Request) -> Deed | None:
    return at_rate(1, after=0.5) if is_for_bytes(request) else None


def test_a_peer_that_all_but_stops_in_mid_batch_is_not_waited_for(tmp_path: Path) -> None:
    pieces = large(40)
    ours, theirs = tmp_path / 'C', fill(tmp_path / 'A', pieces)
    with (
        invariants(ours),
        scripted(Scripted(pieces, slow_in_mid_batch)) as slow,
        restreamer(theirs) as good,
        backfiller(ours, '--peer', slow.url, '--peer', good) as (_, control),
    ):
        eventually(lambda: listed(ours) == {each.path for each in pieces})
        found = eventually(lambda: full_pass(control, slow.url))
        assert (found['undone'], found['left']) == ({}, 0)
        doubled = counted(control, 'duplicates_made_total')
        assert counted(good, 'segments_served_total') <= len(pieces)
        assert counted(control, 'segments_backfilled_total') == len(pieces)
        assert 1 <= doubled <= 16
        assert 1 <= len(slow.asked('POST')) <= 4


def test_two_silent_peers_do_not_keep_a_segment_from_a_third_that_has_it(tmp_path: Path) -> None:
    pieces = run_of(4)
    ours, roster, theirs = tmp_path / 'C', tmp_path / 'roster', fill(tmp_path / 'A', pieces)
    with (
        invariants(ours, but=[roster]),
        scripted(Scripted(pieces, whenever_bytes(hang))) as one,
        scripted(Scripted(pieces, whenever_bytes(hang))) as other,
        restreamer(theirs) as good,
    ):
        roster.write_text(f'{one.url}\n')
        with backfiller(ours, '--peers-file', roster) as (_, control):
            eventually(lambda: all(map(one.times_asked_for, pieces)))  # else the other is slow with its share
            roster.write_text(f'{one.url}\n{other.url}\n')
            eventually(lambda: all(map(other.times_asked_for, pieces)))
            assert counted(control, 'duplicates_made_total') == len(pieces)
            roster.write_text(f'{one.url}\n{other.url}\n{good}\n')
            eventually(lambda: listed(ours) == {each.path for each in pieces})


def test_what_was_whole_when_a_batch_met_its_deadline_is_kept(tmp_path: Path) -> None:
    pieces = run_of(4)
    with (
        invariants(tmp_path / 'C'),
        scripted(Scripted(pieces, in_batches(at_rate(1, after=0.85)))) as slow,
        backfiller(tmp_path / 'C', '--peer', slow.url, '--request-deadline', '1') as (_, control),
    ):
        found = eventually(lambda: full_pass(control, slow.url))
        assert (found['fetched'], found['left']) == (4, 0)
        asked = [slow.times_asked_for(each) for each in pieces]
    assert sum(asked) <= len(pieces) + 1, 'some were asked for again although they had come'
