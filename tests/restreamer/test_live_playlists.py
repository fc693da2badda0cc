"""The live playlist as a player sees it while time goes on: by an application with a clock that is set."""

from pathlib import Path

import pytest

from tests.kit.build import Piece, at, fill, piece, run_of
from tests.restreamer.client import Clock, Listed, client_of, read

START = '2026-11-14T03:00:00'
PATH = '/playlist/bus/source.m3u8'


class Live:
    """A recording that goes on while a player polls its live playlist."""

    def __init__(self, store: Path) -> None:
        self.store = store
        self.clock = Clock(at(START))
        self.client = client_of(store, self.clock)
        self.pieces = run_of(150, START)

    def record(self, *without: int, upto: int) -> None:
        """The pieces before `upto`, the clock at their end."""
        fill(self.store, [each for number, each in enumerate(self.pieces[:upto]) if number not in without])
        self.clock.now = self.pieces[upto - 1].segment.end

    def poll(self) -> Listed:
        answer = self.client.get(PATH)
        assert answer.status_code == 200, answer.text
        assert answer.content_type == 'application/vnd.apple.mpegurl'
        assert '#EXT-X-ENDLIST' not in answer.text
        assert '#EXT-X-PLAYLIST-TYPE' not in answer.text
        return read(answer.text)

    def restart(self) -> None:
        self.client = client_of(self.store, self.clock)


@pytest.fixture
def recording(tmp_path: Path) -> Live:
    return Live(tmp_path / 'store')


def listed(pieces: list[Piece]) -> list[str]:
    return [f'../../segments/{each.path.replace(":", "%3A")}' for each in pieces]


def test_a_live_playlist_only_appends_and_trims_the_front_and_keeps_each_number(recording: Live) -> None:
    numbers: dict[int, str] = {}
    before = Listed(0, [], [])
    for upto in (5, 6, 6, 9, 40, 41, 70, 150):
        recording.record(20, 21, upto=upto)
        now = recording.poll()
        assert now.sequence >= before.sequence
        assert all(numbers.get(number, uri) == uri for number, uri in now.numbered.items())
        assert now.uris[-1] == listed(recording.pieces[:upto])[-1]
        assert len(now.uris) <= 31
        numbers |= now.numbered
        before = now


def test_a_hole_that_is_filled_late_does_not_change_what_is_listed(recording: Live) -> None:
    recording.record(3, 4, upto=10)
    before = recording.poll()
    assert before.lines.count('#EXT-X-DISCONTINUITY') == 1
    recording.record(upto=10)
    assert recording.poll() == before
    recording.record(upto=11)
    assert recording.poll().uris == [*before.uris, *listed(recording.pieces[10:11])]


def test_the_discontinuity_is_counted_when_it_leaves(recording: Live) -> None:
    recording.record(3, upto=10)
    assert recording.poll().discontinuity_sequence == 0
    recording.record(3, upto=34)
    with_hole = recording.poll()
    assert with_hole.uris[0] == listed(recording.pieces)[4]
    assert (with_hole.discontinuity_sequence, '#EXT-X-DISCONTINUITY' in with_hole.lines) == (1, False)


def test_after_an_outage_longer_than_the_window_the_numbers_go_on(recording: Live) -> None:
    recording.record(upto=10)
    before = recording.poll()
    recording.clock.forward(300)
    gone = recording.client.get(PATH)
    assert gone.status_code == 404
    assert 'nothing of bus/source is held from the last minutes' in gone.text
    recording.record(*range(10, 148), upto=150)
    after = recording.poll()
    assert after.uris == listed(recording.pieces[148:])
    assert after.sequence == before.sequence + len(before.uris)
    assert after.discontinuity_sequence == 1


def test_a_segment_from_the_future_does_not_hold_up_the_present(recording: Live) -> None:
    recording.record(upto=10)
    recording.poll()
    fill(recording.store, [piece('2026-11-14T03:30:00')])
    recording.poll()
    recording.record(upto=12)
    assert recording.poll().uris == listed(recording.pieces[:12])


def test_a_clock_that_is_set_back_changes_nothing(recording: Live) -> None:
    recording.record(upto=40)
    before = recording.poll()
    recording.clock.forward(-20)
    assert recording.poll() == before


def test_a_restart_does_not_go_back(recording: Live) -> None:
    recording.record(upto=60)
    recording.poll()
    recording.record(upto=70)
    before = recording.poll()
    recording.restart()
    after = recording.poll()
    assert after.uris == before.uris
    assert after.sequence >= before.sequence
