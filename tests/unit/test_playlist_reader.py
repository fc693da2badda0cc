"""Media playlists of live origins: their times, durations and numbers, and what holds for all of it."""

from datetime import datetime, timedelta

import pytest

from common.hls.playlist_reader import Entry, MediaPlaylist, parse_media
from tests.kit.build import at

BASE = 'https://origin/live/source.m3u8?token=secret'
HEAD = '#EXTM3U\n#EXT-X-TARGETDURATION:2\n'
GOOD = '#EXTINF:2,\ngood.ts\n'
CLOCK = '#EXT-X-PROGRAM-DATE-TIME:2026-11-14T03:00:00Z\n'
THREE = at('2026-11-14T03:00:00')


def read(lines: str) -> MediaPlaylist:
    return parse_media(HEAD + lines, BASE)


def only(lines: str) -> Entry:
    (entry,) = read(lines).entries
    return entry


def starts(lines: str) -> list[float | None]:
    """In seconds after three o'clock."""
    return [each.start and (each.start - THREE).total_seconds() for each in read(lines).entries]


# Times


@pytest.mark.parametrize(
    'time',
    [
        '2026-11-14T03:07:26.500Z',
        '2026-11-14T03:07:26.5+00:00',
        '2026-11-14T04:07:26.5+0100',
        '2026-11-14T03:07:26.500+00',
        '2026-11-14T03:07:26.5',
        '2026-11-14T03:07:26.500000000Z',
        '20261114T030726.5Z',
        '2026-11-14 03:07:26.5Z',
        '2026-11-13T15:07:26.5-12:00 ',
    ],
)
@pytest.mark.parametrize('order', ['before', 'after'])
def test_the_time_may_stand_before_or_after_the_duration(time: str, order: str) -> None:
    tags = [f'#EXT-X-PROGRAM-DATE-TIME:{time}', '#EXTINF:2.5,title, with commas']
    lines = tags if order == 'before' else tags[::-1]
    found = read('\n'.join([*lines, 'a.ts', '#EXTINF:1,', 'b.ts']))
    first = at('2026-11-14T03:07:26.5')
    assert [entry.start for entry in found.entries] == [first, first + timedelta(seconds=2.5)]
    assert [entry.stated for entry in found.entries] == [True, False]


@pytest.mark.parametrize('order', [f'{CLOCK}#EXT-X-DISCONTINUITY\n', f'#EXT-X-DISCONTINUITY\n{CLOCK}'])
def test_a_time_on_either_side_of_the_discontinuity_counts(order: str) -> None:
    assert starts(f'{GOOD}{order}{GOOD}') == [None, 0]


def test_after_a_discontinuity_the_time_is_unknown_until_stated() -> None:
    assert starts(f'{CLOCK}{GOOD}#EXT-X-DISCONTINUITY\n{GOOD}') == [0, None]


def test_times_are_counted_back_to_the_beginning_of_a_run() -> None:
    broken = '#EXT-X-DISCONTINUITY\n'
    assert starts(f'{GOOD}{GOOD}{broken}{GOOD}{GOOD}{CLOCK}{GOOD}{GOOD}') == [None, None, -4, -2, 0, 2]


def test_times_are_counted_back_over_a_segment_that_is_skipped() -> None:
    found = read(f'{GOOD}#EXTINF:3,\nfile:///etc/passwd\n{CLOCK}{GOOD}')
    assert [each.start for each in found.entries] == [THREE - timedelta(seconds=5), THREE]
    assert [each.start for each in found.skipped] == [THREE - timedelta(seconds=3)]


def test_times_are_not_counted_over_a_duration_that_nobody_knows() -> None:
    assert starts(f'{CLOCK}{GOOD}{GOOD}no-duration.ts\n{GOOD}') == [0, 2, None]
    assert starts(f'{GOOD}no-duration.ts\n{GOOD}{CLOCK}{GOOD}') == [None, -2, 0]


def test_a_time_that_goes_back_is_taken_as_it_is_stated() -> None:
    later = CLOCK.replace('03:00:00', '03:00:09')
    assert starts(f'{later}{GOOD}{CLOCK}{GOOD}{GOOD}') == [9, 0, 2]


def test_the_last_of_two_times_counts() -> None:
    assert starts(f'{CLOCK.replace("03:00:00", "05:00:00")}{CLOCK}{GOOD}') == [0]


@pytest.mark.parametrize(
    'time',
    [
        '',
        'yesterday',
        '2026-13-01T00:00:00Z',
        '2026-11-14T03:00:00+99:00',
        '\u0662026-01-01',
        '0001-01-01T00:00:00+14:00',
        '2' * 1_000_000,
        '2026-11-14T03:00:00' + ' ' * 1_000,
    ],
    ids=lambda time: ascii(time)[:30],
)
def test_a_time_that_cannot_be_read_is_none_and_costs_no_segment(time: str) -> None:
    found = read(f'{CLOCK}{GOOD}#EXT-X-PROGRAM-DATE-TIME:{time}\n{GOOD}')
    assert found.entries[0].start == THREE
    assert (len(found.entries), found.skipped) == (2, ())


@pytest.mark.parametrize('lines', [f'{{}}{GOOD}{GOOD}', f'{GOOD}{GOOD}{{}}{GOOD}'])
@pytest.mark.parametrize('time', ['0001-01-01T00:00:01Z', '9999-12-31T23:59:59Z'])
def test_a_clock_at_either_end_of_time_does_not_end_the_reading(lines: str, time: str) -> None:
    found = read(lines.format(f'#EXT-X-PROGRAM-DATE-TIME:{time}\n'))
    assert len(found.entries) == lines.count(GOOD)
    assert found.skipped == ()


