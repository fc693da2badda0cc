"""GET /cut: a range as one file, whose bytes are those of its segments."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import gevent
import pytest

from common.errors import SegmentError
from common.reel import Reel
from deploy.demo.video import ffmpeg
from restreamer.admission.limits import Gate
from restreamer.context import EXTENSION
from restreamer.playing.remux import remuxed
from tests.kit.build import at, fill, piece, run_of
from tests.kit.footage import footage
from tests.kit.process import eventually, restreamer
from tests.restreamer.client import Answer, Clock, ask, client_of, connect

BEFORE, AFTER = run_of(5), run_of(5, '2026-11-14T03:00:20')
WHOLE = '/cut/bus/source.ts?start=2026-11-14T03:00:00Z&end=2026-11-14T03:00:10Z'
WITH_HOLE = '/cut/bus/source.ts?start=2026-11-14T03:00:00Z&end=2026-11-14T03:00:30Z'
BYTES = b''.join(each.body for each in BEFORE)
SECONDS = 8


@pytest.fixture(scope='module')
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    store = fill(tmp_path_factory.mktemp('cut') / 'store', [*BEFORE, *AFTER])
    made = footage(tmp_path_factory.mktemp('video'), at('2026-11-14T05:00:00'), seconds=SECONDS)
    fill(store, [source for source, _ in made])
    with restreamer(store, '--ffmpeg', ffmpeg()) as url:
        yield url


def test_a_range_is_its_segments_joined(url: str) -> None:
    answer = ask(url, WHOLE)
    assert (answer.status, answer.body) == (200, BYTES)
    assert answer.headers['Content-Length'] == str(len(BYTES))
    assert answer.headers['Content-Type'] == 'video/mp2t'
    assert (
        'filename="bus-source-20261114T030000Z-20261114T030010Z.ts"' in answer.headers['Content-Disposition']
    )
    head = ask(url, WHOLE, 'HEAD')
    assert (head.headers['Content-Length'], head.body) == (str(len(BYTES)), b'')


@pytest.mark.parametrize(
    ('wanted', 'part'),
    [
        ('bytes=0-9', slice(0, 10)),
        (f'bytes={len(BEFORE[0].body) - 5}-{len(BEFORE[0].body) + 5}',
         slice(len(BEFORE[0].body) - 5, len(BEFORE[0].body) + 6)),
        ('bytes=3000-', slice(3000, None)),
        ('bytes=-7', slice(-7, None)),
    ],
)  # fmt: skip
def test_a_part_of_it_over_the_borders_of_segments(url: str, wanted: str, part: slice) -> None:
    answer = ask(url, WHOLE, headers={'Range': wanted})
    assert (answer.status, answer.body) == (206, BYTES[part])


def test_what_was_cut_before_is_not_sent_again(url: str) -> None:
    tag = ask(url, WHOLE).headers['ETag']
    assert ask(url, WHOLE, headers={'If-None-Match': tag}).status == 304


def test_a_hole_is_refused_and_told_unless_it_is_allowed(url: str) -> None:
    refused = ask(url, WITH_HOLE)
    assert refused.status == 409
    told = json.loads(refused.body)
    assert told['holes'] == [
        {'start': '2026-11-14T03:00:10Z', 'end': '2026-11-14T03:00:20Z', 'seconds': 10.0}
    ]
    assert 'holes=allow' in told['error']
    allowed = ask(url, f'{WITH_HOLE}&holes=allow')
    assert allowed.body == BYTES + b''.join(each.body for each in AFTER)


@pytest.mark.parametrize(
    ('query', 'status', 'sentence'),
    [
        ('', 400, 'a cut needs a start and an end'),
        ('?start=2026-11-14T03:00:00', 400, 'a cut needs a start and an end'),
        ('?start=2026-11-14T03:00:00&end=2026-11-16T03:00:00', 400, 'a cut may last for 1 day'),
        ('?start=2026-11-14T03:00:00&end=2026-11-14T03:00:10&holes=maybe', 400, 'holes: '),
        ('?start=2026-11-14T04:00:00&end=2026-11-14T04:00:10', 404, 'nothing of bus/source is held'),
    ],
)
def test_what_cannot_be_cut(url: str, query: str, status: int, sentence: str) -> None:
    for kind in ('ts', 'mp4'):
        answer = ask(url, f'/cut/bus/source.{kind}{query}')
        assert answer.status == status
        assert sentence in answer.error


def mp4_of(url: str, path: str) -> Answer:
    answer = ask(url, path)
    assert answer.status == 200, answer.body
    assert answer.headers['Content-Type'] == 'video/mp4'
    return answer


def test_an_mp4_has_every_frame_of_the_range(url: str, tmp_path: Path) -> None:
    query = f'start=2026-11-14T05:00:00&end=2026-11-14T05:00:{SECONDS:02}'
    (tmp_path / 'cut.mp4').write_bytes(mp4_of(url, f'/cut/bus/source.mp4?{query}').body)
    (tmp_path / 'cut.ts').write_bytes(ask(url, f'/cut/bus/source.ts?{query}').body)
    frames = []
    for name in ('cut.mp4', 'cut.ts'):
        with av.open(tmp_path / name) as container:
            frames.append(sum(1 for _ in container.decode(video=0)))
    assert frames[0] == frames[1] > 0


def test_what_is_no_video_makes_no_mp4(url: str) -> None:
    answer = ask(url, WHOLE.replace('.ts?', '.mp4?'))
    assert answer.status == 422
    assert 'ffmpeg made no MP4 of it' in answer.error


def test_without_ffmpeg_it_is_said_what_is_missing(tmp_path: Path) -> None:
    with restreamer(fill(tmp_path / 'store', BEFORE), '--ffmpeg', 'no-such-program') as url:
        answer = ask(url, WHOLE.replace('.ts?', '.mp4?'))
    assert answer.status == 501
    assert answer.error == 'ffmpeg: there is no no-such-program here, which makes the MP4; take the .ts'


def test_no_more_than_so_many_at_once(tmp_path: Path) -> None:
    large = [piece('2026-11-14T03:00:00', body=b'x' * 20_000_000), piece('2026-11-14T03:00:02')]
    path = '/cut/bus/source.ts?start=2026-11-14T03:00:00&end=2026-11-14T03:00:04'
    with restreamer(fill(tmp_path / 'store', large), '--most-cuts', '1') as url:
        first = connect(url)
        first.request('GET', path)
        assert first.getresponse().read(1000)
        refused = ask(url, path)
        assert refused.status == 503
        assert refused.headers['Retry-After']
        first.close()
        eventually(lambda: ask(url, path).status == 200)


def test_one_who_looks_while_another_comes_in_is_told_to_come_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = client_of(fill(tmp_path / 'store', BEFORE), Clock(at('2026-11-14T04:00:00')))
    context = client.application.extensions[EXTENSION]
    gate, look = Gate(1), context.hours.reels

    def and_another_comes_in(*args: Any) -> list[Reel]:
        gate.__enter__()
        return look(*args)

    monkeypatch.setattr(context, 'cuts', gate)
    monkeypatch.setattr(context.hours, 'reels', and_another_comes_in)
    assert client.get(WHOLE).status_code == 503


def test_a_segment_that_goes_away_breaks_the_answer_off(tmp_path: Path) -> None:
    store = fill(tmp_path / 'store', BEFORE)
    client = client_of(store, Clock(at('2026-11-14T04:00:00')))
    answer = client.get(WHOLE, buffered=False)
    blocks = answer.iter_encoded()
    assert next(blocks) == BEFORE[0].body
    (store / BEFORE[2].path).unlink()
    assert next(blocks) == BEFORE[1].body
    with pytest.raises(Exception, match='is not held'):
        next(blocks)
    answer.close()


def test_a_segment_that_goes_away_ends_the_ffmpeg_that_waits_for_it() -> None:
    closed = []

    class Blocks:
        def __iter__(self) -> Iterator[bytes]:
            yield b'G' * 188
            raise SegmentError('missing', 'the next is gone')

        def close(self) -> None:
            closed.append(True)

    with pytest.raises(SegmentError, match='the next is gone'), gevent.Timeout(10):
        list(remuxed(ffmpeg(), Blocks(), 'mpegts', has_adts=False))
    assert closed
