"""Fault 31: 1 in 10 links broken, SIGKILL half-way. The next run ends it, and sends nothing that is there."""

import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from deploy.demo import video
from tests.kit import videos as web
from tests.kit.build import at
from tests.kit.migrating import Migrating
from tests.kit.moments import moments
from tests.kit.strict_s3.server import strict_s3
from tests.kit.videos import Origin, put_video

LINKS = 30
SEGMENTS = 8


@dataclass
class Library:
    """Thirty videos, every tenth of which is broken in a way of its own, and one of them listed twice."""

    origin: Origin
    urls: list[str]
    statuses: dict[str, str]


@pytest.fixture
def library() -> Iterator[Library]:
    with web.origin() as origin:
        urls = [put_video(origin, f'/video{number}', segments=SEGMENTS) for number in range(LINKS)]
        origin.does('/video5/master.m3u8', web.status(404))
        for number in range(SEGMENTS):
            origin.does(f'/video15/v/s{number}.ts', web.status(403))
        origin.does('/video25/v/s4.ts', web.status(410))
        origin.does('/video7/v/index.m3u8', web.redirects(f'{origin.url}/moved/deep/index.m3u8'))
        for path, body in list(origin.files.items()):
            if path.startswith('/video7/v/'):
                origin.files[path.replace('/video7/v/', '/moved/deep/')] = body
        broken = {urls[5]: 'failed', urls[15]: 'failed', urls[25]: 'holes'}
        yield Library(origin, [*urls, urls[3]], {url: broken.get(url, 'done') for url in urls})


def expected(library: Library) -> dict[str, bytes]:
    """What should be in the bucket in the end."""
    gone = ('/video5/', '/video15/', '/video25/v/s4.ts', '/video7/v/s')
    there = {path[1:]: body for path, body in library.origin.files.items() if not path.startswith(gone)}
    there.pop('moved/deep/index.m3u8')
    names = [f'../../moved/deep/s{number}.ts' for number in range(SEGMENTS)]
    there['video7/v/index.m3u8'] = web.media(names)
    return there


@pytest.mark.slow
def test_31_killed_at_any_moment_the_next_run_ends_it_and_sends_nothing_twice(
    library: Library, tmp_path: Path
) -> None:
    with strict_s3() as s3:
        whole = Migrating(s3, tmp_path, library.urls)
        whole.run(code=1)
        calls = s3.count('*', bucket=whole.bucket_name)
        for moment in moments('migrate killed', calls):
            migrating = Migrating(s3, tmp_path, library.urls)
            since = migrating.killed_at(moment)
            there = set(migrating.objects())
            report = migrating.run(code=1)
            assert {url: report.status(url) for url in library.statuses} == library.statuses
            assert migrating.objects() == expected(library)
            assert not there & set(migrating.sent(since))
            assert migrating.run(code=1).said['sent'] == 0


def test_31_what_a_kill_left_open_is_aborted(tmp_path: Path) -> None:
    with strict_s3() as s3, web.origin() as origin:
        origin.files |= {'/a.m3u8': web.media(['l.ts']), '/l.ts': web.body_of('large', 20_000_000)}
        for operation in ('CreateMultipartUpload', 'UploadPart'):
            migrating = Migrating(s3, tmp_path, [f'{origin.url}/a.m3u8'])
            with migrating.started() as process:
                s3.calls_back(operation, lambda _: process.stop(signal.SIGKILL), times=1, when='done')
                process.wait()
            s3.recovers()
            assert len(s3.uploads()) == 1
            assert migrating.run().said['done'] == 1
            assert not s3.uploads()
            assert set(migrating.objects()) == {'a.m3u8', 'l.ts'}


def test_31_who_is_told_to_stop_reports_and_leaves_nothing_open(tmp_path: Path) -> None:
    with strict_s3() as s3, web.origin() as origin:
        origin.files |= {'/a.m3u8': web.media(['l.ts']), '/l.ts': web.body_of('large', 20_000_000)}
        migrating = Migrating(s3, tmp_path, [f'{origin.url}/a.m3u8'])
        with migrating.started() as process:
            s3.calls_back('UploadPart', lambda _: process.stop(signal.SIGINT), times=1)
            assert process.wait() == 1
        assert 'stopped before its end: run it again' in process.output
        assert process.lines[-1] == 'error: stopped before the end: run it again to finish'
        assert not s3.uploads()
        assert migrating.objects() == {}


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_31_fifty_links_of_real_video_killed_half_way(tmp_path: Path) -> None:
    with strict_s3(public=True) as s3, web.origin() as origin:
        urls = _real_videos(origin, tmp_path)
        origin.does('/video4/master.m3u8', web.status(404))
        origin.does('/video14/master.m3u8', web.status(403))
        origin.does('/video24/index.m3u8', web.a_web_page)
        origin.does('/video34/s70.ts', web.status(410))
        origin.does('/video44/s7.ts', web.status(500))
        migrating = Migrating(s3, tmp_path, urls)
        since = migrating.killed_at(3500)
        there = set(migrating.objects())
        assert 3000 < len(there) < 3600
        report = migrating.run(code=1)
        broken = {4: 'failed', 14: 'failed', 24: 'failed', 34: 'holes', 44: 'holes'}
        assert [report.status(url) for url in urls] == [broken.get(number, 'done') for number in range(50)]
        assert (report.lacking(urls[34]), report.links[urls[34]]['missing_seconds']) == (
            ['video34/s70.ts'],
            4.0,
        )
        assert not there & set(migrating.sent(since))
        for number, url in enumerate(urls):
            if report.status(url) == 'done':
                link = f'{s3.url}/{migrating.bucket_name}/archive/video{number}/master.m3u8'
                assert video.plays_cleanly(link) == '', link


def _real_videos(origin: Origin, folder: Path) -> list[str]:
    """Fifty parts of an hour of video, of 138 segments each."""
    bodies = [path.read_bytes() for _, path in video.past_hour(folder, at('2026-11-14T03:00:00'))]
    names = [f's{number}.ts' for number in range(138)]
    for number in range(50):
        origin.files[f'/video{number}/master.m3u8'] = web.master('index.m3u8')
        origin.files[f'/video{number}/index.m3u8'] = web.media(names, seconds=4.0)
        part = bodies[number * 15 : number * 15 + len(names)]
        origin.files |= {f'/video{number}/{name}': body for name, body in zip(names, part, strict=True)}
    return [f'{origin.url}/video{number}/master.m3u8' for number in range(50)]
