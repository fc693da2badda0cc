"""What docs/capture.md says of metrics, causes and the journal."""

import json
import re
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from backfiller.capture.decrypt import Keys
from backfiller.capture.metrics import CaptureMetrics, Watched
from backfiller.capture.origin import HttpOrigin, bare
from backfiller.outside import new_client
from common.errors import ListingError, SegmentError, SourceError
from common.hls.master_reader import parse_master
from common.hls.parts import Key
from common.hls.playlist_reader import parse_media
from common.hls.text import without_secrets
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


KEY = '#EXT-X-KEY:METHOD=AES-128,URI="//me:secret@k/?token=secret",IV=0'
BAD = (
    f'{KEY}x\n#EXTINF:2,\na.ts?t=secret',
    f'{KEY}"\n#EXTINF:2,\na.ts',
    'a.ts?t=secret',
    '//me:secret@ /a.ts',
)


@pytest.mark.parametrize(
    'bad', [*BAD, '#EXTINF:2?secret,\na.ts', '#EXT-X-DATERANGE:?secret\n#EXTINF:2,\n//me:secret@']
)
def test_no_line_of_a_playlist_brings_one_there(bad: str) -> None:
    offered = parse_media(f'#EXTM3U\n#EXT-X-TARGETDURATION:2\n{bad}\n', 'https://host/x.m3u8')
    assert offered.skipped
    assert 'secret' not in f'{offered.skipped} {offered.unread}'
    with pytest.raises(ListingError) as error:
        parse_master(
            '#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nftp://me:secret@a/?t=secret\n', 'https://host/x'
        )
    assert 'secret' not in str(error.value)


def test_neither_does_a_key_nor_a_redirect() -> None:
    with pytest.raises(SegmentError) as refused:
        Keys(lambda _: b'short').get(Key('AES-128', 'https://me:secret@host/k?t=secret', None))
    assert 'secret' not in str(refused.value)
    origin = HttpOrigin(new_client([], deadline_seconds=1, allow=['localhost']))
    with pytest.raises(SourceError) as unreachable:
        origin.text('http://localhost:1/?t=secret', 1)
    assert 'secret' not in str(unreachable.value)
    message = 'http://a/b?t=secret redirects to http://me:secret@c/d?t=secret, which is another'
    assert without_secrets(message) == 'http://a/b redirects to http://c/d which is another'


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
