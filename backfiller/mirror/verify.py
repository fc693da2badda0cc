"""Whether a bucket holds what its manifests say, and what a store holds: by listing, or by reading too."""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from backfiller.mirror import manifest as manifests
from backfiller.mirror.bucket import Bucket
from backfiller.mirror.manifest import Manifest
from backfiller.pace import Wait, no_cap, paced
from common.disk import Disk
from common.errors import ListingError, SegmentError
from common.members import without_tombstones
from common.offload import offload
from common.place import EVERYTHING, Chunks, Scope, Source, verified
from common.segment import Hour, Segment, without_withdrawn

KINDS = ('missing', 'size', 'damaged', 'unread', 'unmirrored', 'manifest')


BAD_BYTES = ('hash', 'size')
"""Why a segment that was read is damaged; for any other reason it was not read."""


@dataclass(frozen=True)
class Problem:
    """Something that is not as it should be, of one of the KINDS."""

    kind: str
    path: str
    message: str


@dataclass(frozen=True)
class Verdict:
    """What was found in one hour; with how many segments read, and how many bytes."""

    hour: Hour
    segments: int
    problems: tuple[Problem, ...]
    read: int = 0
    read_bytes: int = 0

    @property
    def damaged(self) -> list[Problem]:
        """What was read, and has other bytes."""
        return [problem for problem in self.problems if problem.kind == 'damaged']

    @property
    def unread(self) -> list[Problem]:
        """What could not be read, so that nobody knows."""
        return [problem for problem in self.problems if problem.kind == 'unread']

    def told(self) -> dict[str, Any]:
        """For a report in JSON."""
        return {
            'hour': self.hour.path,
            'segments': self.segments,
            'read': self.read,
            'read_bytes': self.read_bytes,
            'problems': [vars(problem) for problem in self.problems],
        }


@dataclass
class Reading:
    """How much is read: this share of the segments, chosen at random, and no faster than the pace lets it."""

    share: float = 0.0
    pace: Wait = no_cap
    choose: random.Random = field(default_factory=random.Random)

    def some_of(self, segments: Sequence[Segment]) -> list[Segment]:
        """At least one, if any at all is to be read."""
        if not self.share or not segments:
            return []
        count = max(1, round(self.share * len(segments)))
        return self.choose.sample(segments, min(count, len(segments)))


def hours_of(
    bucket: Bucket,
    disk: Disk | None = None,
    *,
    scope: Scope = EVERYTHING,
    is_due: Callable[[Hour], bool] = lambda _: True,
) -> list[Hour]:
    """The hours of the bucket, and the due ones of the disk. Raises SourceError."""
    ours = set(filter(is_due, disk.hours(scope))) if disk else set()
    return sorted(ours | set(bucket.hours(scope)))


def verify(bucket: Bucket, disk: Source | None, hour: Hour, reading: Reading | None = None) -> Verdict:
    """The verdict on an hour. Raises SourceError."""
    reading = reading or Reading()
    objects = bucket.objects(hour)
    try:
        manifest = bucket.manifest(hour) if manifests.NAME in objects else None
    except ListingError as error:
        return _untold(hour, str(error))
    if manifest is None:
        return _untold(hour, f'{hour.path}/{manifests.NAME} is missing: the hour was not mirrored whole')
    problems = [*_wrong_objects(manifest, objects), *_not_mirrored(manifest, disk)]
    wrong = {problem.path for problem in problems}
    chosen = reading.some_of(
        [
            segment
            for segment in (Segment.parse(hour, name) for name in without_tombstones(manifest.sizes))
            if segment.path not in wrong
        ]
    )
    damaged, read_bytes = _read(bucket, chosen, reading)
    return Verdict(hour, len(manifest.sizes), (*problems, *damaged), len(chosen), read_bytes)


def _untold(hour: Hour, message: str) -> Verdict:
    return Verdict(hour, 0, (Problem('manifest', f'{hour.path}/{manifests.NAME}', message),))


def _read(bucket: Bucket, segments: Sequence[Segment], reading: Reading) -> tuple[list[Problem], int]:
    """What was read and is not what its name says, and how many bytes were read."""
    problems, size = [], 0
    for segment, chunks in bucket.read(segments) if segments else ():
        try:
            size += offload(_checked, segment, list(paced(chunks, reading.pace)))
        except SegmentError as error:
            kind = 'damaged' if error.reason in BAD_BYTES else 'unread'
            problems.append(Problem(kind, segment.path, str(error)))
    return problems, size


def _checked(segment: Segment, chunks: Chunks) -> int:
    """How many bytes there were; raises SegmentError."""
    return sum(map(len, verified(segment, chunks)))


def _wrong_objects(manifest: Manifest, objects: dict[str, int]) -> Iterator[Problem]:
    expected = {**manifest.objects, manifests.PLAYLIST_NAME: len(manifest.playlist())}
    for name, size in sorted(expected.items()):
        path, found = f'{manifest.hour.path}/{name}', objects.get(name)
        if found is None:
            yield Problem('missing', path, f'{path} is missing')
        elif found != size:
            yield Problem('size', path, f'{path} has {found} bytes instead of {size}')


def _not_mirrored(manifest: Manifest, disk: Source | None) -> Iterator[Problem]:
    """What the store holds and the manifest does not name."""
    held = disk.names(manifest.hour) if disk else set()
    for name in sorted(held - without_withdrawn(manifest.sizes.keys())):
        path = f'{manifest.hour.path}/{name}'
        yield Problem('unmirrored', path, f'{path} is held here and not mirrored')
