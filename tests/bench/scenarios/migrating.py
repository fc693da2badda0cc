"""Fifty videos moved from nginx to an empty bucket, by us and by a loop of ffmpeg and aws."""

import os
import shlex
import shutil
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from deploy.demo import video
from tests.bench import report, rounds, servers, uploaders
from tests.bench.bench import MB, Bench, Figure, Result, ratio
from tests.bench.measure import BenchError, run, watching
from tests.bench.rounds import Sample, Samples
from tests.bench.uploaders import BUCKET, ENVIRONMENT, KEYS
from tests.kit import s3
from tests.kit.build import at
from tests.kit.process import BIN
from tests.kit.videos import master, media

OURS, LOOP = 'backfiller migrate', 'ffmpeg and aws s3 cp, in a loop'
LINKS, SEGMENTS = 50, 138
"""With two playlists each these are 7,000 pieces."""

_LOOP = """\
set -e
while read -r url; do
  name=$(basename "$(dirname "$url")")
  mkdir {work}/$name
  {ffmpeg} -v error -nostdin -i "$url" -c copy -f hls -hls_list_size 0 -hls_time 4 {work}/$name/index.m3u8
  {aws} s3 cp --recursive --only-show-errors --endpoint-url {s3} {work}/$name s3://{bucket}/$name
  rm -r {work}/$name
done < {links}
"""


@dataclass(frozen=True)
class _Library:
    """The folder that is served, how many links it has, and the bytes of all segments."""

    root: Path
    links: int
    total_bytes: int


def migrating(bench: Bench) -> Result:
    """Seven thousand pieces to `rclone serve s3`, which each run starts anew."""
    library = _made(bench)
    with ExitStack() as stack:
        web = stack.enter_context(servers.nginx(library.root, bench.folder / 'nginx-migrate'))
        links = bench.folder / 'links.txt'
        urls = [f'{web.url}/video{number}/master.m3u8' for number in range(library.links)]
        links.write_text(''.join(f'{url}\n' for url in urls))
        takes = {OURS: partial(_ours, bench, library, links)}
        if aws := uploaders.aws():
            takes[LOOP] = partial(_loop, bench, library, links, aws)
        samples = rounds.in_turn(bench, takes, bench.rounds)
    memory = max(sample.client_peak_bytes for sample in samples[OURS]) / MB
    pieces = library.links * (SEGMENTS + 2)
    return Result(
        name='migrate',
        about=f'{library.links} links, {pieces:,} pieces, {library.total_bytes / MB:.0f} MB, from nginx to '
        '`rclone serve s3`. Ours lists what is there after; ffmpeg plays each link from what arrived.',
        columns=rounds.COLUMNS,
        rows=rounds.rows(samples, library.total_bytes),
        figures=[
            Figure(f'wall of the loop / {OURS}', _faster(samples), 3, at_least=True),
            Figure(f'peak memory of {OURS}', memory, 200, 'MB'),
        ],
        notes=_notes(aws),
        raw={'samples': rounds.raw(samples), 'total_bytes': library.total_bytes},
    )


def _made(bench: Bench) -> _Library:
    """An hour of video, of which each link has a part; equal bytes are one file on the disk."""
    hour, root = bench.folder / 'hour', bench.folder / 'library'
    hour.mkdir()
    found = [path for _, path in video.past_hour(hour, at('2026-11-14T03:00:00'))]
    links, total = bench.scaled(LINKS, 2), 0
    for number in range(links):
        first = number * (len(found) - SEGMENTS) // links
        folder = root / f'video{number}'
        folder.mkdir(parents=True)
        part = found[first : first + SEGMENTS]
        for path in part:
            os.link(path, folder / path.name)
            total += path.stat().st_size
        (folder / 'index.m3u8').write_bytes(media([path.name for path in part], seconds=4.0))
        (folder / 'master.m3u8').write_bytes(master('index.m3u8'))
    return _Library(root, links, total)


def _ours(bench: Bench, library: _Library, links: Path, number: int) -> Sample:
    def command(url: str, _: Path) -> list[str]:
        place = ['--bucket', f's3://{BUCKET}', '--endpoint-url', url]
        return [str(BIN / 'backfiller'), 'migrate', str(links), *place, '--json']

    def check(bucket: Any, target: Path) -> None:
        found = _contents(bucket)
        if found != (library.links * SEGMENTS, library.total_bytes):
            raise BenchError(f'{OURS} left {found} segments and bytes')
        if number == 0:
            _play(bench, library, target)

    return _sample(bench, command, check)


def _loop(bench: Bench, library: _Library, links: Path, aws: str, number: int) -> Sample:
    def command(url: str, work: Path) -> list[str]:
        filled = {
            'work': work,
            'ffmpeg': video.ffmpeg(),
            'aws': aws,
            's3': url,
            'bucket': BUCKET,
            'links': links,
        }
        quoted = {name: shlex.quote(str(value)) for name, value in filled.items()}
        return ['bash', '-c', _LOOP.format(**quoted)]

    def check(bucket: Any, _: Path) -> None:
        segments, size = _contents(bucket)
        if segments < library.links or size < 0.9 * library.total_bytes:
            raise BenchError(f'{LOOP} left {segments} segments and {size} bytes')

    return _sample(bench, command, check)


def _sample(bench: Bench, command: Any, check: Any) -> Sample:
    with (
        bench.target() as target,
        servers.s3(target, KEYS) as server,
        closing(s3.client(server.url)) as bucket,
    ):
        work = bench.folder / 'work'
        work.mkdir()
        bucket.create_bucket(Bucket=BUCKET)
        with watching(server.pid) as used:
            client = run(command(server.url, work), ENVIRONMENT)
        shutil.rmtree(work)
        check(bucket, target)
    return Sample(
        client.wall_seconds, client.cpu_seconds, used.cpu_seconds, client.peak_bytes, used.peak_bytes
    )


def _play(bench: Bench, library: _Library, target: Path) -> None:
    """Plays each link from the files that the objects are, as a server in front of the bucket gives them."""
    with servers.nginx(target / BUCKET, bench.folder / 'nginx-bucket') as web:
        for number in range(library.links):
            if said := video.plays_cleanly(f'{web.url}/video{number}/master.m3u8'):
                raise BenchError(f'link {number} does not play from the bucket: {said[-300:]}')


def _contents(bucket: Any) -> tuple[int, int]:
    pages = bucket.get_paginator('list_objects_v2').paginate(Bucket=BUCKET)
    sizes = [e['Size'] for page in pages for e in page.get('Contents', ()) if e['Key'].endswith('.ts')]
    return len(sizes), sum(sizes)


def _faster(samples: Samples) -> float | None:
    return ratio(rounds.wall(samples, LOOP), rounds.wall(samples, OURS))


def _notes(aws: str | None) -> list[str]:
    if not aws:
        return [f'{LOOP}: not run, aws is not installed']
    told = (report.version_of([aws, '--version']), report.version_of([video.ffmpeg(), '-version']))
    return [', '.join(each for each in told if each)]
