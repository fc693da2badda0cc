"""Every option of a node. One file configures all services, so the sections stand together here."""

from dataclasses import dataclass
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

from common.config import option
from common.errors import UsageError
from common.kinds import (
    ADDRESS,
    BUCKET,
    COUNT,
    INTERVAL,
    LABEL,
    NETWORK,
    ORIGIN,
    PATH,
    PERCENT,
    REGISTRY,
    SECONDS,
    SIZE,
    SPAN,
    SWITCH,
    TEXT,
    URL,
    many,
    one_of,
    optional,
)
from common.place import MAX_SEGMENT_BYTES


@dataclass(frozen=True)
class Node:
    """What the services of one node share."""

    store: Path = option(Path('store'), PATH, 'The folder of the segments: STREAM/VARIANT/HOUR/NAME.')
    node_id: str = option(
        '',
        TEXT,
        'How this node knows itself among its peers; empty: made of this machine and the store folder. '
        'Set it where restreamer and backfiller run in different containers.',
    )
    name: str = option(
        '',
        optional(LABEL),
        'What this node is called in the placements of streams; empty: the name of the host.',
        flag='--node-name',
        env='SEGMESH_NODE_NAME',
    )
    log_level: str = option(
        'info', one_of('debug', 'info', 'warning', 'error'), 'How much is logged to standard error.'
    )
    capture: tuple[tuple[str, str], ...] = option(
        (),
        many(ORIGIN),
        'Live HLS playlists that this node records, besides the streams of [streams].',
        flag='--capture',
    )


@dataclass(frozen=True)
class Restreamer:
    """Lists and serves the store over HTTP."""

    listen: tuple[str, int] = option(('127.0.0.1', 8001), ADDRESS, 'Where to serve HTTP.')
    live_window: float = option(300.0, SECONDS, 'How much of the newest video a live playlist holds.')
    live_longest: float = option(
        14_400.0, SECONDS, 'How far back a live playlist reaches that is asked for with a start.'
    )
    live_hold: float = option(
        6.0, SECONDS, 'How long a live playlist waits for a hole to be filled before it goes on behind it.'
    )
    backfiller: str = option(
        '',
        optional(URL),
        "The control port of this node's own backfiller, which knows the peers; segmesh node sets it.",
    )
    read_token_file: Path | None = option(
        None,
        optional(PATH, None),
        'A file with the token that reading needs, re-read when it changes; or the token itself in '
        'SEGMESH_READ_TOKEN. Neither: everybody who reaches the port may read.',
    )
    admin_token_file: Path | None = option(
        None,
        optional(PATH, None),
        'A file with the token that changes need, here and at the control port, and that may read, too; or '
        'the token itself in SEGMESH_ADMIN_TOKEN. Neither: only a port on loopback takes changes.',
    )
    tls_certificate: Path | None = option(
        None,
        optional(PATH, None),
        'A PEM file with the certificate chain for HTTPS, re-read when it changes.',
    )
    tls_key: Path | None = option(None, optional(PATH, None), 'A PEM file with its key, without a password.')
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = option(
        (),
        many(NETWORK),
        'A proxy whose X-Forwarded-For, -Proto, -Host and -Prefix are believed; those of others are not.',
        flag='--trusted-proxy',
    )
    ffmpeg: str = option('ffmpeg', TEXT, 'The program that makes MP4 files of what is cut out.')
    most_cuts: int = option(8, COUNT, 'The most cuts at once.')
    most_ranges: int = option(32, COUNT, 'The most playlists of a range of time at once.')
    most_connections: int = option(2000, COUNT, 'The most connections at once.')
    most_connections_per_address: int = option(
        1000, COUNT, 'The most connections at once from one address that is no trusted proxy.'
    )
    stall_timeout: float = option(
        30.0, INTERVAL, 'A reader that takes nothing for this long is dropped; a slow one is not.'
    )


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
class Mirror:
    """Copies complete hours to S3. Credentials come from where boto3 looks for them."""

    bucket: str = option('', optional(BUCKET), 'Where the hours go; empty: nowhere.')
    endpoint_url: str = option('', optional(URL), "The S3 server; empty: Amazon's.")
    layout: str = option(
        'segments',
        one_of('segments', 'hour'),
        'One object a segment, or one for an hour by multipart upload, with late segments beside it.',
    )
    settle: float = option(300.0, SECONDS, 'An hour is left alone for this long after its end.')
    settle_max: float = option(
        21_600.0, SECONDS, 'After this long it is mirrored even if peers hold something else.'
    )
    mirror_interval: float = option(60.0, INTERVAL, 'Time between looks for hours to mirror.')
    verify_interval: float = option(
        86_400.0, SECONDS, 'How often what is mirrored is listed and compared again; 0: never.'
    )
    verify_sample: float = option(
        0.0,
        PERCENT,
        'How much of each mirrored hour is read back and hashed every verify_interval, at least one segment; '
        '0: nothing.',
    )
    verify_rate: int = option(5_000_000, SIZE, 'The most bytes a second that are read back; 0: no limit.')
    live: bool = option(
        False, SWITCH, 'Whether new segments are put at once, with live playlists that players can follow.'
    )
    mirror_live_window: float = option(
        60.0, SECONDS, 'How much of the newest video a live playlist in the bucket holds.'
    )
    s3_checksums: str = option(
        'when_required',
        one_of('when_required', 'when_supported'),
        'Whether boto3 adds its own checksums; our SHA-256 is always sent.',
    )


