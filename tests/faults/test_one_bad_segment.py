"""One segment that always fails: it holds up nothing, and backs off by itself."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.kit.build import Piece, run_of
from tests.kit.invariants import invariants, listed
from tests.kit.process import backfiller, eventually
from tests.kit.scripted import Deed, Exchange, Request, Script, Scripted, is_for_bytes, scripted
from tests.kit.status import ask_for_pass, counted, full_pass

ASKED = 10


def refused(exchange: Exchange) -> None:
    exchange.say(b'HTTP/1.1 500 Broken\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')


def hang_up(exchange: Exchange) -> None:
    """Says nothing and closes."""


def whenever(piece: Piece, deed: Deed) -> Script:
    """That deed for whoever asks for the piece by itself, or in a batch with others."""

    def script(request: Request) -> Deed | None:
        wanted = piece.name in request.names or request.path.endswith(piece.name)
        return deed if wanted and is_for_bytes(request) else None

    return script


def damaged(pieces: list[Piece]) -> Scripted:
    return Scripted([Piece(pieces[0].segment, b'something else'), *pieces[1:]])


def not_sent(pieces: list[Piece]) -> Scripted:
    return Scripted(pieces, whenever(pieces[0], refused))


def hung_up(pieces: list[Piece]) -> Scripted:
    return Scripted(pieces, whenever(pieces[0], hang_up), batches=False)


@pytest.mark.parametrize('make', [damaged, not_sent, hung_up])
def test_the_rest_arrives_in_the_same_pass_and_it_backs_off_alone(
    tmp_path: Path, make: Callable[[list[Piece]], Scripted]
) -> None:
    hours = ('2026-11-14T05:00:00', '2026-11-14T04:00:00', '2026-11-13T23:00:00')
    pieces = [each for hour in hours for each in run_of(20, hour)]
    bad, rest = pieces[0], {each.path for each in pieces[1:]}
    ours = tmp_path / 'B'
    with (
        invariants(ours),
        scripted(make(pieces)) as peer,
        backfiller(ours, '--peer', peer.url) as (_, control),
    ):
        found = eventually(lambda: full_pass(control, peer.url))
        assert set(found['undone']) == {bad.path}
        assert (found['missing'], found['fetched'], found['left']) == (60, 59, 1)
        assert listed(ours) == rest
        asked_first = peer.times_asked_for(bad)
        assert 1 <= asked_first <= 3  # in a batch, in what was left of it, and alone
        for _ in range(ASKED):
            again = ask_for_pass(control, peer.url)
            assert (set(again['undone']), again['left']) == ({bad.path}, 1)
        assert peer.times_asked_for(bad) - asked_first <= asked_first  # at most one more try of ten passes
        assert counted(control, 'segments_missing', remote=peer.url) == 1
        assert max(peer.times_asked_for(each) for each in pieces[20:]) == 1
