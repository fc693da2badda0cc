"""One object for an hour: its segments joined in order of time, cut into parts for a multipart upload.

It is made of an hour's transport streams, and fragments of MP4 lie beside it. An hour that has none of these
becomes an MP4 file: the fragments behind their init sections.

S3 takes 1 to 10,000 parts of 5 MiB to 5 GiB, of which only the last may be smaller (Amazon S3 User Guide,
"Amazon S3 multipart upload limits"). Parts end where segments end, so that one that S3 lost or refused can be
made again from whole files, each of which is checked against its name on the way.
"""

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from common.members import plain_only, without_tombstones
from common.segment import Hour, Segment

STREAM_NAME, FRAGMENTS_NAME = NAMES = 'hour.ts', 'hour.mp4'
PART_BYTES = 8 * 1024 * 1024
MOST_PARTS = 10_000


class Span(NamedTuple):
    """Where a segment lies in the object, in bytes."""

    offset: int
    size_bytes: int

    @property
    def end(self) -> int:
        return self.offset + self.size_bytes


@dataclass(frozen=True)
class Joined:
    """The object: its name, ETag and size in bytes, and where in it each of its segments lies."""

    name: str
    etag: str
    size_bytes: int
    spans: Mapping[str, Span]

    def less_withdrawn(self, names: Collection[str]) -> 'Joined':
        """The same object, of which only these names still count."""
        return replace(self, spans={name: span for name, span in self.spans.items() if name in names})


@dataclass(frozen=True)
class Part:
    """A part of the upload: consecutive segments, numbered from 1."""

    number: int
    segments: tuple[Segment, ...]
    size_bytes: int


def in_order(hour: Hour, sizes: Mapping[str, int]) -> list[Segment]:
    """The segments of the hour that are joined, in that order: as they start, init sections first."""
    found = [Segment.parse(hour, name) for name in plain_only(sizes) or without_tombstones(sizes)]
    return sorted(found, key=lambda each: (not each.is_init, each.start, each.name))


def name_for(segments: Iterable[Segment]) -> str:
    """What the object of these is called."""
    return FRAGMENTS_NAME if any(each.init or each.is_init for each in segments) else STREAM_NAME


def paths(hour: Hour) -> set[str]:
    """Where the object of the hour may lie."""
    return {f'{hour.path}/{name}' for name in NAMES}


def spans(segments: Sequence[Segment], sizes: Mapping[str, int]) -> dict[str, Span]:
    """Where each of the segments lies when they are joined in this order."""
    found, offset = {}, 0
    for segment in segments:
        found[segment.name] = Span(offset, sizes[segment.name])
        offset += sizes[segment.name]
    return found


def runs(segments: Iterable[Segment], spans: Mapping[str, Span], most_bytes: int) -> Iterator[list[Segment]]:
    """Segments that lie one after the other, in runs of about so many bytes."""
    run: list[Segment] = []
    for segment in sorted(segments, key=lambda each: spans[each.name]):
        span = spans[segment.name]
        if run and (
            span.offset != spans[run[-1].name].end or span.end - spans[run[0].name].offset > most_bytes
        ):
            yield run
            run = []
        run.append(segment)
    if run:
        yield run


def parts(segments: Sequence[Segment], sizes: Mapping[str, int]) -> list[Part]:
    """The segments in parts of about PART_BYTES, and larger ones if there would be too many."""
    total = sum(sizes[each.name] for each in segments)
    least = max(PART_BYTES, -(-total // (MOST_PARTS // 2)))
    return [Part(number, *each) for number, each in enumerate(_groups(segments, sizes, least), 1)]


def whole_etag(part_etags: Sequence[str]) -> str:
    """The ETag that S3 gives an object of these parts, where an ETag is the MD5 of the bytes."""
    together = b''.join(bytes.fromhex(each) for each in part_etags)
    return f'{hashlib.md5(together, usedforsecurity=False).hexdigest()}-{len(part_etags)}'


def _groups(
    segments: Sequence[Segment], sizes: Mapping[str, int], least_bytes: int
) -> Iterator[tuple[tuple[Segment, ...], int]]:
    group: list[Segment] = []
    size = 0
    for segment in segments:
        group.append(segment)
        size += sizes[segment.name]
        if size >= least_bytes:
            yield tuple(group), size
            group, size = [], 0
    if group:
        yield tuple(group), size
