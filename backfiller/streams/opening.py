"""The registry that settings name, and the streams that they name themselves."""

import socket
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from backfiller.capture.recipe import Recipe
from backfiller.streams.file import StreamsFile
from backfiller.streams.password import Password
from backfiller.streams.registry import Look, Registry
from backfiller.streams.stream import Stream
from common import config, kinds
from common.errors import UsageError
from common.settings.node import Node
from common.settings.streams import Streams

if TYPE_CHECKING:
    from backfiller.streams.calls import Calls


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


def open_registry(settings: Streams, name: str, node_id: str, known: Look) -> Registry | None:
    """The registry, of which this is known from before; None if there is none. Raises UsageError."""
    if not settings.url:
        return None
    if not is_redis(settings.url):
        return StreamsFile(Path(settings.url), name, known)
    calls = redis_calls(settings)
    from backfiller.streams.redis import RedisRegistry

    return RedisRegistry(calls, name, node_id, settings.lease, known)


def is_redis(url: str) -> bool:
    return urlsplit(url).scheme in ('redis', 'rediss')


def redis_calls(settings: Streams) -> 'Calls':
    """What speaks with the Redis of the settings; raises UsageError if the package for it is not there."""
    password = Password.given(settings.redis_password_file)
    try:
        from backfiller.streams.calls import Calls
    except ImportError as error:
        raise UsageError(
            f"streams in Redis need the package {error.name}: pip install 'segmesh[redis]'"
        ) from error
    return Calls(settings.url, password)
