"""Peers whose fingerprints say something else than their listings."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

from backfiller.watch import SHORTEST_SECONDS
from common import digest
from tests.kit.build import fill, run_of
from tests.kit.invariants import assert_back_at, invariants, level, listed
from tests.kit.process import backfiller, eventually, restreamer
from tests.kit.scripted import Scripted, scripted
from tests.kit.status import ask_for_pass, full_pass, peer_status

ASKED = 5


def test_fingerprints_like_ours_over_another_listing_hide_only_that_listing(tmp_path: Path) -> None:
    pieces = run_of(40)
    ours, theirs = fill(tmp_path / 'B', pieces[:20]), fill(tmp_path / 'A', pieces[:30])
    summary = {'segments': 20, 'fingerprint': digest.fingerprint({each.name for each in pieces[:20]})}
    liar = Scripted(pieces, summaries=lambda hours: dict.fromkeys(hours, summary))
    with (
        invariants(ours),
        scripted(liar),
        restreamer(theirs) as honest,
        backfiller(ours, '--peer', liar.url, '--peer', honest) as (_, control),
    ):
        eventually(lambda: full_pass(control, liar.url))
        eventually(lambda: listed(ours) == {each.path for each in pieces[:30]})
        for _ in range(
            ASKED
        ):  # what it says is as old as what we had then, so from now on it is believed less
            ask_for_pass(control, liar.url)
        assert peer_status(control, liar.url)['last_error'] is None
        assert listed(ours) == {each.path for each in pieces}
        assert max(map(liar.times_asked_for, pieces)) == 1


def test_a_lie_that_is_always_like_ours_is_never_found_out_and_harms_nobody(tmp_path: Path) -> None:
    pieces = run_of(40)
    ours = fill(tmp_path / 'B', pieces[:20])
    summary = {'segments': 20, 'fingerprint': digest.fingerprint({each.name for each in pieces[:20]})}
    liar = Scripted(pieces, summaries=lambda hours: dict.fromkeys(hours, summary))
    with invariants(ours), scripted(liar), backfiller(ours, '--peer', liar.url) as (_, control):
        eventually(lambda: full_pass(control, liar.url))
        for _ in range(ASKED):
            found = ask_for_pass(control, liar.url)
            assert (found['hours_listed'], found['hours_compared'], found['left']) == (1, 0, 0)
        assert not liar.asked('GET', f'/files/{pieces[0].hour.path}')
        assert peer_status(control, liar.url)['last_error'] is None


def ever_new(hours: dict[str, dict[str, object]]) -> dict[str, dict[str, object]]:
    """Another fingerprint of each hour whenever it is asked."""
    return {hour: summary | {'fingerprint': uuid4().hex * 2} for hour, summary in hours.items()}


def looks(liar: Scripted) -> int:
    """How often a pass has asked for its fingerprints."""
    return sum('fingerprints=true' in each.query and not each.waits for each in liar.requests)


def test_fingerprints_that_always_change_cost_one_listing_of_each_hour_a_pass(tmp_path: Path) -> None:
    pieces = [*run_of(20), *run_of(20, '2026-11-14T02:00:00')]
    ours = fill(tmp_path / 'B', pieces)
    liar = Scripted(pieces, summaries=ever_new)
    with invariants(ours), scripted(liar), backfiller(ours, '--peer', liar.url) as (_, control):
        eventually(lambda: full_pass(control, liar.url))
        for _ in range(ASKED):
            found = ask_for_pass(control, liar.url)
            assert (found['hours_compared'], found['missing'], found['left']) == (2, 0, 0)
        for hour in {each.hour.path for each in pieces}:
            assert len(liar.asked('GET', f'/files/{hour}')) == ASKED + 1
        assert looks(liar) == ASKED + 2  # the first pass was over the last hours, of which there are none
        assert not liar.asked('POST')
        assert peer_status(control, liar.url)['last_error'] is None


def test_changes_that_are_told_without_end_cost_a_listing_each_and_a_bounded_number(tmp_path: Path) -> None:
    start = datetime.now(UTC) - timedelta(minutes=10)
    pieces = run_of(5, f'{start:%Y-%m-%dT%H:%M:%S}')
    ours, hours = fill(tmp_path / 'B', pieces), {each.hour.path for each in pieces}
    liar = Scripted(pieces, summaries=ever_new, cries_wolf=True)
    with (
        invariants(ours),
        scripted(liar),
        backfiller(ours, '--peer', liar.url, '--recent-cutoff', '0') as (process, control),
    ):
        eventually(lambda: full_pass(control, liar.url))
        first = level(process.pid)
        eventually(lambda: looks(liar) >= 7)
        told = [each.time for each in liar.requests if each.waits]
        assert looks(liar) <= len(told) + 2
        assert (told[-1] - told[0]) / (len(told) - 1) >= SHORTEST_SECONDS
        for hour in hours:
            assert len(liar.asked('GET', f'/files/{hour}')) <= looks(liar)
        assert not liar.asked('POST')
        assert peer_status(control, liar.url)['last_error'] is None
        assert_back_at(first, process.pid, peers=1)
