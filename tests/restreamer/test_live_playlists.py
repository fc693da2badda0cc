"""The live playlist as a player sees it while time goes on: by an application with a clock that is set."""

import gc
import importlib
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest

from restreamer.context import EXTENSION
from tests.kit.append_only import AppendOnly
from tests.kit.build import Piece, at, fill, fragments, init_of, piece, run_of
from tests.kit.footage import footage
from tests.restreamer.client import Clock, Listed, client_of, read

START = '2026-11-14T03:00:00'
PATH = '/playlist/bus/source.m3u8'


class Live:
    """A recording that goes on while a player polls its live playlist."""

    def __init__(self, store: Path, **lengths: float) -> None:
        self.store = store
        self.clock = Clock(at(START))
        self.lengths = lengths
        self.pieces = run_of(150, START)
        self.restart()

    def record(self, *without: int, upto: int) -> None:
        """The pieces before `upto`, the clock at their end."""
        fill(self.store, [each for number, each in enumerate(self.pieces[:upto]) if number not in without])
        self.clock.now = self.pieces[upto - 1].segment.end

    def poll(self, query: str = '') -> Listed:
        answer = self.client.get(PATH + query)
        assert answer.status_code == 200, answer.text
        assert answer.content_type == 'application/vnd.apple.mpegurl'
        return read(answer.text)

    def restart(self) -> None:
        self.client = client_of(self.store, self.clock, **self.lengths)


class Player:
    """Polls, and holds what it sees to what it saw."""

    def __init__(self, recording: Live, query: str = '') -> None:
        self._recording = recording
        self._query = query
        self._seen = AppendOnly()

    def poll(self) -> Listed:
        now = self._recording.poll(self._query)
        self._seen.see('\n'.join(now.lines))
        return now


@pytest.fixture(scope='module')
def footages(tmp_path_factory: pytest.TempPathFactory) -> list[list[bytes]]:
    """The bytes of the segments of two runs of an encoder."""
    return [
        [source.body for source, _ in footage(tmp_path_factory.mktemp(name), at(START), seconds=8)]
        for name in ('one', 'other')
    ]


@pytest.fixture
def recording(tmp_path: Path) -> Live:
    return Live(tmp_path / 'store')


def listed(pieces: list[Piece]) -> list[str]:
    return [f'../../segments/{each.path.replace(":", "%3A")}' for each in pieces]


@pytest.mark.parametrize('query', ['', f'?start={START}'])
def test_a_live_playlist_only_appends_and_trims_the_front_and_keeps_each_number(
    recording: Live, query: str
) -> None:
    player = Player(recording, query)
    for upto in (5, 6, 6, 9, 40, 41, 70, 110):
        recording.record(20, 21, upto=upto)
        if upto == 41:
            recording.restart()
        now = player.poll()
        assert now.uris[-1] == listed(recording.pieces[:upto])[-1]
        assert len(now.uris) <= (31 if not query else 108)
    assert len(now.uris) == (30 if not query else 108)


@pytest.mark.parametrize('query', ['', '?start=2026-11-14T03:50:00'])
def test_a_live_playlist_of_fragments_names_their_init_section_from_wherever_it_begins(
    recording: Live, query: str
) -> None:
    """Over the end of an hour, a restart, and a change of the init section."""
    one = [*fragments(120, '2026-11-14T03:56:00', init=b'one')]
    other = [*fragments(150, '2026-11-14T04:00:00', init=b'other')]
    fill(recording.store, [one[0], init_of(other[0].hour, b'one'), other[0]])
    late = [piece(f'{each.segment.start:%FT%T}', init=one[0].segment.hash) for each in other[1:61]]
    recording.pieces = [*one[1:], *late, *other[61:]]
    player = Player(recording, query)
    for upto in (5, 60, 121, 150, 180, 182, 240, 270):
        recording.record(upto=upto)
        if upto == 150:
            recording.restart()
        now = player.poll()
        maps = [line for line in now.lines if line.startswith('#EXT-X-MAP')]
        first = now.lines.index(maps[0])
        assert first < now.lines.index(now.uris[0])
        assert now.uris[0].rpartition('/')[0] in maps[0]
        both = upto > 180 and now.uris[0] in listed(recording.pieces[:180])
        assert now.lines.count('#EXT-X-DISCONTINUITY') == len(maps) - 1 == both
    assert now.uris[-1] == listed(recording.pieces)[-1]


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
    before = recording.poll().discontinuity_sequence
    recording.record(3, upto=34)
    with_hole = recording.poll()
    assert with_hole.uris[0] == listed(recording.pieces)[4]
    assert with_hole.discontinuity_sequence == before + 1
    assert '#EXT-X-DISCONTINUITY' not in with_hole.lines


