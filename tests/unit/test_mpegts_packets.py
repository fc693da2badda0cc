"""How tables and pictures lie in packets, as other encoders than FFmpeg may put them."""

import pytest

from common.video import codecs
from common.video import packets as packets_of
from common.video.codecs import Kind
from common.video.mpegts import Media, Opening, media, opening
from tests.kit.transport import (
    ADTS,
    AUD,
    AUDIO_PID,
    H264,
    ONE_VIDEO,
    PACKET,
    PAT,
    PMT_PID,
    PPS,
    SLICE,
    SPS,
    TABLES,
    VIDEO_PID,
    Video,
    encoded,
    packet,
    packets,
    pat,
    pes,
    picture,
    pmt,
    section,
    told,
    units,
)


@pytest.mark.parametrize('room', [1, 2, 9, 13, 30, 100])
def test_units_may_be_spread_over_many_packets(room: int) -> None:
    tables = packets(0, b'\0' + pat(), room=room) + packets(PMT_PID, b'\0' + ONE_VIDEO, room=room)
    data = tables + picture(room=max(room, 5))
    assert told(data) == told(TABLES + picture())
    assert media(data) == media(TABLES + picture())


def test_a_program_map_may_be_long() -> None:
    long = pmt(
        (H264, VIDEO_PID, b''),
        *((0x06, 0x200 + each, b'\x0a\x04eng\0') for each in range(60)),
        info=b'\x05\x04HDMV',
    )
    assert len(long) > 3 * PACKET
    data = PAT + packets(PMT_PID, b'\0' + long) + picture()
    assert told(data).pts == 900_000


def test_tables_may_follow_others_on_their_pid() -> None:
    other = section(0xC0, 7, bytes(100))
    pointed = b'\x03abc' + other + pmt((H264, 0x111, b''), number=9) + ONE_VIDEO + bytes([0xFF] * 9)
    data = packets(0, b'\0' + pat([(0, 0x10), (1, PMT_PID)])) + packets(PMT_PID, pointed) + picture()
    assert told(data) == told(TABLES + picture())


def test_a_table_may_end_where_the_next_packet_starts_another() -> None:
    other = section(0xC0, 7, bytes(20))
    second = bytes([len(ONE_VIDEO) - 5]) + ONE_VIDEO[5:] + other
    carried = packet(PMT_PID, b'\0' + ONE_VIDEO[:5], starts=True) + packet(
        PMT_PID, second, starts=True, counter=1
    )
    assert told(PAT + carried + picture()) == told(TABLES + picture())


def test_the_version_of_a_program_map_is_nothing_to_a_decoder() -> None:
    newer = PAT + packets(PMT_PID, b'\0' + pmt((H264, VIDEO_PID, b''), version=9), counter=7)
    assert told(newer + picture()) == told(TABLES + picture())


@pytest.mark.parametrize('at', range(len(ONE_VIDEO)))
def test_a_damaged_program_map_is_none(at: int) -> None:
    damaged = bytes(byte ^ (0x10 if at == place else 0) for place, byte in enumerate(ONE_VIDEO))
    data = PAT + packets(PMT_PID, b'\0' + damaged)
    assert opening(data + picture()) == Opening(None, b'')
    assert opening(data + picture() + TABLES) == opening(TABLES + picture())


def test_a_map_that_is_not_yet_in_force_does_not_count() -> None:
    body = ONE_VIDEO[8:-4]
    early = packets(PMT_PID, b'\0' + section(2, 1, body, in_force=False))
    assert opening(PAT + early + picture()) == Opening(None, b'')


def test_a_picture_without_a_time_leaves_it_to_the_next() -> None:
    data = TABLES + picture(pts=None) + picture(pts=4242)
    assert told(data).pts == 4242
    assert told(data).parameters == told(TABLES + picture()).parameters


def test_parameter_sets_may_come_with_a_later_picture() -> None:
    found = told(TABLES + picture(pts=1, sets=()) + picture(pts=2))
    assert found == Opening(1, told(TABLES + picture()).parameters)
    assert told(TABLES + picture(sets=())).parameters == b''


def test_parameter_sets_are_compared_only_when_they_are_whole() -> None:
    for room in range(20, 120):
        begun = TABLES + packets(VIDEO_PID, pes(units(AUD, SPS, PPS, SLICE)), room=room)[:PACKET]
        assert told(begun).parameters in (b'', told(TABLES + picture()).parameters)


def test_a_packet_sent_twice_counts_once_and_a_lost_one_ends_the_picture() -> None:
    spread = picture(room=30)
    pieces = [spread[at : at + PACKET] for at in range(0, len(spread), PACKET)]
    tables = PAT + packets(PMT_PID, b'\0' + ONE_VIDEO, room=9)
    apart = [tables[at : at + PACKET] for at in range(0, len(tables), PACKET)]
    assert told(b''.join(each * 2 for each in [*apart, *pieces])) == told(TABLES + spread)
    assert told(TABLES + b''.join([pieces[0], *pieces[2:]])).parameters == b''


def test_the_time_is_that_of_the_video_wherever_it_stands_in_the_map() -> None:
    maps = packets(PMT_PID, b'\0' + pmt((ADTS, AUDIO_PID, b''), (H264, VIDEO_PID, b'')))
    sound = packets(AUDIO_PID, pes(b'\xff\xf1\x4c\x80\x10\x1f\xfc\x21', pts=3, stream_id=0xC0))
    assert told(PAT + maps + sound + picture(pts=5)).pts == 5
    assert told(PAT + maps + sound).pts is None


