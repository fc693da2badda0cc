"""HLS playlists (RFC 8216) as we write them. `common.hls.playlist_reader` reads them."""

import math
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass

from common import timeline
from common.segment import Segment

CONTENT_TYPE = 'application/vnd.apple.mpegurl'
END = '#EXT-X-ENDLIST\n'


@dataclass(frozen=True, slots=True)
class VariantStream:
    """One EXT-X-STREAM-INF of a master playlist (RFC 8216 section 4.3.4.2); bandwidths in bits a second.

    `bandwidth` is that of the peak; `resolution` is width and height; `codecs` are those of RFC 6381.
    `audio` is the group of its audio renditions; that, `name` and `frame_rate` are read but not written.
    """

    uri: str
    bandwidth: int
    average_bandwidth: int | None = None
    resolution: tuple[int, int] | None = None
    codecs: tuple[str, ...] = ()
    audio: str = ''
    name: str = ''
    frame_rate: float | None = None


def media(
    segments: Sequence[Segment],
    uri_of: Callable[[Segment], str],
    *,
    sequence: int = 0,
    discontinuity_sequence: int = 0,
    target_duration: int | None = None,
    ended: bool = True,
    range_of: Callable[[Segment], str] = lambda _: '',
    breaks: Container[Segment] = frozenset(),
) -> str:
    """A media playlist of playable segments in order of time, with a DISCONTINUITY at each hole.

    There is one before each of `breaks`, too, and where another init section begins, which EXT-X-MAP names.
    `uri_of` gives the URI of init sections, too.
    `target_duration` in seconds is that of a live playlist, which must not change; else it is computed.
    `range_of` gives the part of a larger resource that a segment is, as LENGTH@OFFSET (RFC 8216 4.3.2.2).
    """
    head = media_head(
        target_duration or target_duration_of(segments),
        sequence=sequence,
        discontinuity_sequence=discontinuity_sequence,
        ended=ended,
        version=version(
            has_fragments=any(segment.init for segment in segments), has_ranges=any(map(range_of, segments))
        ),
    )
    entries = media_lines(segments, uri_of, range_of=range_of, breaks=breaks)
    return head + ''.join(f'{line}\n' for line in entries) + (END if ended else '')


def media_head(
    target_duration: int,
    *,
    sequence: int = 0,
    discontinuity_sequence: int = 0,
    ended: bool = True,
    version: int = 3,
) -> str:
    """What a media playlist says before its first segment."""
    lines = [
        '#EXTM3U',
        f'#EXT-X-VERSION:{version}',
        f'#EXT-X-TARGETDURATION:{target_duration}',
        f'#EXT-X-MEDIA-SEQUENCE:{sequence}',
    ]
    if discontinuity_sequence:
        lines.append(f'#EXT-X-DISCONTINUITY-SEQUENCE:{discontinuity_sequence}')
    if ended:
        lines.append('#EXT-X-PLAYLIST-TYPE:VOD')
    return ''.join(f'{line}\n' for line in lines)


def version(*, has_fragments: bool = False, has_ranges: bool = False) -> int:
    """What a media playlist needs: EXT-X-BYTERANGE 4, EXT-X-MAP 6 (RFC 8216 section 7).

    Players that take fragments expect 7, which is what other writers say.
    """
    return 7 if has_fragments else 4 if has_ranges else 3


def target_duration_of(segments: Iterable[Segment]) -> int:
    """The whole seconds that no segment exceeds."""
    return max((math.ceil(segment.duration.total_seconds()) for segment in segments), default=1)


def master(variants: Iterable[VariantStream]) -> str:
    """A master playlist, the highest bandwidth first."""
    lines = ['#EXTM3U', '#EXT-X-VERSION:3']
    for variant in sorted(variants, key=lambda each: (-each.bandwidth, each.uri)):
        lines += [f'#EXT-X-STREAM-INF:{",".join(_told(variant))}', variant.uri]
    return '\n'.join(lines) + '\n'


def _told(variant: VariantStream) -> Iterator[str]:
    yield f'BANDWIDTH={variant.bandwidth}'
    if variant.average_bandwidth:
        yield f'AVERAGE-BANDWIDTH={variant.average_bandwidth}'
    if variant.codecs:
        yield f'CODECS="{",".join(variant.codecs)}"'
    if variant.resolution:
        yield 'RESOLUTION={}x{}'.format(*variant.resolution)


def map_line(uri: str, part: str = '') -> str:
    """That the segments from here on need the init section there (RFC 8216 section 4.3.2.5)."""
    return f'#EXT-X-MAP:URI="{uri}"' + (f',BYTERANGE="{part}"' if part else '')


def media_lines(
    segments: Iterable[Segment],
    uri_of: Callable[[Segment], str],
    *,
    range_of: Callable[[Segment], str] = lambda _: '',
    breaks: Container[Segment] = frozenset(),
    after: Segment | None = None,
) -> Iterator[str]:
    """The lines of segments that come after another one, if there is one; the rest as in `media`."""
    previous = after
    for segment in segments:
        if previous and (segment in breaks or not timeline.continues(previous, segment)):
            yield '#EXT-X-DISCONTINUITY'
        if segment.init and not (previous and previous.init == segment.init):
            section = Segment.init_section(segment.hour, segment.init)
            yield map_line(uri_of(section), range_of(section))
        date = segment.start.replace(tzinfo=None).isoformat(timespec='microseconds')
        yield f'#EXT-X-PROGRAM-DATE-TIME:{date}Z'
        yield f'#EXTINF:{segment.duration.total_seconds():.6f},'
        if part := range_of(segment):
            yield f'#EXT-X-BYTERANGE:{part}'
        yield uri_of(segment)
        previous = segment
