"""The options of the restreamer."""

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

from common.config import option
from common.kinds import (
    ADDRESS,
    COUNT,
    INTERVAL,
    NETWORK,
    PATH,
    SECONDS,
    TEXT,
    URL,
    many,
    optional,
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
