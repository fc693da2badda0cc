"""`manifest.json` of a mirrored hour: exactly what is there, and what is missing. Written last.

{"version": 1, "layout": "segments", "stream": ..., "variant": ..., "hour": ...,
 "segments": [{"name": ..., "size": bytes, "sha256": hex}, ...], "tombstones": [name, ...],
 "coverage": per cent, "holes": [{"start": ..., "end": ..., "seconds": ...}, ...],
 "fingerprint": hex, "written_by": node id, "written_at": time, "software": "segmesh VERSION"}
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from typing import Any
from urllib.parse import quote

from common import digest, playlist, timeline
from common.errors import ListingError, SegmentError
from common.segment import Hour, Segment, is_name, is_tombstone, segments_only, without_withdrawn
from common.times import iso

NAME = 'manifest.json'
PLAYLIST_NAME = 'playlist.m3u8'
VERSION = 1


@dataclass(frozen=True)
class Manifest:
    """The members of an hour in the bucket with their sizes in bytes (0 for tombstones)."""

    hour: Hour
    sizes: Mapping[str, int]

    @property
    def playable(self) -> list[Segment]:
        """The segments to play, in order of time."""
        return timeline.playable(Segment.parse(self.hour, name) for name in self.sizes)

    def playlist(self) -> str:
        """The media playlist of the hour, for a place beside the segments."""
        return playlist.media(self.playable, lambda segment: quote(segment.name))

    @property
    def coverage(self) -> timeline.Coverage:
        within = timeline.Interval(self.hour.start, self.hour.end)
        return timeline.coverage(self.playable, within)

    def encode(self, *, written_by: str, written_at: datetime) -> str:
        coverage = self.coverage
        document = {
            'version': VERSION,
            'layout': 'segments',
            'stream': self.hour.stream,
            'variant': self.hour.variant,
            'hour': self.hour.text,
            'segments': [self._segment(name) for name in segments_only(self.sizes)],
            'tombstones': sorted(filter(is_tombstone, self.sizes)),
            'coverage': round(100 * coverage.ratio, 3),
            'holes': [
                {'start': iso(hole.start), 'end': iso(hole.end), 'seconds': round(hole.seconds, 6)}
                for hole in coverage.holes
            ],
            'fingerprint': digest.fingerprint(self.sizes),
            'written_by': written_by,
            'written_at': iso(written_at),
            'software': f'segmesh {version("segmesh")}',
        }
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
        except (ValueError, RecursionError, KeyError, TypeError, SegmentError) as error:
            raise ListingError(f'{hour.path}/{NAME} is damaged: {error}') from error
        return cls(hour, sizes)

    def _segment(self, name: str) -> dict[str, Any]:
        content = Segment.parse(self.hour, name).hash
        return {'name': name, 'size': self.sizes[name], 'sha256': digest.to_hex(content)}


def of_objects(
    hour: Hour, ours: Mapping[str, int], objects: Mapping[str, int], there: Manifest | None
) -> Manifest:
    """What the hour in the bucket is made of: the union of all that is listed, less what is withdrawn.

    Left out are objects of another size than ours, or than the manifest that is `there` says.
    """
    known = {**(there.sizes if there else {}), **ours}
    intact = {name: size for name, size in objects.items() if is_name(name) and known.get(name, size) == size}
    return Manifest(hour, {name: intact[name] for name in without_withdrawn(intact.keys())})


def _size(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f'{value!r} is no size')
    return value