@pytest.mark.parametrize(
    'head',
    ['000001e0000080800021000100', '000001e0000080800421000100', '000001be000080800521000100', '000002e0'],
)
def test_a_head_without_room_for_a_time_has_none(head: str) -> None:
    unit = bytes.fromhex(head)
    if head[6:8] == 'be':
        unit = unit[:6] + b'\xff' * 3 + unit[9:]  # padding has no flags
    assert told(TABLES + packets(VIDEO_PID, unit + bytes(90)) + picture(pts=5)).pts == 5


def test_no_more_of_a_picture_is_copied_than_parameter_sets_may_need() -> None:
    long = TABLES + packets(VIDEO_PID, pes(bytes(100_000)))
    sizes = [len(unit) for unit, _ in packets_of.units(long, VIDEO_PID)]
    assert sizes == [184 * 2**power for power in range(7)]


def test_what_differs_from_frame_to_frame_is_no_parameter() -> None:
    def adts(second: int, third: int, fourth: int) -> tuple[bytes, ...]:
        return codecs.parameters(Kind.ADTS, bytes([0xFF, second, third, fourth]), False)

    def mpeg(second: int, third: int) -> tuple[bytes, ...]:
        return codecs.parameters(Kind.MPEG_AUDIO, bytes([0xFF, second, third, 0]), False)

    assert adts(0xF1, 0x4C, 0x80) == adts(0xF0, 0x4E, 0xBF)
    assert adts(0xF1, 0x4C, 0x80) not in (
        adts(0xF1, 0x4C, 0x40),
        adts(0xF1, 0x50, 0x80),
        adts(0xF1, 0x8C, 0x80),
    )
    assert mpeg(0xFB, 0x94) == mpeg(0xFA, 0xA6)
    assert mpeg(0xFB, 0x94) not in (mpeg(0xFB, 0x90), mpeg(0xFD, 0x94), mpeg(0xF3, 0x94))


def test_damaged_and_scrambled_packets_are_passed_over() -> None:
    for at, bits in ((0, 0x01), (1, 0x80), (3, 0x80)):
        bad = bytearray(picture(pts=4))
        bad[at] ^= bits
        assert told(TABLES + bytes(bad) + picture(pts=5)).pts == 5


def test_an_adaptation_field_longer_than_its_packet_hides_the_packet() -> None:
    bad = bytearray(picture(pts=4))
    bad[3] |= 0x20
    bad[4] = 255
    assert told(TABLES + bytes(bad) + picture(pts=5)).pts == 5


@pytest.mark.parametrize(
    ('stream_type', 'descriptors', 'codecs'),
    [
        (0x06, b'\x6a\x01\0', ('ac-3',)),
        (0x06, b'\x0a\x04eng\0\x7a\x01\0', ('ec-3',)),
        (0x06, b'\x05\x04AC-3', ('ac-3',)),
        (0x06, b'\x59\x08eng\x10\0\1\0\1', ()),
        (0x06, b'\x05\xff', ()),
        (0x15, b'', ()),
        (0x86, b'', ()),
    ],
)
def test_private_streams_are_told_by_their_descriptors(
    stream_type: int, descriptors: bytes, codecs: tuple[str, ...]
) -> None:
    tables = PAT + packets(PMT_PID, b'\0' + pmt((stream_type, AUDIO_PID, descriptors)))
    assert media(tables) == Media(codecs, None)


def test_a_stream_of_data_does_not_hide_the_codecs() -> None:
    maps = pmt((H264, VIDEO_PID, b''), (0x15, 0x102, b''), (ADTS, AUDIO_PID, b''))
    sound = packets(AUDIO_PID, pes(b'\xff\xf1\x4c\x80\x10\x1f\xfc\x21', stream_id=0xC0))
    data = PAT + packets(PMT_PID, b'\0' + maps) + picture() + sound
    assert media(data) == Media(('avc1.64000d', 'mp4a.40.2'), (320, 240))


@pytest.mark.parametrize('size', [192, 204])
def test_packets_of_another_size_are_none(size: int) -> None:
    data = TABLES + picture()
    padded = b''.join(data[at : at + PACKET].ljust(size, b'\0') for at in range(0, len(data), PACKET))
    for body in (padded, padded[PACKET:], padded[4:]):
        assert opening(body) is None
        assert media(body) is None


def test_a_blu_ray_is_no_transport_stream_here() -> None:
    data = encoded(Video(), flags='m2ts')
    assert len(data) % 192 == 0
    assert opening(data) is None


def test_a_set_whose_end_was_lost_is_not_compared() -> None:
    whole = packets(VIDEO_PID, pes(units(AUD, SPS, PPS)), room=55)
    after = packet(VIDEO_PID, pes(units(AUD, SLICE)), starts=True, counter=len(whole) // PACKET)
    assert told(TABLES + whole + after).parameters == told(TABLES + picture()).parameters
    assert told(TABLES + whole[:-PACKET] + after).parameters == b''


@pytest.mark.parametrize('data', [b'', b'G', b'G' * 187, b'<html>' * 99, b'\0' * 4096])
def test_what_is_no_transport_stream_is_none(data: bytes) -> None:
    assert opening(data) is None
    assert media(data) is None


def test_of_two_languages_the_first_names_the_codec() -> None:
    maps = packets(PMT_PID, b'\0' + pmt((ADTS, AUDIO_PID, b''), (ADTS, 0x102, b'')))
    sound = [b'\xff\xf1\x4c\x80\x10\x1f\xfc\x21', b'\xff\xf1\x0c\x80\x10\x1f\xfc\x21']
    first, second = (packets(pid, pes(sound[pid - AUDIO_PID])) for pid in (AUDIO_PID, 0x102))
    assert media(PAT + maps + second + first) == Media(('mp4a.40.2',), None)
