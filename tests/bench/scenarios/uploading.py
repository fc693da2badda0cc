"""A whole store mirrored to an empty bucket, by us and by what people use otherwise."""

from functools import partial
from pathlib import Path

from tests.bench import ours, rounds, servers, uploaders
from tests.bench.bench import Bench, Figure, Result, ratio
from tests.bench.corpus import Corpus
from tests.bench.measure import BenchError, run, watching
from tests.bench.rounds import Sample, Samples
from tests.bench.uploaders import AWS, BUCKET, HOUR, S5CMD, SEGMENTS, Uploader

CAVEAT = 'Ours checks every SHA-256 before it sends, lists what is there after, and writes manifests.'


def uploading(bench: Bench) -> Result:
    """7,200 segments of 100 kB to `rclone serve s3`, which each run starts anew."""
    store = bench.store('small')
    field = uploaders.Field(store)
    takes = {each.name: partial(_sample, bench, store, each) for each in field.uploaders}
    samples = rounds.in_turn(bench, takes, bench.rounds)
    return Result(
        name='uploading',
        about=f'{store.segments:,} segments x 100 kB into an empty bucket of `rclone serve s3`. {CAVEAT}',
        columns=rounds.COLUMNS,
        rows=rounds.rows(samples, store.total_bytes),
        figures=[_faster(samples, SEGMENTS, AWS, 2), _faster(samples, HOUR, S5CMD, 4)],
        notes=field.notes,
        raw={'samples': rounds.raw(samples), 'total_bytes': store.total_bytes},
    )


def _sample(bench: Bench, store: Corpus, uploader: Uploader, number: int) -> Sample:
    with bench.target() as target:
        bucket = target / BUCKET
        bucket.mkdir()
        with servers.s3(target, uploaders.KEYS) as server:
            with watching(server.pid) as used:
                client = run(uploader.command(server.url), uploaders.ENVIRONMENT)
            if uploader.is_ours and number == 0:
                run(ours.verify_deep(f's3://{BUCKET}', server.url), uploaders.ENVIRONMENT)
        found = _contents(bucket)
        if found != (uploader.objects, store.total_bytes):
            raise BenchError(f'{uploader.name} left {found} objects and bytes: {client.output[-300:]}')
    return Sample(
        client.wall_seconds, client.cpu_seconds, used.cpu_seconds, client.peak_bytes, used.peak_bytes
    )


def _contents(bucket: Path) -> tuple[int, int]:
    """Count and total bytes of the objects that hold segments: not of manifests and playlists."""
    sizes = [path.stat().st_size for path in bucket.rglob('*.ts')]
    return len(sizes), sum(sizes)


def _faster(samples: Samples, one: str, other: str, limit: float) -> Figure:
    measured = ratio(rounds.wall(samples, other), rounds.wall(samples, one))
    return Figure(f'wall of {other} / {one}', measured, limit, at_least=True)
