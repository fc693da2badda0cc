"""MPEG transport streams for tests: encoded by PyAV, or put together packet by packet."""

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cache

import av

from common.video.mpegts import Opening, opening

PACKET = 188
PMT_PID, VIDEO_PID, AUDIO_PID = 0x1000, 0x100, 0x101
H264, ADTS = 0x1B, 0x0F


@dataclass(frozen=True)
class Video:
    """What to encode: some frames of grey."""

    codec: str = 'libx264'
    size: tuple[int, int] = (320, 180)
    format: str = 'yuv420p'
    options: tuple[tuple[str, str], ...] = ()
    frames: int = 3


@cache
def encoded(
    video: Video | None = None, audio: str = '', *, rate: int = 48_000, later: float = 0, flags: str = ''
) -> bytes:
    """A transport stream as FFmpeg writes it; its times are `later` by so many seconds."""
    file = io.BytesIO()
    options = {'output_ts_offset': str(later), 'mpegts_flags': flags or '0'}
    if flags == 'm2ts':
        options = {'mpegts_m2ts_mode': '1'}
    with av.open(file, 'w', format='mpegts', options=options) as out:
        streams = []
        if video:
            streams.append((_video_stream(out, video), list(_pictures(video))))
        if audio:
            streams.append((out.add_stream(audio, rate=rate, layout='stereo'), list(_sound(audio, rate))))
        for stream, frames in streams:
            for frame in [*frames, None]:
                out.mux(stream.encode(frame))
    return file.getvalue()


def _video_stream(out: av.container.OutputContainer, video: Video) -> av.VideoStream:
    quiet = {'x265-params': 'log-level=none:pools=none:frame-threads=1'} if video.codec == 'libx265' else {}
    options = {'preset': 'ultrafast', **quiet, **dict(video.options)} if 'x26' in video.codec else {}
    stream = out.add_stream(video.codec, rate=25, options=options)
    stream.width, stream.height = video.size
    stream.pix_fmt = video.format
    return stream


def _pictures(video: Video) -> Iterator[av.VideoFrame]:
    for number in range(video.frames):
        frame = av.VideoFrame(*video.size, video.format)
        for plane in frame.planes:
            plane.update(bytes([128]) * plane.buffer_size)
        frame.pts, frame.time_base = number, Fraction(1, 25)
        yield frame


def _sound(codec: str, rate: int) -> Iterator[av.AudioFrame]:
    samples = {'mp2': 1152, 'libmp3lame': 1152, 'ac3': 1536, 'eac3': 1536}.get(codec, 1024)
    format_of = {'mp2': 's16'}.get(codec, 'fltp')
    for number in range(4):
        frame = av.AudioFrame(format_of, 'stereo', samples)
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        frame.sample_rate, frame.pts, frame.time_base = rate, number * samples, Fraction(1, rate)
        yield frame


def crc(data: bytes) -> int:
    """ISO/IEC 13818-1 Annex A, bit by bit."""
    register = 0xFFFFFFFF
    for byte in data:
        register ^= byte << 24
        for _ in range(8):
            register = (register << 1 ^ (0x04C11DB7 if register >> 31 else 0)) & 0xFFFFFFFF
    return register


def packet(pid: int, payload: bytes, *, starts: bool = False, counter: int = 0) -> bytes:
    """One packet, filled up by an adaptation field."""
    room = PACKET - 4 - len(payload)
    assert room >= 0
    field = bytes([room - 1]) + (b'\0' + b'\xff' * (room - 2) if room > 1 else b'') if room else b''
    control = (0x30 if room else 0x10) | counter & 15
    return bytes([0x47, starts << 6 | pid >> 8, pid & 0xFF, control]) + field + payload


def packets(pid: int, unit: bytes, *, room: int = 184, counter: int = 0) -> bytes:
    """A unit cut into packets of `room` bytes each."""
    cuts = range(0, len(unit), room)
    return b''.join(
        packet(pid, unit[at : at + room], starts=at == 0, counter=counter + number)
        for number, at in enumerate(cuts)
    )


def section(table: int, number: int, body: bytes, *, version: int = 0, in_force: bool = True) -> bytes:
    """A section with its CRC, to be put behind a pointer field."""
    rest = number.to_bytes(2, 'big') + bytes([0xC0 | version << 1 | in_force, 0, 0]) + body
    whole = bytes([table]) + (0xB000 | len(rest) + 4).to_bytes(2, 'big') + rest
    return whole + crc(whole).to_bytes(4, 'big')


def pat(programs: Iterable[tuple[int, int]] = ((1, PMT_PID),)) -> bytes:
    body = b''.join(number.to_bytes(2, 'big') + (0xE000 | pid).to_bytes(2, 'big') for number, pid in programs)
    return section(0, 1, body)


def pmt(*streams: tuple[int, int, bytes], number: int = 1, version: int = 0, info: bytes = b'') -> bytes:
    """A program map of (type, pid, descriptors)."""
    body = (0xE000 | VIDEO_PID).to_bytes(2, 'big') + (0xF000 | len(info)).to_bytes(2, 'big') + info
    for kind, pid, descriptors in streams:
        body += bytes([kind]) + (0xE000 | pid).to_bytes(2, 'big')
        body += (0xF000 | len(descriptors)).to_bytes(2, 'big') + descriptors
    return section(2, number, body, version=version)


def pes(content: bytes, *, pts: int | None = 0, stream_id: int = 0xE0) -> bytes:
    """A PES of open length, with or without a presentation time."""
    if pts is None:
        return b'\0\0\1' + bytes([stream_id, 0, 0, 0x80, 0, 0]) + content
    time = bytes([
        0x21 | pts >> 29 & 0x0E, pts >> 22 & 0xFF, pts >> 14 & 0xFE | 1, pts >> 7 & 0xFF, pts << 1 & 0xFE | 1,
    ])  # fmt: skip
    return b'\0\0\1' + bytes([stream_id, 0, 0, 0x80, 0x80, 5]) + time + content


SPS = bytes.fromhex('6764000dacd94141fb011000000300100000030320f1429960')  # 320x240
PPS = bytes.fromhex('68ebe3cb22c0')
SLICE = b'\x65' + bytes(range(1, 120))
AUD = b'\x09\xf0'
ONE_VIDEO = pmt((H264, VIDEO_PID, b''))
PAT = packets(0, b'\0' + pat())
TABLES = PAT + packets(PMT_PID, b'\0' + ONE_VIDEO)


def units(*each: bytes) -> bytes:
    """NAL units as a byte stream (H.264 Annex B)."""
    return b''.join(b'\0\0\0\1' + unit for unit in each)


def picture(*, pts: int | None = 900_000, room: int = 184, sets: tuple[bytes, ...] = (SPS, PPS)) -> bytes:
    """The packets of one picture of H.264."""
    return packets(VIDEO_PID, pes(units(AUD, *sets, SLICE), pts=pts), room=room)


def told(data: bytes) -> Opening:
    """The opening of what is a transport stream."""
    found = opening(data)
    assert found
    return found


class Watched(bytes):
    """Bytes that remember how many of them were asked for, and how far."""

    def __init__(self, *_: object) -> None:
        self.furthest = self.asked = 0

    def __getitem__(self, key):  # type: ignore[no-untyped-def]
        stop = key.stop if isinstance(key, slice) else key + 1
        self.furthest = max(self.furthest, min(stop, len(self)))
        self.asked += 1
        return super().__getitem__(key)
