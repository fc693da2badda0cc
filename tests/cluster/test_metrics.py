"""The metrics of both services, as Prometheus' own checker sees them."""

import subprocess
from pathlib import Path

import pytest

from tests.kit.build import fill, run_of
from tests.kit.process import backfiller, eventually, get, restreamer


def complaints(url: str) -> str:
    page = get(f'{url}/metrics').content
    done = subprocess.run(['promtool', 'check', 'metrics'], input=page, capture_output=True, timeout=20)
    lines = (done.stdout + done.stderr).decode().splitlines()
    return '\n'.join(line for line in lines if not line.startswith('process_') and 'python_info' not in line)


@pytest.mark.needs('promtool')
def test_promtool_finds_nothing_to_complain_of(tmp_path: Path) -> None:
    with (
        restreamer(fill(tmp_path / 'A', run_of(3))) as peer,
        backfiller(tmp_path / 'B', '--peer', peer) as (_, control),
    ):
        eventually(lambda: 'segments_backfilled_total{' in get(f'{control}/metrics').text)
        assert complaints(peer) == ''
        assert complaints(control) == ''
