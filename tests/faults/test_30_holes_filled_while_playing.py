"""Fault 30: holes are filled, and the node dies, while players poll. What they were told stays as it was."""

import os
import random
import signal
from collections.abc import Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from operator import itemgetter
from pathlib import Path

import gevent

from common.disk import Disk
from tests.kit.append_only import AppendOnly, following
from tests.kit.build import Piece, fill, piece
from tests.kit.moments import SEED
from tests.kit.process import DEADLINE_SECONDS, eventually, get, restreamer, running
from tests.kit.transport import Video, encoded

SECONDS = float(os.environ.get('SEGMESH_SOAK_SECONDS', '5'))
LENGTH_SECONDS = 0.3
OLD_PIECES = 10
"""So many are there at the start."""

OLD_SECONDS = OLD_PIECES * LENGTH_SECONDS
WINDOW_SECONDS = 4
HOLD_SECONDS = 6, 1
LATE_SHARE = 0.2
LONGEST_DELAY_SECONDS = 3.0
LATEST = 13
"""The number of a segment that is as late as can be."""

ONE_RUN = 12
"""So many segments an encoder makes before it begins again, its timestamps, too."""

PATH = '/playlist/bus/source.m3u8'


class Landing:
    """Segments that land as they end, some of them 0.5 to 3 s later, in each of the stores."""

    def __init__(self, *stores: Path) -> None:
        print(f'holes filled while playing: SEGMESH_SEED={SEED}')  # noqa: T201 (pytest shows it on failure)
        self._stores = [Disk(fill(store, ())) for store in stores]
        self.start = datetime.now(UTC) - timedelta(seconds=OLD_SECONDS)
        self.pieces = [self._piece(number) for number in range(int((OLD_SECONDS + SECONDS) / LENGTH_SECONDS))]
        self._due = sorted(self._times(), key=itemgetter(0))
        self.landed = 0

    @property
    def since(self) -> str:
        return f'?start={self.start:%Y-%m-%dT%H:%M:%S.%f}'

    def places(self, seen: AppendOnly) -> list[int]:
        """The numbers in the recording of all that a playlist listed."""
        starts = [each.segment.start for each in self.pieces]
        return [starts.index(each) for each in seen.starts]

    def go_on(self, upto: int) -> None:
        """Lands each in its time, until so many have landed."""
        for due, each in self._due[self.landed : upto]:
            gevent.sleep(max(0.0, (due - datetime.now(UTC)).total_seconds()))
            for store in self._stores:
                store.add(each.segment, [each.body])
            self.landed += 1

    def _times(self) -> Iterator[tuple[datetime, Piece]]:
        """The first, on which the numbers rest, and the last are in time."""
        rolled = random.Random(f'{SEED} holes filled while playing')
        for number, each in enumerate(self.pieces):
            delay = rolled.uniform(0.5, LONGEST_DELAY_SECONDS) if rolled.random() < LATE_SHARE else 0
            if number in (0, len(self.pieces) - 1):
                delay = 0
            if number == LATEST:
                delay = LONGEST_DELAY_SECONDS
            yield each.segment.end + timedelta(seconds=delay), each

    def _piece(self, number: int) -> Piece:
        start = self.start + timedelta(seconds=LENGTH_SECONDS * number)
        body = encoded(Video(frames=7), later=LENGTH_SECONDS * (number % ONE_RUN))
        return piece(f'{start:%Y-%m-%dT%H:%M:%S.%f}', body=body, seconds=LENGTH_SECONDS)


class Node:
    """A restreamer that is killed, and comes back where it was."""

    def __init__(self, store: Path, hold_seconds: float) -> None:
        self._command = ['restreamer', '--store', store, '--live-hold', str(hold_seconds)]
        self._command += ['--live-window', str(WINDOW_SECONDS), '--listen']
        self._stack = ExitStack()
        self._start('127.0.0.1:0')

    def dies_and_comes_back(self) -> None:
        self._process.stop(signal.SIGKILL)
        self._start(self.url.removeprefix('http://'))

    def close(self) -> None:
        self._stack.close()

    def _start(self, listen: str) -> None:
        self._process = self._stack.enter_context(running(*self._command, listen))
        self.url = self._process.wait_for(r' on (http://\S+)')[1]


def is_marked(landing: Landing, seen: AppendOnly) -> bool:
    """Whether there is a discontinuity at each hole and where the encoder began again, and nowhere else."""
    listed = zip(landing.places(seen), (each.discontinuity for each in seen.entries), strict=True)
    return all(
        other - one == (later != earlier + 1 or later % ONE_RUN == 0)
        for (earlier, one), (later, other) in pairwise(listed)
    )


def test_30_players_are_never_told_otherwise_while_holes_are_filled_and_nodes_die(tmp_path: Path) -> None:
    """One node waits for holes to be filled, and lists all; the other goes on after a second."""
    stores = tmp_path / 'patient', tmp_path / 'hasty'
    with ExitStack() as stack:
        patient, hasty = (
            stack.enter_context(closing(Node(store, hold)))
            for store, hold in zip(stores, HOLD_SECONDS, strict=True)
        )
        landing = Landing(*stores)
        landing.go_on(OLD_PIECES)
        seen = [
            stack.enter_context(following(f'{node.url}{PATH}{query}'))
            for query in (landing.since, '')
            for node in (patient, hasty)
        ]
        going_on = gevent.spawn(landing.go_on, len(landing.pieces))
        eventually(lambda: landing.landed > 0.8 * len(landing.pieces), SECONDS + DEADLINE_SECONDS)
        for node in (patient, hasty):
            node.dies_and_comes_back()
        last = landing.pieces[-1].segment.start
        eventually(lambda: all(each.starts[-1:] == [last] for each in seen), SECONDS + DEADLINE_SECONDS)
        going_on.get()
        told = get(f'{patient.url}{PATH}{landing.since}').text
    all_of_it, with_holes, *_ = seen
    assert all_of_it.starts == [each.segment.start for each in landing.pieces]
    assert LATEST not in (places := landing.places(with_holes)), places
    assert is_marked(landing, all_of_it)
    assert is_marked(landing, with_holes)
    with restreamer(fill(tmp_path / 'other', landing.pieces)) as other:
        assert get(f'{other}{PATH}{landing.since}').text == told
