"""Real video as segments: seconds of it, made quicker than they last."""

import subprocess
from datetime import datetime, timedelta
from pathlib import Path

from deploy.demo import video
from tests.kit.build import Piece, piece

FRAMES_A_PIECE = 15 * video.LIVE_SECONDS


def footage(folder: Path, start: datetime, *, seconds: int = 16) -> list[list[Piece]]:
    """What the demo's encoder makes, in order of time: the pieces of all variants that begin together."""
    command = [each for each in video.live_command() if each != '-re']
    whole = ['-t', str(seconds), '-hls_list_size', '0']
    subprocess.run([*command[:-1], *whole, command[-1]], cwd=folder, check=True, timeout=60)
    return [
        [_read(folder, number, variant, start) for variant in video.VARIANTS]
        for number in range(seconds // video.LIVE_SECONDS)
    ]


def broken_footage(folder: Path, start: datetime) -> list[list[Piece]]:
    """A recording of a stream that was on already.

    It has four seconds, a hole of as many, and six seconds more. Then the encoder began again, its timestamps
    too.
    """
    runs = []
    for name, seconds, begin in (('one', 16, start), ('other', 6, start + timedelta(seconds=16))):
        (folder / name).mkdir()
        runs.append(footage(folder / name, begin, seconds=seconds))
    one, other = runs
    return [*one[1:3], *one[5:], *other]


def _read(folder: Path, number: int, variant: str, start: datetime) -> Piece:
    return piece(
        f'{start + timedelta(seconds=video.LIVE_SECONDS * number):%Y-%m-%dT%H:%M:%S.%f}',
        seconds=video.LIVE_SECONDS,
        variant=variant,
        body=(folder / f'{variant}-{number:05}.ts').read_bytes(),
    )
