"""How the segments of an hour become objects: each one of its own, or all in one and late ones beside it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from backfiller import sync
from backfiller.carry import side_by_side
from backfiller.mirror import joined
from backfiller.mirror.bucket import IMMUTABLE, Bucket
from backfiller.mirror.joined import Joined
from backfiller.mirror.manifest import Manifest
from backfiller.mirror.multipart import Uploads
from backfiller.mirror.turns import TAKEOVER_SECONDS
from common import digest
from common.errors import SegmentError
from common.offload import OffloadedDisk
from common.place import verified
from common.segment import Hour, Segment, media_type


@dataclass(frozen=True)
class Sent:
    """What was put, what went wrong, and what the hour's one object holds, if there is one."""

    segments: int
    problems: Sequence[str] = ()
    inside: Joined | None = None


class Layout(Protocol):
    """What puts the segments of an hour into the bucket."""

    def send(
        self, hour: Hour, sizes: Mapping[str, int], objects: Mapping[str, int], there: Manifest | None
    ) -> Sent:
        """Puts what the bucket lacks of our names; `objects` is what it lists, `there` what it says it is."""

    def sweep(self, hours: Sequence[Hour]) -> None:
        """Tidies up what was begun for other hours, and never ended."""


class OneEach:
    """Layout `segments`: each segment is an object."""

    def __init__(self, disk: OffloadedDisk, bucket: Bucket) -> None:
        self._disk = disk
        self._bucket = bucket

    def send(
        self, hour: Hour, sizes: Mapping[str, int], objects: Mapping[str, int], there: Manifest | None
    ) -> Sent:
        inside = _still_there(objects, there)
        target = _Intact(self._bucket, sizes, objects, inside)
        events = list(sync.sync(self._disk, target, [hour], carry=side_by_side))
        added = sum(isinstance(event, sync.Added) for event in events)
        problems = [str(each.error) for each in events if isinstance(each, sync.Failed | sync.Unlisted)]
        return Sent(added, problems, inside)

    def sweep(self, hours: Sequence[Hour]) -> None:
        pass


class AllInOne:
    """Layout `hour`: what is there when the hour is first mirrored becomes one object, late segments follow.

    The object is written once. One that no manifest knows was left by a crash: it is taken as it is if it is
    what we would send, and else made anew, but another node gets time to write its manifest first.
    """

    def __init__(
        self,
        disk: OffloadedDisk,
        bucket: Bucket,
        uploads: Uploads,
        *,
        node_id: str,
        clock: Callable[[], datetime],
    ) -> None:
        self._disk = disk
        self._bucket = bucket
        self._uploads = uploads
        self._node_id = node_id
        self._clock = clock
        self._late = OneEach(disk, bucket)

    def send(
        self, hour: Hour, sizes: Mapping[str, int], objects: Mapping[str, int], there: Manifest | None
    ) -> Sent:
        inside, added = _still_there(objects, there), 0
        segments = joined.in_order(hour, sizes)
        if not inside and segments:
            inside, added = self._join(hour, segments, sizes)
            objects = {**objects, inside.name: inside.size_bytes}
            there = Manifest(hour, sizes, inside)
        for path in joined.paths(hour):
            self._uploads.drop(path)
        late = self._late.send(hour, sizes, objects, there)
        return Sent(added + late.segments, late.problems, inside)

    def sweep(self, hours: Sequence[Hour]) -> None:
        self._uploads.sweep({path for hour in hours for path in joined.paths(hour)})

    def _join(self, hour: Hour, segments: Sequence[Segment], sizes: Mapping[str, int]) -> tuple[Joined, int]:
        """The object, and how many segments were sent for it; raises SegmentError if it is not our turn."""
        name, spans = joined.name_for(segments), joined.spans(segments, sizes)
        path = f'{hour.path}/{name}'
        fingerprint, total = digest.fingerprint(spans), sum(sizes[each] for each in spans)
        head = self._bucket.calls.head(path)
        if head:
            if (head.metadata.get('fingerprint'), head.size_bytes) == (fingerprint, total):
                return Joined(name, head.etag, total, spans), 0
            patience = timedelta(seconds=TAKEOVER_SECONDS)
            if head.metadata.get('node') != self._node_id and self._clock() < head.modified + patience:
                raise SegmentError(
                    'conflict', f'{path} was written by another node, whose manifest is awaited'
                )
        is_first = head is None and self._bucket.guarantees.conditional
        etag = self._uploads.send(
            path,
            joined.parts(segments, sizes),
            self._read,
            fingerprint=fingerprint,
            on_end={'IfNoneMatch': '*'} if is_first else {},
            ContentType=media_type(name),
            CacheControl=IMMUTABLE,
            Metadata={'fingerprint': fingerprint, 'node': self._node_id},
        )
        return Joined(name, etag, total, spans), len(segments)

    def _read(self, part: joined.Part) -> bytes:
        """The bytes of a part, each segment checked against its name; blocks. Raises SegmentError."""
        body = b''.join(
            chunk
            for segment, chunks in self._disk.disk.read(part.segments)
            for chunk in verified(segment, chunks)
        )
        if len(body) != part.size_bytes:
            raise SegmentError('truncated', f'{part.segments[0].hour.path} changed while it was read')
        return body


class _Intact:
    """A bucket in which objects of another size than ours do not count, so that they are sent again."""

    def __init__(
        self, bucket: Bucket, sizes: Mapping[str, int], objects: Mapping[str, int], inside: Joined | None
    ) -> None:
        self._names = {name for name, size in objects.items() if sizes.get(name) == size}
        self._names |= set(inside.spans if inside else ())
        self.hours, self.read, self.add = bucket.hours, bucket.read, bucket.add

    def names(self, hour: Hour) -> set[str]:
        del hour  # there is only one
        return self._names


def _still_there(objects: Mapping[str, int], there: Manifest | None) -> Joined | None:
    """The hour's one object, if the manifest knows it and it is what it says."""
    inside = there.joined if there else None
    return inside if inside and objects.get(inside.name) == inside.size_bytes else None