def test_after_an_outage_longer_than_the_window_the_numbers_go_on(recording: Live) -> None:
    recording.record(upto=10)
    before = recording.poll()
    recording.clock.forward(300)
    gone = recording.client.get(PATH)
    assert gone.status_code == 404
    assert 'nothing of bus/source is held from the last minutes' in gone.text
    recording.record(*range(10, 148), upto=150)
    after = recording.poll()
    assert after.uris == listed([recording.pieces[9], *recording.pieces[148:]])
    assert after.sequence == before.sequence + len(before.uris) - 1
    assert after.discontinuity_sequence == before.discontinuity_sequence
    assert after.lines.count('#EXT-X-DISCONTINUITY') == 1


def test_a_segment_from_the_future_does_not_hold_up_the_present(recording: Live) -> None:
    recording.record(upto=10)
    recording.poll()
    fill(recording.store, [piece('2026-11-14T03:30:00')])
    recording.poll()
    recording.record(upto=12)
    assert recording.poll().uris == listed(recording.pieces[:12])


def test_a_segment_that_says_it_lasts_into_the_future_is_not_listed(recording: Live) -> None:
    recording.record(upto=10)
    before = recording.poll()
    wrong = piece('2026-11-14T03:00:20', seconds=99_999)
    fill(recording.store, [wrong])
    assert recording.poll() == before
    recording.restart()
    recording.pieces = run_of(300, '2026-11-14T04:58:00')
    recording.record(upto=300)
    assert recording.poll().uris == listed(recording.pieces[270:])


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
    assert recording.poll() == before


def test_a_restart_remembers_what_it_listed_though_a_hole_was_filled_meanwhile(recording: Live) -> None:
    recording.record(3, 30, upto=60)
    player = Player(recording, f'?start={START}')
    before = player.poll()
    recording.record(upto=60)
    recording.restart()
    assert player.poll() == before
    recording.record(upto=62)
    recording.restart()
    assert player.poll().uris == [*before.uris, *listed(recording.pieces[60:62])]


def test_a_journal_that_was_cut_off_or_damaged_is_no_hindrance(recording: Live) -> None:
    recording.record(upto=60)
    before = recording.poll()
    journal = recording.store / '.live/bus/source.m3u8'
    with journal.open('a') as file:
        file.write('#EXT-X-PROGRAM-DATE-TIME:2026-11-14T03:02')
    recording.restart()
    assert recording.poll() == before
    journal.write_bytes(b'\xff nonsense')
    recording.restart()
    assert recording.poll() == before


def test_a_journal_that_was_cut_off_is_not_gone_on_with(recording: Live) -> None:
    recording.record(3, upto=60)
    recording.poll()
    with (recording.store / '.live/bus/source.m3u8').open('a') as file:
        file.write('#EXT-X-PROGRAM-DATE-TIME:2026-11-14T03:02')
    recording.restart()
    recording.record(upto=61)
    before = recording.poll()
    recording.restart()
    assert recording.poll() == before


