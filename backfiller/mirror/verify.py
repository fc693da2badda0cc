"""Whether a bucket holds what its manifests say, and what a store holds; by listing, not by reading."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from backfiller.mirror import manifest as manifests
from backfiller.mirror.bucket import Bucket
from backfiller.mirror.manifest import Manifest
from common.disk import Disk
from common.errors import ListingError
from common.place import EVERYTHING, Scope
from common.segment import Hour, without_withdrawn


@dataclass(frozen=True)
class Verdict:
    """What was found in one hour; `problems` is a line for each object that is missing or wrong."""

    hour: Hour
    segments: int
    problems: tuple[str, ...]


def verify(
    bucket: Bucket,
    disk: Disk | None = None,
    *,
    scope: Scope = EVERYTHING,
    is_due: Callable[[Hour], bool] = lambda _: True,
) -> Iterator[Verdict]:
    """A verdict for each hour of the bucket, and for each due hour of the disk. Raises SourceError."""
    ours = set(filter(is_due, disk.hours(scope))) if disk else set()
    for hour in sorted(ours | set(bucket.hours(scope))):
        yield _verify_hour(bucket, disk if hour in ours else None, hour)


def _verify_hour(bucket: Bucket, disk: Disk | None, hour: Hour) -> Verdict:
    objects = bucket.objects(hour)
    text = bucket.get_text(f'{hour.path}/{manifests.NAME}') if manifests.NAME in objects else None
    if text is None:
        return Verdict(
            hour, 0, (f'{hour.path}/{manifests.NAME} is missing: the hour was not mirrored whole',)
        )
    try:
        manifest = Manifest.decode(hour, text)
    except ListingError as error:
        return Verdict(hour, 0, (str(error),))
    problems = [*_wrong_objects(manifest, objects), *_not_mirrored(manifest, disk)]
    return Verdict(hour, len(manifest.sizes), tuple(problems))


def _wrong_objects(manifest: Manifest, objects: dict[str, int]) -> Iterator[str]:
    for name, size in sorted(manifest.objects.items()):
        found = objects.get(name)
        if found is None:
            yield f'{manifest.hour.path}/{name} is missing'
        elif found != size:
            yield f'{manifest.hour.path}/{name} has {found} bytes instead of {size}'
    yield from _wrong_playlist(manifest, objects.get(manifests.PLAYLIST_NAME))


def _wrong_playlist(manifest: Manifest, found: int | None) -> Iterator[str]:
    path, size = f'{manifest.hour.path}/{manifests.PLAYLIST_NAME}', len(manifest.playlist())
    if found is None:
        yield f'{path} is missing'
    elif found != size:
        yield f'{path} has {found} bytes instead of {size}'


def _not_mirrored(manifest: Manifest, disk: Disk | None) -> Iterator[str]:
    """What the store holds and the manifest does not name."""
    held = disk.names(manifest.hour) if disk else set()
    for name in sorted(held - without_withdrawn(manifest.sizes.keys())):
        yield f'{manifest.hour.path}/{name} is held here and not mirrored'
