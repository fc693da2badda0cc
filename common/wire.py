"""What the services say to each other: paths and JSON of design section 3, encoder beside decoder.

The decoders take text that anyone may have sent and raise ListingError unless it is of the right shape.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote, unquote

from common.errors import ListingError, SegmentError
from common.segment import Hour, Segment, shown
from common.times import iso

MAX_LISTING_BYTES = 4 * 1024 * 1024
"""The largest listing that is read: 50,000 names. A real hour of two-second segments takes 150 kB."""


@dataclass(frozen=True, slots=True)
class HourSummary:
    """How many segments an hour holds, and the fingerprint of its names."""

    segments: int
    fingerprint: str


def streams_path() -> str:
    return '/files'


def variants_path(stream: str) -> str:
    return f'/files/{quote(stream)}'


def hours_path(stream: str, variant: str) -> str:
    return f'{variants_path(stream)}/{quote(variant)}'


def summaries_path(stream: str, variant: str, since: datetime | None) -> str:
    """The hours of a variant with their fingerprints; a plain peer answers it with the hours alone."""
    after = f'&since={quote(iso(since))}' if since else ''
    return f'{hours_path(stream, variant)}?fingerprints=true{after}'


def names_path(hour: Hour) -> str:
    return f'{hours_path(hour.stream, hour.variant)}/{hour.text}'


def members_path(hour: Hour) -> str:
    """All members of the hour: also tombstones, fragments and init sections, unknown to plain peers."""
    return f'{names_path(hour)}?tombstones=true'


def segment_path(segment: Segment) -> str:
    """The URL path of a segment; colons are escaped so that it can be used as a relative reference."""
    return f'/segments/{quote(segment.path)}'


def segment_in(path: str) -> Segment:
    """The segment whose `segment_path` this is; raises SegmentError if it is of none that plays."""
    _, _, stream, variant, hour, name = parts if len(parts := path.split('/')) == 6 else [''] * 6
    segment = Segment.parse(Hour.parse(unquote(stream), unquote(variant), hour), unquote(name))
    if segment.withdrawal or segment.is_init or path != segment_path(segment):
        raise SegmentError('name', f'{shown(path)} is not the path of a segment')
    return segment


def batch_path(hour: Hour) -> str:
    """Where the segments of an hour are asked for together."""
    return f'/segments/{quote(hour.path)}'


def encode_listing(names: Iterable[str]) -> str:
    return json.dumps(sorted(names))


def decode_listing(body: bytes) -> list[str]:
    """The strings of a JSON list; they may still be anything. Raises ListingError."""
    listing = _decode(body)
    if not isinstance(listing, list):
        raise ListingError(f'the listing is {_excerpt(body)}, not a JSON list')
    if not all(isinstance(name, str) for name in listing):
        raise ListingError('the listing holds something that is not a string')
    return listing


def encode_summaries(summaries: Mapping[str, HourSummary]) -> str:
    return json.dumps(
        {
            hour: {'segments': summary.segments, 'fingerprint': summary.fingerprint}
            for hour, summary in sorted(summaries.items())
        }
    )


def decode_summaries(body: bytes) -> dict[str, HourSummary] | None:
    """Hour -> summary, or None if the peer answered a plain list, which is all it knows."""
    answer = _decode(body)
    if isinstance(answer, list):
        return None
    try:
        return {hour: _summary(value) for hour, value in answer.items()}
    except (AttributeError, KeyError, TypeError):
        raise ListingError(f'the fingerprints are {_excerpt(body)}, not as agreed') from None


def _summary(value: Any) -> HourSummary:
    segments, fingerprint = value['segments'], value['fingerprint']
    if type(segments) is not int or type(fingerprint) is not str:
        raise TypeError
    return HourSummary(segments, fingerprint)


def _decode(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise ListingError(f'the answer is {_excerpt(body)}, not JSON') from None


def _excerpt(body: bytes) -> str:
    return shown(body[:200].decode('utf-8', 'replace'), 60)
