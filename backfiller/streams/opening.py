"""The registry that settings name, and the streams that they name themselves."""

import socket
from collections.abc import Mapping
from pathlib import Path

from backfiller.capture.recipe import Recipe
from backfiller.streams.file import StreamsFile
from backfiller.streams.registry import Registry
from backfiller.streams.stream import Stream
from common import config, kinds
from common.settings import Node, Streams


def node_name(node: Node) -> str:
    """What placements and leases call this node; raises UsageError for a host whose name cannot be one."""
    name: str = node.name or config.read(kinds.LABEL, socket.gethostname(), 'the host name; give --node-name')
    return name


def own_streams(node: Node) -> Mapping[str, Stream]:
    """Those of [node] capture; several entries of one stream are its sources in order of preference."""
    sources: dict[str, list[str]] = {}
    for stream, url in node.capture:
        sources.setdefault(stream, []).append(url)
    return {name: Stream(Recipe(name, tuple(dict.fromkeys(urls)))) for name, urls in sources.items()}


def open_registry(settings: Streams, name: str) -> Registry | None:
    """The registry; None if there is none."""
    return StreamsFile(Path(settings.url), name) if settings.url else None