# Durations and numbers


@pytest.mark.parametrize(
    ('told', 'seconds'),
    [
        ('6,', 6),
        ('6', 6),
        ('6.', 6),
        ('.5,', 0.5),
        (' 6.006 ,a title', 6.006),
        ('6.0060000000000000000001,', 6.006),
        ('6 tvg-id="x",Title', 6),
        ('86399.9,', 86399.9),
    ],
)
def test_durations(told: str, seconds: float) -> None:
    assert only(f'#EXTINF:{told}\na.ts').duration == timedelta(seconds=seconds)


def test_the_last_of_two_durations_counts() -> None:
    assert only('#EXTINF:9,\n#EXTINF:3,\na.ts').duration == timedelta(seconds=3)


@pytest.mark.parametrize(
    ('told', 'sequence'),
    [('7', 7), (' 7 ', 7), ('0007', 7), ('-11', -11), (str(2**64 - 1), 2**64 - 1)]
    + [(bad, 0) for bad in ('', 'seven', '7.0', '1_000', '\u0667', str(2**64), '9' * 100_000)],
    ids=lambda value: ascii(value)[:20],
)
def test_the_number_of_the_first_segment(told: str, sequence: int) -> None:
    found = read(f'#EXT-X-MEDIA-SEQUENCE:{told}\n{GOOD}{GOOD}')
    assert found.sequence == sequence
    assert [each.sequence for each in found.entries] == [sequence, sequence + 1]
    assert len(found.unread) == (sequence == 0)


def test_the_number_of_the_first_segment_may_stand_after_it() -> None:
    found = read(f'{GOOD}bad.ts\n#EXT-X-MEDIA-SEQUENCE:7\n{GOOD}#EXT-X-MEDIA-SEQUENCE:8\n')
    assert ([each.sequence for each in found.entries], found.skipped[0].sequence) == ([8, 10], 9)


def test_segments_that_an_update_leaves_out_keep_their_numbers() -> None:
    found = read(f'#EXT-X-MEDIA-SEQUENCE:40\n#EXT-X-SKIP:SKIPPED-SEGMENTS=3\n{GOOD}')
    assert (found.sequence, found.entries[0].sequence, found.skipped) == (40, 43, ())


@pytest.mark.parametrize('told', ['', 'SKIPPED-SEGMENTS=x', 'SKIPPED-SEGMENTS=-3'])
def test_an_update_that_does_not_say_what_it_leaves_out_leaves_out_nothing(told: str) -> None:
    assert only(f'#EXT-X-SKIP:{told}\n{GOOD}').sequence == 0


@pytest.mark.parametrize('told', ['', '#EXT-X-TARGETDURATION:nan\n', '#EXT-X-TARGETDURATION:-10\n'])
def test_without_a_target_duration_the_longest_segment_is_taken_for_it(told: str) -> None:
    found = parse_media(f'#EXTM3U\n{told}#EXTINF:2,\na\n#EXTINF:3.5,\nb\n', BASE)
    assert found.target_duration == 3.5
    assert 'there is no EXT-X-TARGETDURATION' in found.unread


def test_what_holds_for_the_whole_playlist() -> None:
    found = read(f'#EXT-X-PLAYLIST-TYPE:EVENT\n#EXT-X-DISCONTINUITY-SEQUENCE:4\n#EXT-X-ENDLIST\n{GOOD}')
    assert (found.kind, found.discontinuity_sequence, found.ended) == ('EVENT', 4, True)
    assert len(found.entries) == 1
    assert (read(f'#EXT-X-PLAYLIST-TYPE:LIVE\n{GOOD}').kind, read(GOOD).ended) == ('', False)


# Low latency


def test_a_low_latency_playlist_is_read_as_an_ordinary_one() -> None:
    found = read(
        '#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=1.0\n#EXT-X-PART-INF:PART-TARGET=0.33\n'
        f'#EXT-X-START:TIME-OFFSET=-3\n#EXT-X-MEDIA-SEQUENCE:7\n{CLOCK}'
        '#EXT-X-PART:DURATION=1,URI="a.1.ts",INDEPENDENT=YES\n#EXT-X-PART:DURATION=1,URI="a.2.ts"\n'
        '#EXTINF:2,\na.ts\n#EXT-X-DATERANGE:ID="x",START-DATE="2026-11-14T03:00:01Z"\n#EXTINF:2,\nb.ts\n'
        '#EXT-X-PROGRAM-DATE-TIME:2026-11-14T03:00:04Z\n#EXT-X-PART:DURATION=1,URI="c.1.ts"\n'
        '#EXT-X-PRELOAD-HINT:TYPE=PART,URI="c.2.ts"\n'
        '#EXT-X-RENDITION-REPORT:URI="../480p.m3u8",LAST-MSN=8,LAST-PART=0\n'
    )
    assert [(each.uri[-4:], each.sequence) for each in found.entries] == [('a.ts', 7), ('b.ts', 8)]
    assert [each.start for each in found.entries] == [THREE, THREE + timedelta(seconds=2)]
    assert (found.skipped, found.unread) == ((), ())


def test_what_tells_a_segment_from_others() -> None:
    def identity(lines: str) -> tuple[str, datetime | int]:
        return only(lines).identity

    assert identity(GOOD) == identity(GOOD)
    assert identity(CLOCK + GOOD) == identity(f'#EXT-X-MEDIA-SEQUENCE:5\n{CLOCK}{GOOD}')
    assert identity(CLOCK + GOOD) != identity(CLOCK.replace('2026', '2027') + GOOD)
