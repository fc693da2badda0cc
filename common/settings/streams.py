"""The options of recording, and of what is derived of it."""

from dataclasses import dataclass
from pathlib import Path

from common.config import option
from common.kinds import (
    ADDRESS,
    COUNT,
    INTERVAL,
    PATH,
    REGISTRY,
    TEXT,
    optional,
)


@dataclass(frozen=True)
class Streams:
    """Says which live streams are recorded, and by which nodes."""

    url: str = option(
        '',
        optional(REGISTRY),
        'Where the streams stand: a TOML file, which is watched, or Redis; empty: nowhere.',
        flag='--streams',
        env='SEGMESH_STREAMS_URL',
    )
    lease: float = option(
        10.0,
        INTERVAL,
        'With Redis: after this long at the most the replicas of a node that died are with others.',
    )
    redis_password_file: Path | None = option(
        None,
        optional(PATH, None),
        'A file with the password for Redis, read anew for each connection; or the password itself in '
        'SEGMESH_REDIS_PASSWORD.',
    )
    record_control: tuple[str, int] = option(
        ('127.0.0.1', 8003), ADDRESS, 'Where `backfiller record` serves /metrics and /status.'
    )


@dataclass(frozen=True)
class Derive:
    """Makes smaller variants of what is recorded, as the streams ask for them."""

    transcoder: str = option('ffmpeg', TEXT, 'The ffmpeg that makes derived variants.')
    most_transcodes: int = option(
        0, COUNT, 'The most of them at once; 0: one less than there are processors, but at least one.'
    )
