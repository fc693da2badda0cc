"""The options of the backfiller."""

from dataclasses import dataclass
from pathlib import Path

from common.config import option
from common.kinds import (
    ADDRESS,
    BUCKET,
    COUNT,
    INTERVAL,
    LABEL,
    PATH,
    SECONDS,
    TEXT,
    URL,
    many,
    one_of,
    optional,
)
from common.place import MAX_SEGMENT_BYTES


@dataclass(frozen=True)
class Backfiller:
    """Fetches what is missing from the peers."""

    peers: tuple[str, ...] = option((), many(URL), "A peer's restreamer.", flag='--peer')
    peers_file: Path | None = option(
        None, optional(PATH, None), 'A file with one peer URL a line, re-read when it changes.'
    )
    sources: tuple[str, ...] = option(
        (),
        many(BUCKET),
        'A mirror to fetch from what no peer has; on the same S3 server as the bucket.',
        flag='--source',
    )
    streams: tuple[str, ...] = option((), many(LABEL), 'Only this stream; none: all.', flag='--stream')
    variants: tuple[str, ...] = option((), many(LABEL), 'Only this variant; none: all.', flag='--variant')
    since: str = option(
        '',
        TEXT,
        'Only hours after this time, such as 2026-11-14T03:00:00Z, or within the last hours, such as 6.',
    )
    order: str = option('newest', one_of('newest', 'oldest', 'random'), 'Which hours come first.')
    peer_token_file: Path | None = option(
        None,
        optional(PATH, None),
        'A file with the token that is shown to the peers, and to nobody else; or the token itself in '
        'SEGMESH_PEER_TOKEN.',
    )
    recent_cutoff: float = option(
        60.0, SECONDS, 'Younger segments of what this node captures are left to its own capture.'
    )
    recent_interval: float = option(300.0, INTERVAL, 'Time between passes over the last three hours.')
    full_interval: float = option(10_800.0, INTERVAL, 'Time between passes over all hours.')
    request_deadline: float = option(60.0, SECONDS, 'The longest that one request to a peer may take in all.')
    max_segment_bytes: int = option(MAX_SEGMENT_BYTES, COUNT, 'A larger segment is not fetched.')
    durability: str = option(
        'batch',
        one_of('batch', 'segment', 'none'),
        'When what was fetched is safe from a power cut: batch by batch, segment by segment, or when the '
        'system gets round to it.',
    )
    protocol: str = option(
        'auto',
        one_of('auto', 'plain'),
        'How peers are spoken to: with batches and fingerprints where they know them, or never.',
    )
    download_limit: int = option(
        0, COUNT, 'The most bytes of segments a second, from all peers together; 0: no limit.'
    )
    restreamer: str = option(
        '', optional(URL), "This node's own restreamer, whose health is watched; segmesh node sets it."
    )
    control: tuple[str, int] = option(
        ('127.0.0.1', 8002), ADDRESS, 'Where to serve /metrics, /status and POST /backfill.'
    )
    backdoor_port: int = option(0, COUNT, "gevent's backdoor on loopback, to look inside; 0: none.")
