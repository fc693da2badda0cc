"""Answers that do not come to an end: each is ended by its deadline or cap, and nobody waits for it."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from backfiller.lane import LANES
from tests.kit.build import Piece, fill, run_of
from tests.kit.invariants import assert_back_at, invariants, level, listed
from tests.kit.misdeeds import at_rate, endless_body, endless_headers, hang, redirect_a_hundred_times
from tests.kit.process import backfiller, eventually, restreamer
from tests.kit.scripted import Deed, Exchange, Request, Script, Scripted, all_scripted, whenever_bytes
from tests.kit.status import counted, full_pass

MOST_SEGMENT_BYTES = 1_000_000
IN_TIME = 'no whole answer'

ENDLESS = {
    'endless body': endless_body,
    'a byte a second': at_rate(1),
    'endless headers': endless_headers,
    'silence': hang,
    'a hundred redirects': redirect_a_hundred_times,
}
SAID = {'endless body': 'more than the 1000000 bytes', 'a hundred redirects': 'redirects more than 5 times'}


def whenever_names(deed: Deed) -> Script:
    """Honest but for the names of the hours."""

    def only_there(request: Request) -> Deed | None:
        return deed if request.path.startswith('/files') and request.path.count('/') == 4 else None

    return only_there


class Bad(Scripted):
    """Has a stream of its own: one segment that nobody else has, and one that somebody else has as well."""

    @property
    def alone(self) -> Piece:
        return self.pieces[0]

    @property
    def shared(self) -> list[Piece]:
        return list(self.pieces[1:])


def bad_peers() -> dict[str, Bad]:
    """A peer for each way not to end, in batches, in single segments and in listings."""
    found = {}
    for number, (what, deed) in enumerate(ENDLESS.items()):
        ways = {
            'batch': (whenever_bytes(deed), True),
            'single': (whenever_bytes(deed), False),
            'names': (whenever_names(deed), True),
        }
        for way, (script, batches) in ways.items():
            pieces = run_of(2, stream=f'{way}{number}')
            found[f'{what}: {way}'] = Bad(pieces, script, batches)
    return found


def shared_by(bad: Mapping[str, Bad]) -> list[Piece]:
    return [each for peer in bad.values() for each in peer.shared]


def fail_after(seconds: float) -> Deed:
    def fail(exchange: Exchange) -> None:
        time.sleep(seconds)
        exchange.say(b'HTTP/1.1 503 Later\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')

    return fail


def largest_file(store: Path) -> int:
    """In bytes; temps come and go."""
    return max((path.stat().st_size for path in store.rglob('*') if path.is_file()), default=0)


@contextmanager
def following(store: Path, good: str, bad: Mapping[str, Bad], deadline: str) -> Iterator[tuple[int, str]]:
    """A backfiller of all these peers; its process id and control port."""
    flags = ('--request-deadline', deadline, '--max-segment-bytes', str(MOST_SEGMENT_BYTES))
    with all_scripted(bad):
        urls = [flag for url in (good, *(peer.url for peer in bad.values())) for flag in ('--peer', url)]
        with backfiller(store, *flags, *urls) as (process, control):
            yield process.pid, control


def test_nobody_waits_for_an_answer_that_does_not_end(tmp_path: Path) -> None:
    bad = bad_peers()
    obtainable = [*run_of(200), *shared_by(bad)]
    ours, theirs = tmp_path / 'B', fill(tmp_path / 'A', obtainable)
    with (
        invariants(ours),
        restreamer(theirs) as good,
        following(ours, good, bad, deadline='60') as (_, control),
    ):
        eventually(lambda: listed(ours) == {each.path for each in obtainable})
        for what, peer in bad.items():
            if what.partition(':')[0] not in SAID:
                assert not full_pass(control, peer.url), what  # its first answer is still awaited
        assert counted(good, 'segments_served_total') == len(obtainable)


def test_each_bad_answer_ends_and_is_said(tmp_path: Path) -> None:
    bad = bad_peers()
    obtainable = [*run_of(200), *shared_by(bad)]
    ours, theirs = tmp_path / 'B', fill(tmp_path / 'A', obtainable)
    with (
        invariants(ours),
        restreamer(theirs) as good,
        following(ours, good, bad, deadline='2') as (pid, control),
    ):
        start = level(pid)
        for what, peer in bad.items():
            check_end(what, peer, eventually(lambda peer=peer: full_pass(control, peer.url)))
            assert largest_file(ours) <= MOST_SEGMENT_BYTES
        eventually(lambda: listed(ours) == {each.path for each in obtainable})
        assert_back_at(start, pid, peers=len(bad) + 1)


def test_a_peer_that_fails_slowly_does_not_keep_what_another_one_has(tmp_path: Path) -> None:
    """To fail is no sign of life: what else was asked of it is asked of the other peer after a while."""
    pieces = run_of(200)
    bad = {'slow to fail': Bad(pieces, whenever_bytes(fail_after(2.5)), batches=False)}
    ours, theirs = tmp_path / 'B', fill(tmp_path / 'A', pieces)
    with invariants(ours), restreamer(theirs) as good, following(ours, good, bad, deadline='60'):
        eventually(lambda: len(listed(ours)) == len(pieces))
        asked = bad['slow to fail'].asked('GET', '/segments')
    assert len(asked) <= 2 * LANES, 'every segment of its shares was waited for'


def check_end(what: str, peer: Bad, found: dict[str, Any]) -> None:
    """The pass says what it could not bring and why, and has not asked for it often."""
    kind, _, way = what.partition(': ')
    if way == 'names':
        assert (found['listings_failed'], found['missing']) == (1, 0), what
        asked = len(peer.asked('GET', f'/files/{peer.alone.hour.path}'))
    else:
        assert SAID.get(kind, IN_TIME) in found['undone'][peer.alone.path], what
        asked = peer.times_asked_for(peer.alone)
    assert asked <= (7 if kind == 'a hundred redirects' else 2), what  # one of them for a batch
