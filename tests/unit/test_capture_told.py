"""What docs/capture.md says of metrics, causes and the journal."""

import json
import re
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from backfiller.capture.metrics import CaptureMetrics, Watched
from backfiller.capture.origin import bare
from common.skips import Skip, Skips
from tests.kit.build import at

TEXT = (Path(__file__).parents[2] / 'docs/capture.md').read_text()
BUS, TRAM = Watched('bus', 'source'), Watched('tram', 'source')


@pytest.mark.parametrize(
    ('url', 'expected'),
    [
        ('https://host/live/x.m3u8?token=secret', 'https://host/live/x.m3u8'),
        ('https://user:se@cret@host:8080/x.ts', 'https://host:8080/x.ts'),
        ('https://host/a@b.ts', 'https://host/a@b.ts'),
        ('https://host/x\n2026 all is well', 'https://host/x\\n2026 all is well'),
    ],
)
def test_no_password_or_token_gets_into_a_log(url: str, expected: str) -> None:
    assert bare(url) == expected


def told_of(metrics: CaptureMetrics, watched: Watched) -> None:
    metrics.follow(watched, lambda: 1.5)
    metrics.stored(watched, 'full', 100)
    metrics.skipped(watched, 'gone', 3)
    metrics.loaded(watched, 'changed')
    metrics.failed(watched, '404')
    metrics.placed(watched, 'stated')


def test_the_metrics_are_those_of_the_document_and_go_with_their_stream() -> None:
    registry = CollectorRegistry()
    metrics = CaptureMetrics(registry)
    told_of(metrics, BUS)
    told_of(metrics, TRAM)
    lines = generate_latest(registry).decode().splitlines()
    names = {re.split('[ {]', line)[0] for line in lines if not line.startswith('#')}
    assert {name for name in names if not name.endswith('_created')} == set(
        re.findall('capture_[a-z_]+', TEXT)
    )
    metrics.forget('bus')
    left = generate_latest(registry).decode()
    assert 'stream="bus"' not in left
    assert 'capture_skipped_total{cause="gone",stream="tram",variant="source"} 3.0' in left


def test_the_line_of_the_document_is_one_of_the_journal(store: Path) -> None:
    (line,) = re.findall('^{"time".*}$', TEXT, re.MULTILINE)
    path = store / '.skips/bus/source/2026-11-14.jsonl'
    path.parent.mkdir(parents=True)
    path.write_text(line + '\n')
    (noted,) = Skips(store).read('bus', 'source')
    path.unlink()
    Skips(store).append('bus', 'source', [noted.skip], noted.time)
    assert json.loads(path.read_text()) == json.loads(line)
    assert noted.skip == Skip(1120, '404', at('2026-11-14T03:07:26'), noted.skip.duration)
