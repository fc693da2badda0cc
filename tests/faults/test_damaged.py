"""Bytes that are not what their name says, or not all of them: never stored, and taken from another peer."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.kit.build import Piece, files_below, fill, piece, run_of
from tests.kit.invariants import assert_back_at, invariants, level
from tests.kit.misdeeds import closed_early, cut_in_a_chunk, gzip_bomb, truncated
from tests.kit.process import backfiller, eventually, metrics, restreamer, run
from tests.kit.scripted import Scripted, all_scripted, in_batches, scripted, whenever_bytes
from tests.kit.status import ask_for_pass, full_pass

CUT_SHORT = {
    'truncated': truncated,
    'cut in a chunk': cut_in_a_chunk,
    'closed early': closed_early,
    'gzip bomb': gzip_bomb,
}


WAYS = len(CUT_SHORT) + 2


@pytest.fixture
def rng() -> random.Random:
    seed = random.randrange(2**32)
    print(f'seed {seed}')  # noqa: T201 (pytest shows it when the test fails)
    return random.Random(seed)


def hours_of(count: int, each: int = 4) -> Iterator[list[Piece]]:
    """Some segments in each of so many hours."""
    return (run_of(each, f'2026-11-14T{number:02}:00:00') for number in range(count))


def with_one_bit_flipped(honest: Piece, rng: random.Random) -> Piece:
    body, bit = bytearray(honest.body), rng.randrange(len(honest.body) * 8)
    body[bit // 8] ^= 1 << bit % 8
    return Piece(honest.segment, bytes(body))


def peers_that_damage(rng: random.Random) -> dict[str, Scripted]:
    """A peer for each way to damage segments, in batches and single ones; each has an hour of its own."""
    hours = hours_of(2 * WAYS)
    found = {}
    for way in ('batch', 'single'):
        for what, deed in CUT_SHORT.items():
            found[f'{what}: {way}'] = Scripted(next(hours), whenever_bytes(deed))
        flipped = [with_one_bit_flipped(each, rng) for each in next(hours)]
        found[f'one bit flipped: {way}'] = Scripted(flipped)
        found[f'wrong names: {way}'] = Scripted(under_wrong_names(next(hours)))
    for what, peer in found.items():
        peer.batches = what.endswith('batch')
    return found


def under_wrong_names(honest: list[Piece]) -> list[Piece]:
    """The right bytes, each under the name of another segment."""
    return [Piece(each.segment, other.body) for each, other in zip(honest, honest[::-1], strict=True)]


def test_nothing_damaged_is_stored_and_it_comes_from_another_peer(tmp_path: Path, rng: random.Random) -> None:
    bad = peers_that_damage(rng)
    ours, roster = tmp_path / 'B', tmp_path / 'roster'
    theirs = fill(tmp_path / 'A', (each for hour in hours_of(2 * WAYS) for each in hour))
    with invariants(ours, but=[roster]), restreamer(theirs) as good, all_scripted(bad):
        roster.write_text('\n'.join(each.url for each in bad.values()))
        with backfiller(ours, '--peers-file', roster) as (process, control):
            start = level(process.pid)
            for what, peer in bad.items():
                check_nothing_came(what, peer, eventually(lambda peer=peer: full_pass(control, peer.url)))
            assert files_below(ours) == {}
            roster.write_text(roster.read_text() + f'\n{good}\n')
            eventually(lambda: files_below(ours) == files_below(theirs))
            for peer in bad.values():
                assert ask_for_pass(control, peer.url)['left'] == 0
            assert_back_at(start, process.pid, peers=len(bad) + 1)


def check_nothing_came(what: str, peer: Scripted, found: dict[str, Any]) -> None:
    """It was asked in the way that is tried, and each of its segments is said to be left."""
    assert found['undone'].keys() == {each.path for each in peer.pieces}, what
    assert (found['left'], found['fetched']) == (len(peer.pieces), 0), what
    assert peer.asked('POST' if peer.batches else 'GET', '/segments'), what


def test_what_is_cut_short_in_a_batch_comes_one_by_one_from_the_same_peer(tmp_path: Path) -> None:
    hours = hours_of(len(CUT_SHORT), each=6)
    peers = {what: Scripted(next(hours), in_batches(deed)) for what, deed in CUT_SHORT.items()}
    flags = ('--store', tmp_path / 'B', '--once', '--since', '2026-11-01T00:00:00Z')
    with invariants(tmp_path / 'B'), all_scripted(peers):
        urls = [flag for peer in peers.values() for flag in ('--peer', peer.url)]
        outcome = run('backfiller', 'run', *flags, *urls)
        assert outcome.wait() == 0, outcome.output
    for what, peer in peers.items():
        assert peer.asked('POST'), what
        assert max(map(peer.times_asked_for, peer.pieces)) <= 4, what
    expected = {each.path: each.body for peer in peers.values() for each in peer.pieces}
    assert files_below(tmp_path / 'B') == expected


def test_a_flipped_bit_costs_only_its_segment_and_is_counted(tmp_path: Path, rng: random.Random) -> None:
    pieces = run_of(30)
    bad = [with_one_bit_flipped(pieces[7], rng)]
    with (
        invariants(tmp_path / 'B'),
        scripted(Scripted(pieces[:7] + bad + pieces[8:])) as peer,
        backfiller(tmp_path / 'B', '--peer', peer.url) as (_, control),
    ):
        found = eventually(lambda: full_pass(control, peer.url))
        assert set(found['undone']) == {pieces[7].path}
        assert 'whose SHA-256 is' in found['undone'][pieces[7].path]
        assert metrics(control)[f'segments_failed_total{{reason="hash",remote="{peer.url}"}}'] == 1
    assert files_below(tmp_path / 'B').keys() == {each.path for each in pieces} - {pieces[7].path}


def test_different_bytes_of_one_start_time_are_both_kept(tmp_path: Path) -> None:
    one, other = (piece(body=body * 1000) for body in (b'one capture', b'another one'))
    flags = ('--store', tmp_path / 'C', '--once')
    stores = fill(tmp_path / 'A', [one]), fill(tmp_path / 'B', [other])
    with invariants(tmp_path / 'C'), restreamer(stores[0]) as first, restreamer(stores[1]) as second:
        outcome = run('backfiller', 'run', *flags, '--peer', first, '--peer', second)
        assert outcome.wait() == 0, outcome.output
    assert files_below(tmp_path / 'C') == {one.path: one.body, other.path: other.body}
