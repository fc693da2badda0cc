"""Removes from a bucket what was found damaged there, so that it is sent again: only what is whole here."""

from backfiller.mirror.bucket import Bucket
from backfiller.mirror.verify import Problem, Verdict
from common.alone import alone
from common.disk import Disk
from common.errors import SegmentError
from common.members import without_tombstones
from common.offload import offload
from common.place import verified
from common.segment import Segment


def remove_damaged(bucket: Bucket, disk: Disk, verdict: Verdict) -> list[Problem]:
    """Removes the objects that were found damaged, if all that is in them is whole on the disk.

    Returns the problems that stay. Meanwhile nothing is let go of the store; raises BlockingIOError if
    something just is. Raises SourceError, ListingError or StoreError.
    """
    with alone(disk.root):
        inside = _inside_damaged(bucket, verdict)
        gone = {name for name, segments in inside.items() if _is_removed(bucket, disk, name, segments)}
    mended = {each.path for name in gone for each in inside[name]}
    return [problem for problem in verdict.damaged if problem.path not in mended]


def _inside_damaged(bucket: Bucket, verdict: Verdict) -> dict[str, list[Segment]]:
    """The damaged objects, and all segments that each of them holds."""
    inside: dict[str, list[Segment]] = {}
    if not (manifest := bucket.manifest(verdict.hour)):
        return inside
    for name in without_tombstones(manifest.sizes):
        inside.setdefault(manifest.object_of(name), []).append(Segment.parse(verdict.hour, name))
    paths = {problem.path for problem in verdict.damaged}
    return {name: found for name, found in inside.items() if paths & {each.path for each in found}}


def _is_removed(bucket: Bucket, disk: Disk, name: str, segments: list[Segment]) -> bool:
    if not all(offload(_is_whole, disk, each) for each in segments):
        return False
    try:
        bucket.delete(f'{segments[0].hour.path}/{name}')
    except SegmentError:  # such as one that may not be deleted: it stays, and is told
        return False
    return True


def _is_whole(disk: Disk, segment: Segment) -> bool:
    try:
        for _, chunks in disk.read([segment]):
            for _chunk in verified(segment, chunks):
                pass
    except SegmentError:
        return False
    return True