def test_a_journal_that_could_not_be_written_for_a_while_lacks_nothing(recording: Live) -> None:
    journal = recording.store / '.live/bus/source.m3u8'
    recording.record(upto=10)
    player = Player(recording)
    player.poll()
    journal.rename(journal.with_suffix('.aside'))
    journal.mkdir()
    recording.record(upto=15)
    player.poll()
    journal.rmdir()
    journal.with_suffix('.aside').rename(journal)
    recording.record(upto=20)
    before = player.poll()
    recording.restart()
    assert player.poll() == before


def test_two_restreamers_over_one_store_leave_a_journal_that_can_be_read(recording: Live) -> None:
    other = Live(recording.store)
    for upto in (10, 11, 12):
        recording.record(3, upto=upto)
        other.record(3, upto=upto)
        assert recording.poll() == other.poll()
    recording.record(upto=12)
    before = other.poll()
    recording.restart()
    assert recording.poll() == before


def test_a_store_that_cannot_be_written_is_played_all_the_same(
    recording: Live, caplog: pytest.LogCaptureFixture
) -> None:
    recording.record(upto=10)
    (recording.store / '.live').write_text('a file where a folder should be')
    recording.poll()
    recording.record(upto=11)
    assert recording.poll().uris == listed(recording.pieces[:11])
    (warning,) = caplog.messages
    assert 'cannot be written' in warning


def test_the_journal_does_not_grow_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('restreamer.playing.journal.LEAST_ENTRIES', 10)
    recording = Live(tmp_path / 'store', longest_seconds=20)
    player = Player(recording)
    for upto in range(2, 61, 2):
        recording.record(upto=upto)
        player.poll()
        text = (recording.store / '.live/bus/source.m3u8').read_text()
        assert text.count('#EXTINF') < 30  # ten are listed


def test_nodes_that_hold_the_same_count_the_same(recording: Live, tmp_path: Path) -> None:
    recording.record(upto=20)
    recording.poll()
    recording.record(upto=60)
    other = Live(tmp_path / 'other')
    other.record(upto=60)
    assert other.poll() == recording.poll()


def test_a_node_that_was_asked_before_there_was_anything_counts_the_same(
    recording: Live, tmp_path: Path
) -> None:
    recording.clock.forward(-10)
    assert recording.client.get(PATH).status_code == 404
    other = Live(tmp_path / 'other')
    for each in (recording, other):
        each.record(upto=10)
    assert other.poll() == recording.poll()


def test_variants_that_are_not_there_are_not_remembered(recording: Live) -> None:
    recording.record(upto=10)
    recording.poll()
    windows = recording.client.application.extensions[EXTENSION].live
    for number in range(20):
        assert recording.client.get(f'/playlist/bus/v{number}.m3u8').status_code == 404
    gc.collect()
    assert list(windows._followed) == list(windows._asked) == [('bus', 'source')]


def test_what_comes_after_a_hole_waits_for_a_moment(tmp_path: Path) -> None:
    recording = Live(tmp_path / 'store', hold_seconds=6)
    recording.record(upto=10)
    player = Player(recording)
    player.poll()
    recording.record(10, 13, upto=15)
    assert player.poll().uris == listed(recording.pieces[:10])
    recording.record(13, upto=16)
    assert player.poll().uris == listed(recording.pieces[:13])
    recording.clock.forward(6)
    assert player.poll().uris == listed([*recording.pieces[:13], *recording.pieces[14:16]])


def test_a_hole_that_is_filled_slowly_from_its_end_holds_up_nobody_for_longer(tmp_path: Path) -> None:
    recording = Live(tmp_path / 'store', hold_seconds=6)
    recording.record(upto=10)
    player = Player(recording)
    player.poll()
    missing = [*range(10, 20)]
    recording.record(*missing, upto=21)
    for upto in (21, 22, 23):
        recording.record(*missing, upto=upto)
        assert player.poll().uris == listed(recording.pieces[:10])
        missing.pop()
    recording.record(*missing, upto=24)
    assert player.poll().uris == listed([*recording.pieces[:10], *recording.pieces[17:24]])


