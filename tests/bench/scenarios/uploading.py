"""A whole store mirrored to an empty bucket, by us and by what people use otherwise."""

from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from functools import partial
from pathlib import Path
from typing import Any

from tests.bench import ours, rounds, servers, uploaders
from tests.bench.bench import Bench, Figure, Result, ratio
from tests.bench.corpus import Corpus
from tests.bench.measure import BenchError, run, watching
from tests.bench.rounds import Sample, Samples
from tests.bench.servers import Server
from tests.bench.uploaders import AWS, BUCKET, HOUR, S5CMD, SEGMENTS, Uploader
from tests.kit import s3

CAVEAT = 'Ours checks every SHA-256 before it sends, lists what is there after, and writes manifests.'
FEW_WORKERS = 16

Start = Callable[[Path, tuple[str, str]], AbstractContextManager[Server]]


def uploading(bench: Bench) -> Result:
    """7,200 segments of 100 kB to `rclone serve s3`, which each run starts anew."""
    store = bench.store('small')
    field = uploaders.Field(store)
    samples = _samples(bench, store, servers.s3, field.uploaders)
    return Result(
        name='uploading',
        about=f'{store.segments:,} segments x 100 kB into an empty bucket of `rclone serve s3`. {CAVEAT}',
        columns=rounds.COLUMNS,
        rows=rounds.rows(samples, store.total_bytes),
        figures=[_faster(samples, SEGMENTS, AWS, 2), _faster(samples, HOUR, S5CMD, 4)],
        notes=field.notes,
        raw={'samples': rounds.raw(samples), 'total_bytes': store.total_bytes},
    )


def uploading_to_swift(bench: Bench) -> Result:
    """The same to OpenStack Swift, to which an object costs ten times as much."""
    store = bench.store('small')
    field = uploaders.Field(store, workers=FEW_WORKERS)
    both = [each for each in field.uploaders if each.name in (HOUR, S5CMD)]
    samples = _samples(bench, store, servers.swift, both)
    about = f'{store.segments:,} segments x 100 kB into an empty bucket of OpenStack Swift.'
    return Result(
        name='uploading to swift',
        about=f'{about} s5cmd has {FEW_WORKERS} workers: with 256 Swift says that there is no such bucket.',
        columns=rounds.COLUMNS,
        rows=rounds.rows(samples, store.total_bytes),
        figures=[_faster(samples, HOUR, S5CMD, 4)],
        notes=field.notes,
        raw={'samples': rounds.raw(samples), 'total_bytes': store.total_bytes},
    )


def _samples(bench: Bench, store: Corpus, start: Start, field: list[Uploader]) -> Samples:
    takes = {each.name: partial(_sample, bench, store, start, each) for each in field}
    return rounds.in_turn(bench, takes, bench.rounds)


def _sample(bench: Bench, store: Corpus, start: Start, uploader: Uploader, number: int) -> Sample:
    with bench.target() as target, start(target, uploaders.KEYS) as server:
        with closing(s3.client(server.url)) as bucket:
            bucket.create_bucket(Bucket=BUCKET)
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


def _contents(bucket: Any) -> tuple[int, int]:
    """Count and total bytes of the objects that hold segments: not of manifests and playlists."""
    pages = bucket.get_paginator('list_objects_v2').paginate(Bucket=BUCKET)
    found = [each for page in pages for each in page.get('Contents', ())]
    sizes = [each['Size'] for each in found if each['Key'].endswith('.ts')]
    return len(sizes), sum(sizes)


def _faster(samples: Samples, one: str, other: str, limit: float) -> Figure:
    measured = ratio(rounds.wall(samples, other), rounds.wall(samples, one))
    return Figure(f'wall of {other} / {one}', measured, limit, at_least=True)
