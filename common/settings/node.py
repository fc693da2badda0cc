"""What the services of one node share."""

from dataclasses import dataclass
from pathlib import Path

from common.config import option
from common.kinds import (
    LABEL,
    ORIGIN,
    PATH,
    TEXT,
    many,
    one_of,
    optional,
)


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
