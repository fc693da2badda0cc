"""The cap on what is fetched a second: the one test that measures time."""

import time
from pathlib import Path

import pytest

from tests.kit.build import files_below, piece
from tests.kit.invariants import invariants
from tests.kit.process import backfiller, eventually
from tests.kit.scripted import Scripted, all_scripted

CAP_BYTES_PER_SECOND = 1_000_000
SEGMENT_BYTES = 100_000
SECONDS = 8.0


@pytest.mark.slow
def test_the_bytes_stored_stay_within_the_cap_over_all_peers(tmp_path: Path) -> None:
    pieces = [
        piece(f'2026-11-14T03:{at // 60:02}:{at % 60:02}', body=bytes([at]) * SEGMENT_BYTES)
        for at in range(160)
    ]
    peers = {'one': Scripted(pieces), 'other': Scripted(pieces)}
    flags = ('--download-limit', str(CAP_BYTES_PER_SECOND))
    with invariants(tmp_path / 'B'), all_scripted(peers):
        urls = [flag for peer in peers.values() for flag in ('--peer', peer.url)]
        with backfiller(tmp_path / 'B', *flags, *urls):
            eventually(lambda: any(peer.asked('POST') for peer in peers.values()))
            began = min(each.time for peer in peers.values() for each in peer.asked('POST'))
            eventually(lambda: time.monotonic() > began + SECONDS)
            stored = sum(map(len, files_below(tmp_path / 'B').values()))
            seconds = time.monotonic() - began
            fair = CAP_BYTES_PER_SECOND * seconds
    assert 0.7 * fair <= stored <= 1.05 * fair, f'{stored} bytes in {seconds:.1f} s'
