"""The registry in a file, streams.toml: looked at every second, and at once where inotify tells of a change.

    nodes = ["node1", "node2", "node3"]     only needed for replicas

    [bus]
    url = "https://origin/master.m3u8"

The file holds as a whole or not at all: while anything in it is wrong, or it is gone or empty, what it held
before stays in force. Replicas are dealt out among `nodes` for good: a node that dies is not replaced.
"""

import logging
import tomllib
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gevent
from gevent.event import Event
from gevent.socket import wait_read

from backfiller.streams.placing import is_here, read_nodes
from backfiller.streams.registry import WHOLE, Look
from backfiller.streams.stream import Stream
from common.errors import UsageError
from common.filestate import file_state
from common.offload import offload

LOOK_SECONDS = 1.0
SETTLE_SECONDS = 0.1
"""A file that changed is read when it stayed the same for this long: it may be half written."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Content:
    """What a file says."""

    streams: Mapping[str, Stream]
    nodes: tuple[str, ...]


class StreamsFile:
    """A file of streams, for the node of that name."""

    def __init__(self, path: Path, node: str, known: Look) -> None:
        """Until the file was right for once, what is `known` of it holds."""
        self.url = str(path)
        self._path = path
        self._node = node
        self._known = known
        self._content: Content | None = None
        self._problem = ''
        self._seen = file_state(path)
        self._read = False

    def look(self) -> Look:
        state = offload(file_state, self._path)
        if state != self._seen:
            self._seen, self._read = state, False
            return self._told(SETTLE_SECONDS)
        if not self._read:
            self._read = True
            self._reread()
        return self._told(LOOK_SECONDS)

    def watch(self, wake: Event) -> None:
        """Returns where the system tells of no changes: looking has to do."""
        try:
            from inotify_simple import INotify, flags
        except ImportError:
            return
        mask = flags.CLOSE_WRITE | flags.MOVED_TO | flags.MOVED_FROM | flags.CREATE | flags.DELETE
        try:
            with closing(INotify(nonblocking=True)) as inotify:
                inotify.add_watch(self._path.absolute().parent, mask | flags.ONLYDIR)
                self._follow(inotify, wake)
        except OSError as error:
            log.info('changes of %s are noticed by looking, not at once: %s', self._path, error)

    def about(self) -> dict[str, Any]:
        return {'nodes': list(self._content.nodes) if self._content else []}

    def close(self) -> None:
        """There is nothing to let go of."""

    def _told(self, again_seconds: float) -> Look:
        problems = {WHOLE: self._problem} if self._problem else {}
        if not self._content:
            return Look(self._known.streams, self._known.mine, problems, again_seconds)
        mine = (
            name
            for name, stream in self._content.streams.items()
            if stream.run and is_here(name, stream.placement, self._node, self._content.nodes)
        )
        return Look(self._content.streams, frozenset(mine), problems, again_seconds)

    def _reread(self) -> None:
        try:
            self._content = offload(read_file, self._path)
        except UsageError as error:
            self._problem = str(error)
        else:
            self._problem = ''

    def _follow(self, inotify: Any, wake: Event) -> None:
        while True:
            wait_read(inotify.fileno())
            if any(name in ('', self._path.name) for _, _, _, name in inotify.read(timeout=0)):
                wake.set()
            gevent.sleep(SETTLE_SECONDS / 2)


def read_file(path: Path) -> Content:
    """What the file says; raises UsageError for one that is gone, empty or wrong."""
    tables = _tables(path)
    nodes = read_nodes(tables.pop('nodes', []), f'{path}: nodes')
    streams = {name: Stream.read(name, table, f'{path}: [{name}]') for name, table in tables.items()}
    _check_replicas(streams, nodes, path)
    return Content(streams, nodes)


def read_tables(path: Path) -> dict[str, Any]:
    """The tables of its streams as they stand there, all of them right; raises UsageError."""
    tables = _tables(path)
    tables.pop('nodes', None)
    for name, table in tables.items():
        Stream.read(name, table, f'{path}: [{name}]')
    return tables


def _tables(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text('utf-8')
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f'cannot read {path}: {getattr(error, "strerror", None) or error}') from error
    if not text.strip():
        raise UsageError(f'{path} is empty: to record nothing, set state = "stop", or leave a # comment')
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f'{path} is not TOML: {error}') from None


def _check_replicas(streams: Mapping[str, Stream], nodes: tuple[str, ...], path: Path) -> None:
    for name, stream in streams.items():
        if stream.placement.replicas and not nodes:
            raise UsageError(
                f'{path}: [{name}] placement: replicas are dealt out among nodes that the file has to name: '
                'put nodes = ["node1", "node2"] at its top, or keep the streams in Redis'
            )
