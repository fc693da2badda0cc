"""Real fMP4: seconds of it as ffmpeg writes it for HLS, an init section and its fragments."""

import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from itertools import accumulate
from pathlib import Path
from tempfile import TemporaryDirectory

from common.hls import playlist_reader
from deploy.demo.video import ffmpeg
from tests.kit.build import Piece, init_of, piece

SECONDS = 2
FRAMES_A_FRAGMENT = 15 * SECONDS


@dataclass(frozen=True)
class Fragmented:
    """What ffmpeg made: the init section, each fragment with its seconds, and its own master playlist."""

    init: bytes
    fragments: tuple[tuple[bytes, float], ...]
    master: str = ''


@cache
def encoded(
    *, seconds: int = 8, size: str = '320x180', codec: str = 'libx264', audio: str = 'aac'
) -> Fragmented:
    """Seconds of a test picture, and of a tone."""
    sound = ['-f', 'lavfi', '-i', 'sine=sample_rate=44100', '-c:a', audio] if audio else []
    quiet = ['-x265-params', 'log-level=none', '-tag:v', 'hvc1'] if codec == 'libx265' else []
    with TemporaryDirectory() as name:
        command = [
            ffmpeg(), '-v', 'error', '-nostdin',
            '-f', 'lavfi', '-i', f'testsrc2=size={size}:rate=15', *sound,
            '-t', str(seconds), '-c:v', codec, *quiet, '-preset', 'ultrafast', '-pix_fmt', 'yuv420p',
            '-g', str(FRAMES_A_FRAGMENT), '-sc_threshold', '0',
            '-f', 'hls', '-hls_time', str(SECONDS), '-hls_list_size', '0', '-hls_segment_type', 'fmp4',
            '-hls_fmp4_init_filename', 'init.mp4', '-hls_segment_filename', f'{name}/%05d.m4s',
            '-master_pl_name', 'master.m3u8', f'{name}/media.m3u8',
        ]  # fmt: skip
        subprocess.run(command, check=True, timeout=60)
        return _read(Path(name))


def _read(folder: Path) -> Fragmented:
    offered = playlist_reader.parse_media((folder / 'media.m3u8').read_text(), '')
    return Fragmented(
        (folder / 'init.mp4').read_bytes(),
        tuple(((folder / each.uri).read_bytes(), each.duration.total_seconds()) for each in offered.entries),
        (folder / 'master.m3u8').read_text(),
    )


def recorded(made: Fragmented, start: datetime, *, variant: str = 'source') -> list[Piece]:
    """As it lies in a store: in each hour the init section, and the fragments."""
    lengths = [timedelta(seconds=seconds) for _, seconds in made.fragments]
    starts = accumulate(lengths, initial=start)
    content = init_of(body=made.init).segment.hash
    held = [
        piece(f'{begin:%Y-%m-%dT%H:%M:%S.%f}', body=body, seconds=seconds, variant=variant, init=content)
        for begin, (body, seconds) in zip(starts, made.fragments, strict=False)
    ]
    return [*inits(held, made.init), *held]


def inits(held: Iterable[Piece], body: bytes) -> list[Piece]:
    """The init section in each hour of the pieces."""
    hours = dict.fromkeys(each.hour for each in held)
    return [init_of(hour, body) for hour in hours]
