"""One segment into a smaller one, held to what FFmpeg's own libraries find in both."""

from pathlib import Path

import pytest

from backfiller.derive.derived import Derived
from backfiller.derive.transcode import transcoded
from common.errors import SegmentError
from common.video.mpegts import media, opening
from deploy.demo import video
from tests.kit.build import HOUR
from tests.kit.clips import AAC, H264, clip, complaints, contents
from tests.kit.encoders import script
from tests.kit.footage import footage

SMALL = Derived('144p', 144, '150k')
NEAR_THE_WRAP = 2**33 / 90_000 - 1.9
"""The times of what begins here go through zero, for ffmpeg adds 1.4 seconds."""


def derived(body: bytes, asked: Derived = SMALL, program: str = '', seconds: float = 30) -> bytes:
    return transcoded(program or video.ffmpeg(), body, asked, seconds=seconds)


@pytest.mark.parametrize(
    'encoding',
    [
        (*H264, *AAC),
        (*H264, *AAC, '-g', '10'),
        (*H264, *AAC, '-preset', 'veryfast', '-bf', '3'),
        (*H264, *AAC, '-preset', 'veryfast', '-bf', '3', '-x264-params', 'open-gop=1:keyint=12'),
        (*H264, *AAC, '-vf', "select='not(eq(mod(n,7),3))'", '-fps_mode', 'vfr'),
        (*H264, *AAC, '-vf', 'tinterlace=interleave_top', '-flags', '+ilme+ildct'),
        (*H264, '-an'),
        (*H264, '-c:a', 'mp2'),
        (*H264, '-c:a', 'ac3'),
        ('-c:v', 'libx265', '-preset', 'ultrafast', '-x265-params', 'log-level=none', *AAC),
        ('-c:v', 'mpeg2video', '-bf', '2', *AAC),
    ],
    ids=' '.join,
)
def test_every_picture_keeps_its_time_and_the_sound_is_the_same_bit_for_bit(
    encoding: tuple[str, ...],
) -> None:
    source = contents(clip(*encoding))
    found = contents(derived(clip(*encoding)))
    assert found.pictures == source.pictures
    assert found.sound == source.sound
    assert found.size == (192, 144)
    assert found.keys[0] == found.pictures[0]


def test_key_frames_are_where_the_source_has_them() -> None:
    body = clip(*H264, '-g', '10')
    assert contents(derived(body)).keys == contents(body).keys
    assert len(contents(body).keys) == 3


@pytest.mark.parametrize('begins', [NEAR_THE_WRAP, NEAR_THE_WRAP - 20, NEAR_THE_WRAP + 20])
def test_times_are_kept_where_they_wrap(begins: float) -> None:
    body = clip(*H264, *AAC, begins=begins)
    assert contents(derived(body)).pictures == contents(body).pictures
    first, found = opening(body), opening(derived(body))
    assert first
    assert found
    assert first.pts == found.pts


def test_what_is_lower_already_is_not_enlarged() -> None:
    body = clip(*H264, '-vf', 'scale=106:91', '-pix_fmt', 'yuv444p')
    assert contents(derived(body)).size[1] == 90


def test_equal_bytes_are_made_of_equal_bytes() -> None:
    body = clip(*H264, *AAC)
    assert derived(body) == derived(body)


def test_segments_one_after_the_other_play_without_a_complaint(tmp_path: Path) -> None:
    """Their counters begin anew each time, and say so."""
    sources = [best.body for best, _ in footage(tmp_path, HOUR.start, seconds=6)]
    bodies = [derived(body) for body in sources]
    assert complaints(bodies) == ''
    assert complaints([bodies[0], bodies[2]]) == ''
    assert 'corrupt' in complaints([sources[0], sources[2]])  # what they have not to say


def test_decoders_need_not_begin_anew_at_any_segment() -> None:
    """However many pictures a second ffmpeg takes them for."""
    odd = clip(*H264, '-vf', "select='gt(random(0),0.6)'", '-fps_mode', 'vfr')
    found = [opening(derived(body)) for body in (clip(*H264), odd, clip(*H264, seconds=0.2))]
    assert len({each.parameters for each in found if each}) == 1


def test_the_bit_rate_is_about_what_was_asked_for() -> None:
    body = clip(*H264, '-vf', 'noise=alls=60:allf=t', seconds=3)
    size = sum(len(derived(body, Derived('x', 240, rate))) for rate in ('300k', '300000'))
    assert size / 2 * 8 / 3 == pytest.approx(300_000, rel=0.4)


def test_a_master_playlist_can_say_what_it_is() -> None:
    found = media(derived(clip(*H264, *AAC)))
    assert found
    assert found.resolution == (192, 144)
    assert found.codecs == ('avc1.64001f', 'mp4a.40.2')


@pytest.mark.parametrize(
    ('body', 'reason', 'said'),
    [
        (b'', 'refused', 'no MPEG transport stream'),
        (b'<html>', 'refused', 'no MPEG transport stream'),
        (b'\x00\x00\x00\x18ftypmp42', 'refused', 'no MPEG transport stream'),
        (b'\x47' + b'\xff' * 187, 'refused', 'no video'),
        (clip('-vn', *AAC), 'refused', 'no video'),
        (clip(*H264)[: 3 * 188], 'unreadable', 'made nothing of it'),
    ],
)
def test_what_has_no_video_is_refused(body: bytes, reason: str, said: str) -> None:
    with pytest.raises(SegmentError, match=said) as caught:
        derived(body)
    assert caught.value.reason == reason


def test_a_segment_that_does_not_begin_with_a_key_frame_is_left_out() -> None:
    body = clip(*H264, '-g', '10')
    third = len(body) // 188 // 6 * 188
    with pytest.raises(SegmentError, match='begins later') as caught:
        derived(body[: 3 * 188] + body[third:])
    assert caught.value.reason == 'unreadable'


@pytest.mark.parametrize(
    ('text', 'reason', 'said'),
    [
        ('cat > /dev/null; echo it is broken >&2; exit 3', 'unreadable', 'it is broken'),
        ('exit 3', 'unreadable', 'exit code 3'),
        ('exit 0', 'unreadable', 'no transport stream'),
        ('cat > /dev/null; echo no video', 'unreadable', 'no transport stream'),
        ('yes it is broken | head -c 9100000 >&2; exit 1', 'unreadable', 'it is broken'),
        ('exec sleep 60', 'deadline', 'more than 0.5 s'),
        ('yes >&2', 'deadline', 'more than 0.5 s'),
        ('sleep 60 & wait', 'deadline', 'more than 0.5 s'),
        ('exec yes', 'size', 'more than'),
    ],
)
def test_a_program_that_fails_is_said_with_its_last_words(
    tmp_path: Path, text: str, reason: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr('backfiller.derive.transcode.MAX_SEGMENT_BYTES', 1_000_000)
    with pytest.raises(SegmentError, match=said) as caught:
        derived(clip(*H264), program=script(tmp_path, text), seconds=0.5 if reason == 'deadline' else 30)
    assert caught.value.reason == reason


def test_a_program_that_is_missing_is_named() -> None:
    with pytest.raises(SegmentError, match=r'/no/ffmpeg.*install ffmpeg') as caught:
        derived(clip(*H264), program='/no/ffmpeg')
    assert caught.value.reason == 'encoder'


def test_it_runs_after_all_others(tmp_path: Path) -> None:
    with pytest.raises(SegmentError, match='niced by 10'):
        derived(clip(*H264), program=script(tmp_path, 'echo niced by $(nice) >&2; exit 1'))
