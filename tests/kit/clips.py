"""Short video as an encoder makes it, and what is in it by the word of FFmpeg's libraries."""

import io
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import av

from deploy.demo import video

PICTURE = '-f', 'lavfi', '-i', 'testsrc2=size=320x240:rate=30'
SOUND = '-f', 'lavfi', '-i', 'sine=frequency=440:sample_rate=48000'
H264 = '-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p'
AAC = '-c:a', 'aac'


@cache
def clip(*encoding: str, seconds: float = 1, begins: float = 0) -> bytes:
    """A transport stream of a test picture, and of a tone where a codec for it is given."""
    inputs = [*PICTURE, *(SOUND if '-c:a' in encoding else ())]
    command = [
        video.ffmpeg(),
        *('-v', 'error', '-nostdin', *inputs, '-t', str(seconds), *encoding),
        *('-output_ts_offset', str(begins), '-f', 'mpegts', '-'),
    ]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=60).stdout


@dataclass(frozen=True)
class Contents:
    """The times of the pictures in order, and of the key frames; the sound; the size of the pictures."""

    pictures: tuple[int, ...]
    keys: tuple[int, ...]
    sound: tuple[tuple[int, bytes], ...]
    size: tuple[int, int]


def contents(body: bytes) -> Contents:
    with av.open(io.BytesIO(body), format='mpegts') as file:
        packets = [each for each in file.demux() if each.size]
        pictures = sorted((int(each.pts or 0), each.is_keyframe) for each in packets if _is(each, 'video'))
        sound = tuple((int(each.pts or 0), bytes(each)) for each in packets if _is(each, 'audio'))
        shown = file.streams.video[0].codec_context
        return Contents(
            tuple(pts for pts, _ in pictures),
            tuple(pts for pts, is_key in pictures if is_key),
            sound,
            (shown.width, shown.height),
        )


def complaints(bodies: Sequence[bytes]) -> str:
    """What ffmpeg says when it decodes segments one after the other, and gives up at the first trouble."""
    command = [video.ffmpeg(), '-v', 'warning', '-xerror', '-f', 'mpegts', '-i', '-', '-map', '0']
    done = subprocess.run(
        [*command, '-f', 'null', '-'], input=b''.join(bodies), capture_output=True, timeout=60
    )
    return done.stderr.decode() or (f'exit code {done.returncode}' if done.returncode else '')


def _is(packet: av.Packet, kind: str) -> bool:
    return packet.stream.type == kind
