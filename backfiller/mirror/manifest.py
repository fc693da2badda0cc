"""`manifest.json` of a mirrored hour: exactly what is there, and what is missing. Written last.

{"version": 1, "layout": "segments" or "hour", "stream": ..., "variant": ..., "hour": ...,
 "segments": [{"name": ..., "size": bytes, "sha256": hex}, ...], "tombstones": [name, ...],
 "object": {"name": "hour.ts" or "hour.mp4", "size": bytes, "etag": ...},
 "coverage": per cent, "holes": [{"start": ..., "end": ..., "seconds": ...}, ...],
 "fingerprint": hex, "written_by": node id, "written_at": time, "software": "segmesh VERSION"}

In layout `hour` there is an `object` that holds the segments which have an "offset"; those that came later
have objects of their own, as all have in layout `segments`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from typing import Any
from urllib.parse import quote

from backfiller.mirror import joined
from backfiller.mirror.joined import Joined, Span
from common import digest, timeline
from common.errors import ListingError, SegmentError
from common.hls import playlist
from common.members import without_tombstones
from common.segment import Hour, Segment, is_name, is_tombstone, without_withdrawn
from common.times import iso

NAME = 'manifest.json'
PLAYLIST_NAME = 'playlist.m3u8'
VERSION = 1


@dataclass(frozen=True)
class Manifest:
    """The members of an hour in the bucket with their sizes in bytes (0 for tombstones).

    Those that are `joined` lie in the hour's one object.
    """

    hour: Hour
    sizes: Mapping[str, int]
    joined: Joined | None = None

    @property
    def playable(self) -> list[Segment]:
        """The segments to play, in order of time."""
        return timeline.playable(Segment.parse(self.hour, name) for name in self.sizes)

    def playlist(self) -> str:
        """The media playlist of the hour, for a place beside the segments."""
        spans = self.spans

        def uri_of(segment: Segment) -> str:
            return quote(self.object_of(segment.name))

        def range_of(segment: Segment) -> str:
            span = spans.get(segment.name)
            return f'{span.size_bytes}@{span.offset}' if span else ''

        return playlist.media(self.playable, uri_of, range_of=range_of)

    @property
    def spans(self) -> Mapping[str, Span]:
        """Where what is joined lies."""
        return self.joined.spans if self.joined else {}

    @property
    def objects(self) -> dict[str, int]:
        """The objects that hold the hour, and their sizes."""
        own = {name: size for name, size in self.sizes.items() if name not in self.spans}
        return own | ({self.joined.name: self.joined.size_bytes} if self.joined else {})

    @property
    def coverage(self) -> timeline.Coverage:
        within = timeline.Interval(self.hour.start, self.hour.end)
        return timeline.coverage(self.playable, within)

    def object_of(self, name: str) -> str:
        """The object in which the member lies."""
        return self.joined.name if self.joined and name in self.joined.spans else name

    def encode(self, *, written_by: str, written_at: datetime) -> str:
        coverage = self.coverage
        document: dict[str, Any] = {
            'version': VERSION,
            'layout': 'hour' if self.joined else 'segments',
            'stream': self.hour.stream,
            'variant': self.hour.variant,
            'hour': self.hour.text,
            'segments': [self._segment(name) for name in without_tombstones(self.sizes)],
            'tombstones': sorted(filter(is_tombstone, self.sizes)),
            'coverage': round(100 * coverage.ratio, 3),
            'holes': [hole.told() for hole in coverage.holes],
            'fingerprint': digest.fingerprint(self.sizes),
            'written_by': written_by,
            'written_at': iso(written_at),
            'software': f'segmesh {version("segmesh")}',
        }
        if self.joined:
            found = self.joined
            document['object'] = {'name': found.name, 'size': found.size_bytes, 'etag': found.etag}
        return json.dumps(document, indent=1) + '\n'

    @classmethod
    def decode(cls, hour: Hour, text: str) -> 'Manifest':
        """Reads what `encode` wrote; raises ListingError for anything else."""
        try:
            document = json.loads(text)
            sizes = {str(each['name']): _size(each['size']) for each in document['segments']}
            sizes |= {str(name): 0 for name in document['tombstones']}
            for name in sizes:
                Segment.parse(hour, name)
            inside = _joined(document)
        except (ValueError, RecursionError, KeyError, TypeError, SegmentError) as error:
            raise ListingError(f'{hour.path}/{NAME} is damaged: {error}') from error
        return cls(hour, sizes, inside)

    def _segment(self, name: str) -> dict[str, Any]:
        content = Segment.parse(self.hour, name).hash
        told = {'name': name, 'size': self.sizes[name], 'sha256': digest.to_hex(content)}
        return told | ({'offset': self.spans[name].offset} if name in self.spans else {})


def of_objects(
    hour: Hour,
    ours: Mapping[str, int],
    objects: Mapping[str, int],
    there: Manifest | None,
    inside: Joined | None = None,
) -> Manifest:
    """What the hour in the bucket is made of: the union of all that is listed, less what is withdrawn.

    Left out are objects of another size than ours, or than the manifest that is `there` says. `inside` is
    what the hour's one object holds, if there is one.
    """
    known = {**(there.sizes if there else {}), **ours}
    intact = {name: size for name, size in objects.items() if is_name(name) and known.get(name, size) == size}
    if inside and objects.get(inside.name) == inside.size_bytes:
        intact |= {name: span.size_bytes for name, span in inside.spans.items()}
    else:
        inside = None
    sizes = {name: intact[name] for name in without_withdrawn(intact.keys())}
    return Manifest(hour, sizes, inside and inside.less_withdrawn(sizes))


def _joined(document: Any) -> Joined | None:
    """What a manifest says of the hour's one object; raises what `decode` catches."""
    if 'object' not in document:
        return None
    spans = {
        str(each['name']): Span(_size(each['offset']), _size(each['size']))
        for each in document['segments']
        if 'offset' in each
    }
    told = document['object']
    if told['name'] not in joined.NAMES:
        raise ValueError(f'{told["name"]!r} is no object of an hour')
    found = Joined(told['name'], str(told['etag']), _size(told['size']), spans)
    if any(span.end > found.size_bytes for span in spans.values()):
        raise ValueError('a segment lies outside its object')
    return found


def _size(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f'{value!r} is no size')
    return value
