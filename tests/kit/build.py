"""Segments and stores for tests, in the words of the domain."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from common import digest
from common.disk import Disk
from common.segment import Hour, Segment, tombstone_name

HOUR = Hour('bus', 'source', '2026-11-14T03')


@dataclass(frozen=True)
class Piece:
    """A segment with its bytes."""

    segment: Segment
    body: bytes

    @property
    def hour(self) -> Hour:
        return self.segment.hour

    @property
    def name(self) -> str:
        return self.segment.name

    @property
    def path(self) -> str:
        return self.segment.path


def at(text: str) -> datetime:
    """A time in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def piece(
    start: str = '2026-11-14T03:07:26.5',
    *,
    body: bytes = b'',
    seconds: float = 2,
    kind: str = 'full',
    stream: str = 'bus',
    variant: str = 'source',
    init: str = '',
) -> Piece:
    """A segment; without a body it gets one of its own. With the hash of an init section it is a fragment."""
    body = body or f'{stream}/{variant} {start}'.encode() * 50
    segment = Segment.named(
        stream,
        variant,
        start=at(start),
        duration=timedelta(seconds=seconds),
        kind=kind,
        content=digest.sha256([body]),
        init=init,
    )
    return Piece(segment, body)


def init_of(hour: Hour = HOUR, body: bytes = b'moov') -> Piece:
    """An init section."""
    return Piece(Segment.init_section(hour, digest.sha256([body])), body)


def run_of(
    count: int,
    start: str = '2026-11-14T03:00:00',
    *,
    seconds: float = 2,
    stream: str = 'bus',
    variant: str = 'source',
) -> list[Piece]:
    """Segments that follow each other without a hole."""
    times = [at(start) + timedelta(seconds=seconds * number) for number in range(count)]
    return [
        piece(f'{t:%Y-%m-%dT%H:%M:%S.%f}', seconds=seconds, stream=stream, variant=variant) for t in times
    ]


def fragments(
    count: int, start: str = '2026-11-14T03:00:00', *, seconds: float = 2, init: bytes = b'moov'
) -> list[Piece]:
    """An init section, and fragments of it that follow each other in its hour."""
    section = init_of(Hour('bus', 'source', start[:13]), init)
    times = [at(start) + timedelta(seconds=seconds * number) for number in range(count)]
    starts = [f'{time:%Y-%m-%dT%H:%M:%S.%f}' for time in times]
    return [section, *(piece(each, seconds=seconds, init=section.segment.hash) for each in starts)]


def segment_after(
    begin: datetime, start_ms: int, length_ms: int, kind: str = 'full', body: int = 0, init: str = ''
) -> Segment:
    """A segment of that many milliseconds, so many after `begin`; an equal `body` stands for equal bytes."""
    return Segment.named(
        'bus',
        'source',
        start=begin + timedelta(milliseconds=start_ms),
        duration=timedelta(milliseconds=length_ms),
        kind=kind,
        content=digest.sha256([b'%d' % body]),
        init=init,
    )


HERE, ALSO_HERE, AWAY = (digest.sha256([each]) for each in (b'here', b'also here', b'away'))
INITS = ['', '', HERE, HERE, ALSO_HERE, AWAY]
"""What segments need that may follow each other: mostly nothing, or the same init section."""


def sections_of(held: Iterable[Segment]) -> list[Segment]:
    """The init sections of INITS in the hours of the segments, but one that is away."""
    hours = {each.hour for each in held}
    return [Segment.init_section(hour, content) for hour in hours for content in (HERE, ALSO_HERE)]


def tombstone_of(withdrawn: Piece) -> Segment:
    return Segment.parse(withdrawn.hour, tombstone_name(withdrawn.name))


def fill(root: Path, pieces: Iterable[Piece]) -> Path:
    """Puts the pieces into the store at `root` as another program would: plain files."""
    root.mkdir(exist_ok=True)
    for each in pieces:
        path = root / each.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(each.body)
    return root


def files_below(root: Path) -> dict[str, bytes]:
    """Relative path -> bytes of every file, hidden ones too: what `diff -r` compares."""
    found = {}
    for path in root.rglob('*'):
        with suppress(FileNotFoundError, IsADirectoryError):  # temps come and go
            found[str(path.relative_to(root))] = path.read_bytes()
    return found


def assert_whole(root: Path) -> None:
    """Every held file's SHA-256 equals its name, and nothing else lies in the store but hidden temps."""
    disk = Disk(root)
    for path, body in files_below(root).items():
        if path.startswith('.'):
            continue
        stream, variant, hour, name = path.split('/')
        segment = Segment.parse(Hour.parse(stream, variant, hour), name)
        assert segment.withdrawal or segment.hash == digest.sha256([body]), path
        assert not segment.withdrawal or name in disk.names(segment.hour)