def test_a_node_that_is_asked_for_the_first_time_waits_for_a_young_hole_but_for_no_old_one(
    tmp_path: Path,
) -> None:
    before, after = (Live(tmp_path / name, hold_seconds=6) for name in ('before', 'after'))
    before.record(3, upto=10)
    before.poll()
    for recording in (before, after):
        recording.record(3, 10, upto=12)
    assert after.poll() == before.poll()
    assert after.poll().uris == listed([*after.pieces[:3], *after.pieces[4:10]])
    for recording in (before, after):
        recording.record(3, upto=13)
    assert after.poll() == before.poll()
    assert after.poll().uris == listed([*after.pieces[:3], *after.pieces[4:13]])


def test_a_segment_that_is_a_little_longer_does_not_change_the_target_duration(recording: Live) -> None:
    recording.pieces = [
        *run_of(10, START),
        piece('2026-11-14T03:00:20', seconds=2.4),
        *run_of(2, '2026-11-14T03:00:22.4'),
    ]
    player = Player(recording)
    for upto in (10, 11, 13):
        recording.record(upto=upto)
        player.poll()
    recording.restart()
    assert '#EXT-X-TARGETDURATION:2' in player.poll().lines


def test_an_hour_that_the_store_lets_go_of_is_listed_no_longer(recording: Live) -> None:
    recording.pieces = run_of(40, '2026-11-14T03:59:29')
    recording.record(3, upto=25)
    player, other = Player(recording), Player(recording, '?start=2026-11-14T03:59:29')
    for each in (player, other):
        assert each.poll().uris[0] == listed(recording.pieces)[0]
    shutil.rmtree(recording.store / 'bus/source/2026-11-14T03')
    for each in (player, other):
        assert each.poll().uris == listed(recording.pieces[16:25])
    shutil.rmtree(recording.store / 'bus')
    assert player.poll().uris == listed(recording.pieces[16:25])  # it may come back


def test_from_a_start_on_as_far_back_as_is_allowed(recording: Live) -> None:
    recording.record(20, upto=100)
    recording.poll()
    assert recording.poll('?start=2026-11-14T03:00:30').uris == listed(
        [*recording.pieces[15:20], *recording.pieces[21:100]]
    )
    assert recording.poll('?start=2026-11-13T02:59:00').uris == listed(
        [*recording.pieces[:20], *recording.pieces[21:100]]
    )
    assert recording.client.get(f'{PATH}?start=2026-11-14T03:03:21').status_code == 404


@pytest.mark.parametrize('step', ['restreamer.playing.playlists._written', 'gzip.compress'])
def test_a_long_live_playlist_is_written_and_gzipped_off_the_hub(
    recording: Live, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    module, _, name = step.rpartition('.')
    wanted = getattr(importlib.import_module(module), name)
    threads = []

    def noted(*args: Any, **kwargs: Any) -> Any:
        threads.append(threading.get_native_id())
        return wanted(*args, **kwargs)

    monkeypatch.setattr(step, noted)
    recording.record(upto=100)
    assert recording.client.get(PATH, headers={'Accept-Encoding': 'gzip'}).status_code == 200
    assert threads
    assert threading.get_native_id() not in threads


def test_where_the_video_breaks_there_is_a_discontinuity(tmp_path: Path, footages: list[list[bytes]]) -> None:
    """Two runs of an encoder, whose timestamps both begin at the same, without a hole between them."""
    bodies = [*footages[0][:4], *footages[1][:3]]
    recording = Live(tmp_path / 'store')
    recording.pieces = [
        piece(f'2026-11-14T03:00:{2 * number:02}', body=body) for number, body in enumerate(bodies)
    ]
    player = Player(recording)
    for upto in (3, 5, 7):
        recording.record(upto=upto)
        now = player.poll()
    at_break = now.lines.index('#EXT-X-DISCONTINUITY')
    assert now.lines[at_break + 3] == listed(recording.pieces)[4]
    assert now.lines.count('#EXT-X-DISCONTINUITY') == 1
    recording.restart()
    assert player.poll() == now
