"""Where the live layout lies in a bucket: segments where the mirror has them, playlists above.

PREFIX/STREAM/live.m3u8                     the master
PREFIX/STREAM/VARIANT/live.m3u8             the variant's playlist
PREFIX/STREAM/VARIANT/HOUR/NAME             a segment
"""

from datetime import timedelta
from typing import NamedTuple
from urllib.parse import quote, unquote

from backfiller.mirror.bucket import Bucket, Text
from common.errors import SegmentError
from common.hls import playlist
from common.segment import Hour, Segment, is_label

NAME = 'live.m3u8'
SHORT = 'public, max-age=1'
"""What a playlist may be cached for: no more than half a target duration, however short that is."""

RECENT = timedelta(minutes=5)
"""A variant whose newest segment is older than this is not live."""

LARGEST_SKEW = timedelta(minutes=1)
"""How far a recorder's clock may be ahead: a segment once listed holds up all that lie before it."""


class Variant(NamedTuple):
    """A variant of a stream."""

    stream: str
    name: str

    @property
    def path(self) -> str:
        return f'{self.stream}/{self.name}'


def media_path(variant: Variant) -> str:
    return f'{variant.path}/{NAME}'


def master_path(stream: str) -> str:
    return f'{stream}/{NAME}'


def variant_uri(name: str) -> str:
    """The URI of a variant's playlist in the master."""
    return f'{name}/{NAME}'


def variant_of(uri: str) -> str:
    """The variant that a URI in the master means; empty if it means none of ours."""
    name, _, rest = uri.partition('/')
    return name if rest == NAME and is_label(name) else ''


def segment_uri(segment: Segment) -> str:
    """The URI of a segment in its variant's playlist."""
    return f'{segment.hour.text}/{quote(segment.name)}'


def segment_of(variant: Variant, uri: str) -> Segment:
    """The segment that a URI in the variant's playlist means; raises SegmentError if it means none."""
    hour, _, name = uri.partition('/')
    segment = Segment.parse(Hour.parse(*variant, hour), unquote(name))
    if segment.withdrawal or segment.is_init:
        raise SegmentError('name', f'{segment.path} is no segment that could be played')
    return segment


def put_playlist(bucket: Bucket, path: str, text: str, over: Text | None) -> bool:
    """Puts a playlist if `over` still stands there; False if another was quicker. Raises StoreError."""
    return bucket.replace_text(path, text, over=over, content_type=playlist.CONTENT_TYPE, cache_control=SHORT)
