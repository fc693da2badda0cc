"""What other parsers make of a playlist, and what ours does, in the same words.

`m3u8` and Streamlink's parser are for tests alone: neither knows of bounds, and one bad line can cost all.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import urljoin

import m3u8
from streamlink.stream.hls import parse_m3u8

from common.hls.master_reader import Rendition
from common.hls.parts import ByteRange
from common.hls.playlist import VariantStream
from common.hls.playlist_reader import Entry, MediaPlaylist, parse_media

Part = tuple[int, int | None] | None
"""Length, and offset if it is stated."""


class Told(NamedTuple):
    """What a parser says of one segment; `time` is the one that stands at it."""

    uri: str
    microseconds: int
    time: datetime | None
    part: Part
    key: tuple[str, bytes | None] | None
    init: tuple[str, Part] | None
    discontinuity: bool


class Reading(NamedTuple):
    """What a parser says of a media playlist."""

    sequence: int
    ended: bool
    segments: list[Told]


def ours(found: MediaPlaylist) -> Reading:
    return Reading(found.sequence, found.ended, [_entry(each) for each in found.entries])


Oracle = Callable[[str, str], Reading]


def by_us(text: str, base_url: str) -> Reading:
    """What our reader reads; it raises ListingError."""
    return ours(parse_media(text, base_url))


def by_m3u8(text: str, base_url: str) -> Reading:
    """What `m3u8` reads; it raises ValueError and more for what it cannot."""
    found = m3u8.loads(text, uri=base_url)
    return Reading(
        found.media_sequence or 0,
        bool(found.is_endlist),
        [
            Told(
                urljoin(base_url, each.uri),
                _microseconds(each.duration),
                _utc(each.program_date_time),
                _part(each.byterange),
                _key(
                    each.key and each.key.method, each.key and each.key.absolute_uri, each.key and each.key.iv
                ),
                (urljoin(base_url, each.init_section.uri), _part(each.init_section.byterange))
                if each.init_section
                else None,
                each.discontinuity,
            )
            for each in found.segments
            if each.uri
        ],
    )


def by_streamlink(text: str, base_url: str) -> Reading:
    """What Streamlink reads; it raises ValueError for what it cannot."""
    found = parse_m3u8(text, base_url)
    return Reading(
        found.media_sequence or 0,
        found.is_endlist,
        [
            Told(
                each.uri,
                _microseconds(each.duration),
                _utc(each.date),
                (each.byterange.range, each.byterange.offset) if each.byterange else None,
                _key(each.key and each.key.method, each.key and each.key.uri, each.key and each.key.iv),
                (
                    each.map.uri,
                    (each.map.byterange.range, each.map.byterange.offset) if each.map.byterange else None,
                )
                if each.map
                else None,
                each.discontinuity,
            )
            for each in found.segments
        ],
    )


def master_by_m3u8(text: str, base_url: str) -> tuple[list[VariantStream], list[Rendition]]:
    """What `m3u8` reads of a master playlist; it raises ValueError and KeyError, and knows of no NAME."""
    found = m3u8.loads(text, uri=base_url)
    variants = [
        VariantStream(
            urljoin(base_url, each.uri),
            each.stream_info.bandwidth,
            each.stream_info.average_bandwidth,
            each.stream_info.resolution,
            tuple((each.stream_info.codecs or '').replace(' ', '').split(','))
            if each.stream_info.codecs
            else (),
            audio=each.stream_info.audio or '',
            frame_rate=each.stream_info.frame_rate,
        )
        for each in found.playlists
    ]
    renditions = [
        Rendition(
            each.type,
            each.group_id,
            each.name,
            each.language or '',
            urljoin(base_url, each.uri) if each.uri else '',
            each.default == 'YES',
        )
        for each in found.media
        if each.type != 'CLOSED-CAPTIONS'
    ]
    return variants, renditions


def variants_by_streamlink(text: str, base_url: str) -> list[str]:
    """The URI of each variant; it rounds bandwidths."""
    return [each.uri for each in parse_m3u8(text, base_url).playlists if not each.is_iframe]


def _entry(each: Entry) -> Told:
    return Told(
        each.uri,
        _microseconds(each.duration.total_seconds()),
        each.start if each.stated else None,
        _numbers(each.part),
        (each.key.uri, each.key.iv) if each.key else None,
        (each.init.uri, _numbers(each.init.part)) if each.init else None,
        each.discontinuity,
    )


def _numbers(part: ByteRange | None) -> Part:
    return (part.length, part.offset) if part else None


def _microseconds(seconds: float) -> int:
    return round(seconds * 1_000_000)


def _utc(time: datetime | None) -> datetime | None:
    if time is None or time.tzinfo:
        return time.astimezone(UTC) if time else None
    return time.replace(tzinfo=UTC)


def _part(text: str | None) -> Part:
    found = re.fullmatch(r'"?([0-9]+)(?:@([0-9]+))?"?', text or '')
    return (int(found[1]), int(found[2]) if found[2] else None) if found else None


def _key(method: str | None, uri: str | None, iv: str | bytes | None) -> tuple[str, bytes | None] | None:
    if method in (None, 'NONE'):
        return None
    if isinstance(iv, str):
        iv = bytes.fromhex(iv[2:].rjust(32, '0'))
    return uri or '', iv
