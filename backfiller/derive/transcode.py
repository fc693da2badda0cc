"""One MPEG transport stream into another by ffmpeg: its video smaller, its sound bit for bit.

Every picture and every frame of sound keeps its time, so that a player may change between the two at any
segment; and equal bytes are made of equal bytes, whatever the processor, as long as ffmpeg is the same. So
nodes that derive the same hold the same. The video is H.264 with 8 bits and 4:2:0, without B-frames, which
would have to be decoded before the time at which the segment begins. A key frame is where the source has one.
"""

from functools import lru_cache

from backfiller.derive.child import made_by
from backfiller.derive.derived import Derived
from common.errors import SegmentError
from common.place import MAX_SEGMENT_BYTES
from common.video.mpegts import has_video, opening

PRESET = 'veryfast'
_LEVELS = ((480, '3.1'), (720, '4.0'), (1080, '4.2'), (4320, '6.2'))
"""Of H.264, by height: those that hold 60 pictures a second. Left to x264 they would depend on its guess of
how many there are, and players would have to begin anew wherever it guesses otherwise."""

_NO_FRAME_LIMIT = '9999'


def transcoded(program: str, body: bytes, derived: Derived, *, seconds: float) -> bytes:
    """The segment that is derived of `body`; raises SegmentError if there is none to be had within the time.

    The reasons are those of `made_by`, `refused` for what is no transport stream or has no video, and
    `unreadable` for a segment whose first picture cannot be decoded.
    """
    source = opening(body)
    if source is None:
        raise SegmentError('refused', 'it is no MPEG transport stream: of nothing else is anything derived')
    if not has_video(body):
        raise SegmentError('refused', 'it has no video')
    made = made_by(command(program, derived), body, seconds=seconds, limit_bytes=MAX_SEGMENT_BYTES)
    found = opening(made)
    if found is None or found.pts is None or not found.parameters:
        raise SegmentError('unreadable', 'what was made of it is no transport stream with video')
    if found.pts != source.pts:
        raise SegmentError(
            'unreadable', 'its video begins with what cannot be decoded, so that the derived one begins later'
        )
    return made


@lru_cache(maxsize=256)
def command(program: str, derived: Derived) -> tuple[str, ...]:
    """How ffmpeg is run: from standard input to standard output, with one thread."""
    return (
        program, '-v', 'error', '-nostdin', '-nostats', '-protocol_whitelist', 'pipe',
        # The whole segment is looked at before it begins, and its times are taken as they are.
        '-threads', '1', '-copyts', '-probesize', '100M', '-analyzeduration', '600M',
        '-f', 'mpegts', '-i', 'pipe:0', '-map', '0:v:0', '-map', '0:a?', '-map_metadata', '-1',
        '-filter_threads', '1', '-vf', _filters(derived.height), *_video(derived), '-c:a', 'copy',
        # Equal bytes each time: no date, no version.
        '-fflags', '+bitexact', '-flags:v', '+bitexact',
        # No time is shifted; counters begin anew, and say so, as the segment before is not known.
        '-muxdelay', '0', '-muxpreload', '0', '-avoid_negative_ts', 'disabled', '-mpegts_copyts', '1',
        '-mpegts_flags', '+initial_discontinuity', '-f', 'mpegts', 'pipe:1',
    )  # fmt: skip


def _filters(height: int) -> str:
    """Fields are joined where there are any; what is lower already stays as it is."""
    exact = 'flags=bicubic+accurate_rnd+bitexact'
    return f"yadif=deint=interlaced,scale=-2:'min({height},trunc(ih/2)*2)':{exact},format=yuv420p"


def _video(derived: Derived) -> tuple[str, ...]:
    rate = derived.bits_per_second
    return (
        '-c:v', 'libx264', '-preset', PRESET, '-threads', '1', '-bf', '0', '-level', _level(derived.height),
        '-b:v', str(rate), '-maxrate', str(rate), '-bufsize', str(rate),
        '-g', _NO_FRAME_LIMIT, '-sc_threshold', '0', '-force_key_frames', 'source', '-forced-idr', '1',
        # Each picture at its own time: none is dropped or repeated, and none is rounded to a grid.
        '-fps_mode', 'passthrough', '-enc_time_base', '1:90000',
        '-x264-params', 'cpu-independent=1',
    )  # fmt: skip


def _level(height: int) -> str:
    return next(level for most, level in _LEVELS if height <= most)
