"""A year of hours in sync costs next to nothing, and one segment in the oldest of them is still found.

The hours are listed and never read: their files are empty, whatever hash their names carry.
"""

import hashlib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from common import digest
from common.segment import hour_text
from tests.kit.build import Piece, at, fill, piece
from tests.kit.invariants import assert_back_at, level, listed
from tests.kit.needs import requires_all
from tests.kit.process import backfiller, eventually, restreamer
from tests.kit.proxy import counting
from tests.kit.status import ask_for_pass, counted, full_pass, peer_status

HOURS = 10_000 if requires_all() else 2_000
NAMES = 3
FIRST = '2025-09-01T00:00:00'
MOST_BYTES = 5_000_000


def names_of(number: int) -> Iterator[str]:
    for second in range(0, 2 * NAMES, 2):
        content = digest.from_bytes(hashlib.sha256(b'%d %d' % (number, second)).digest())
        yield f'00:{second:02}-2-full-{content}.ts'


def listing_only(root: Path) -> Path:
    """A store of that many hours whose files are empty."""
    for number in range(HOURS):
        folder = root / 'bus/source' / hour_text(at(FIRST) + timedelta(hours=number))
        folder.mkdir(parents=True)
        for name in names_of(number):
            (folder / name).touch()
    return root


@pytest.fixture
def late() -> Piece:
    return piece('2025-09-01T00:30:00')


def test_in_sync_little_is_asked_and_one_missing_segment_costs_one_listing(
    tmp_path: Path, late: Piece
) -> None:
    ours, theirs = listing_only(tmp_path / 'B'), listing_only(tmp_path / 'A')
    with (
        restreamer(theirs) as peer,
        counting(peer) as (url, meter),
        backfiller(ours, '--peer', url) as (process, control),
    ):
        found = eventually(lambda: full_pass(control, url))
        assert (found['hours_listed'], found['hours_compared'], found['left']) == (HOURS, 0, 0)
        assert meter.requests <= 15
        assert meter.up_bytes + meter.down_bytes < MOST_BYTES
        start = level(process.pid)
        assert listings_of(peer) == 0

        fill(theirs, [late])
        found = ask_for_pass(control, url)
        assert (found['hours_compared'], found['fetched'], found['left']) == (1, 1, 0)
        assert listings_of(peer) == 1
        assert meter.requests <= 25
        assert meter.up_bytes + meter.down_bytes < 2 * MOST_BYTES
        assert peer_status(control, url)['last_error'] is None
        assert (ours / late.path).read_bytes() == late.body
        assert_back_at(start, process.pid, peers=1)
    assert len(listed(ours)) == HOURS * NAMES + 1


def listings_of(peer: str) -> float:
    """How many listings of an hour it gave."""
    return counted(peer, 'http_requests_total', endpoint='listings.segments')