@dataclass(frozen=True)
class Retention:
    """Lets old hours go when they are mirrored, and does not fetch them back."""

    keep: timedelta | None = option(
        None,
        optional(SPAN, None),
        'Hours that ended longer ago are let go, not before they were seen to be that old, and unchanged, '
        'for an hour; empty: no hour goes for its age.',
    )
    keep_bytes: int = option(
        0,
        SIZE,
        'The most bytes of segments to hold: above it the oldest hours are let go, but none of the newest '
        '24 hours; 0: no limit.',
    )
    min_free: int = option(
        0,
        SIZE,
        "The least bytes to leave free on the store's file system: below it the oldest hours are let go, "
        'but none of the newest 24 hours, and nothing is fetched; 0: no limit.',
    )
    keep_unmirrored: bool = option(
        True,
        SWITCH,
        'Whether hours stay, whatever the limits say, until they are mirrored and the bucket was found to '
        'hold all of them; with false they are deleted although they may exist nowhere else.',
    )
    retention_interval: float = option(300.0, INTERVAL, 'Time between looks for hours to let go.')

    @property
    def is_limited(self) -> bool:
        """Whether there is any limit at all."""
        return bool(self.keep or self.keep_bytes or self.min_free)

    def check(self, mirror: Mirror, backfiller: Backfiller) -> None:
        """Raises UsageError for limits under which no hour could ever go."""
        if not (self.is_limited and self.keep_unmirrored):
            return
        otherwise = 'or --keep-unmirrored false to delete hours that may exist nowhere else'
        if not mirror.bucket:
            raise UsageError(
                'keep, keep_bytes and min_free let go of mirrored hours only: give the bucket, '
                f'--bucket s3://BUCKET/PREFIX, {otherwise}'
            )
        if backfiller.since:
            raise UsageError(
                'since leaves older hours out of the mirror, and keep, keep_bytes and min_free let go of '
                f'mirrored hours only: leave out --since, {otherwise}'
            )


@dataclass(frozen=True)
class Derive:
    """Makes smaller variants of what is recorded, as the streams ask for them."""

    transcoder: str = option('ffmpeg', TEXT, 'The ffmpeg that makes derived variants.')
    most_transcodes: int = option(
        0, COUNT, 'The most of them at once; 0: one less than there are processors, but at least one.'
    )


SECTIONS = (Node, Restreamer, Backfiller, Streams, Derive, Mirror, Retention)
