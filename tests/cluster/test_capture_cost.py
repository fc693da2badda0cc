"""What recording costs in real time; it takes a while, so `make soak` runs it."""

import os
import time
from pathlib import Path

import pytest

from tests.kit.origin import Live, origin_of
from tests.kit.process import eventually, running

SECONDS = float(os.environ.get('SEGMESH_SOAK_SECONDS', '0'))
VARIANTS = 4
SEGMENT_SECONDS = 2.0
SEGMENT_BYTES = 188 * 5000
MOST_SHARE = 0.01


def cpu_seconds(pid: int) -> float:
    """What the process has used up to now, of all its threads."""
    user, system = Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf('SC_CLK_TCK')


def master(lives: list[Live]) -> str:
    entries = (f'#EXT-X-STREAM-INF:BANDWIDTH={n + 1}000\n{each.name}.m3u8\n' for n, each in enumerate(lives))
    return '#EXTM3U\n' + ''.join(entries)


@pytest.mark.skipif(not SECONDS, reason='it takes a while: make soak')
def test_a_variant_takes_less_than_a_hundredth_of_a_core(tmp_path: Path) -> None:
    lives = [Live(f'v{n}', seconds=SEGMENT_SECONDS) for n in range(VARIANTS)]
    bodies = [(b'\x47' + bytes([n]) * 187) * (SEGMENT_BYTES // 188) for n in range(VARIANTS)]
    with origin_of(*lives) as origin:
        origin.pages['/master.m3u8'] = master(lives)
        command = (
            'backfiller',
            'capture',
            f'{origin.url}/master.m3u8',
            '--store',
            tmp_path,
            '--stream',
            'bus',
        )

        def publish(until: float) -> None:
            while time.monotonic() < until:
                for live, body in zip(lives, bodies, strict=True):
                    live.publish(body=body)
                time.sleep(SEGMENT_SECONDS)

        with running(*command) as process:
            publish(time.monotonic() + 3 * SEGMENT_SECONDS)
            eventually(lambda: len(list(tmp_path.rglob('*.ts'))) == sum(len(each.every) for each in lives))
            began, before = time.monotonic(), cpu_seconds(process.pid)
            publish(began + max(20.0, SECONDS / 3))
            share = (cpu_seconds(process.pid) - before) / (time.monotonic() - began) / VARIANTS
            print(f'capture: {share:.2%} of a core for each of {VARIANTS} variants')  # noqa: T201
            eventually(lambda: len(list(tmp_path.rglob('*.ts'))) == sum(len(each.every) for each in lives))
        assert share < MOST_SHARE
