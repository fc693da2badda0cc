"""Twenty peers, of which five are worth anything."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.kit.build import Piece, fill, piece
from tests.kit.invariants import assert_back_at, invariants, level, listed
from tests.kit.misdeeds import at_rate
from tests.kit.process import backfiller, eventually, restreamer
from tests.kit.scripted import Scripted, scripted, whenever_bytes
from tests.kit.status import counted, full_pass, peer_status

OF_EACH = 5
SEGMENTS = 300
SEGMENT_BYTES = 50_000
MOST_DOUBLED = SEGMENTS // 2
"""On a machine that is busy with other things, good peers are taken for slow ones now and then."""


@contextmanager
def refusing() -> Iterator[str]:
    """A port of ours at which nobody listens."""
    with socket.socket() as held:
        held.bind(('127.0.0.1', 0))
        yield _url(held)


@contextmanager
def black_hole() -> Iterator[str]:
    """A port at which connections are taken by the system, and nobody ever looks at them."""
    with socket.create_server(('127.0.0.1', 0)) as listener:
        yield _url(listener)


def _url(listener: socket.socket) -> str:
    return f'http://127.0.0.1:{listener.getsockname()[1]}'


@dataclass(frozen=True)
class Peers:
    """URLs of peers, by what they are worth; `slow` ones tell what they were asked."""

    refusing: list[str]
    silent: list[str]
    slow: list[Scripted]
    good: list[str]

    def flags(self) -> list[str]:
        """The dead ones first."""
        urls = [*self.refusing, *self.silent, *(each.url for each in self.slow), *self.good]
        return [flag for url in urls for flag in ('--peer', url)]


@contextmanager
def twenty(folder: Path, pieces: list[Piece]) -> Iterator[Peers]:
    """The slow ones have everything, and of the good ones each lacks a fifth."""
    stores = [
        fill(folder / f'good{number}', (each for at, each in enumerate(pieces) if at % OF_EACH != number))
        for number in range(OF_EACH)
    ]
    rates = (1, 1, 1, 20_000, 20_000)
    with ExitStack() as stack:
        enter = stack.enter_context
        yield Peers(
            [enter(refusing()) for _ in range(OF_EACH)],
            [enter(black_hole()) for _ in range(OF_EACH)],
            [enter(scripted(Scripted(pieces, whenever_bytes(at_rate(rate))))) for rate in rates],
            [enter(restreamer(store)) for store in stores],
        )


@pytest.mark.slow
def test_what_the_good_ones_have_arrives_without_waiting_for_the_dead_and_slow(tmp_path: Path) -> None:
    pieces = [
        piece(f'2026-11-14T03:{at // 60:02}:{at % 60:02}', body=at.to_bytes(2) * (SEGMENT_BYTES // 2))
        for at in range(SEGMENTS)
    ]
    ours = tmp_path / 'ours'
    with (
        twenty(tmp_path, pieces) as peers,
        invariants(ours),
        backfiller(ours, *peers.flags()) as (process, control),
    ):
        start = level(process.pid)
        eventually(lambda: listed(ours) == {each.path for each in pieces})
        for url in peers.silent:
            status = peer_status(control, url)
            assert (status['last_pass'], status['last_error']) == (None, None)  # still waited for
        for url in peers.refusing:
            assert 'cannot be reached' in peer_status(control, url)['last_error']['message']
        for url in peers.good:
            found = eventually(lambda url=url: full_pass(control, url))
            assert (found['left'], found['undone']) == (0, {})
        check_counts(peers, control)
        assert_back_at(start, process.pid, peers=4 * OF_EACH)


def check_counts(peers: Peers, control: str) -> None:
    """Each segment was stored once, and few were asked for twice."""
    served = sum(counted(url, 'segments_served_total') for url in peers.good)
    doubled = counted(control, 'duplicates_made_total')
    assert counted(control, 'segments_backfilled_total') == SEGMENTS
    assert served <= SEGMENTS
    assert served >= SEGMENTS * 0.9
    assert doubled <= MOST_DOUBLED
