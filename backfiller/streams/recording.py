"""What a node records: looks at the registry, and keeps what runs in line with it.

While the registry cannot be asked, what ran goes on.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import gevent
from gevent.event import Event

from backfiller.loop import Backoff, Loop, told_error
from backfiller.streams.keeper import Keeper, Kept
from backfiller.streams.metrics import StreamsMetrics
from backfiller.streams.registry import Look, Registry
from backfiller.streams.stream import Stream
from common.errors import SourceError
from common.offload import offload
from common.times import iso

FIRST_RETRY_SECONDS = 0.5
MOST_RETRY_SECONDS = 2.0
IDLE_SECONDS = 3600.0
"""Between looks where there is no registry: only what the node's own settings name is recorded."""

log = logging.getLogger(__name__)


@dataclass
class Changes:
    """When something was last started or stopped, and what."""

    time: datetime | None = None
    done: Sequence[str] = ()


@dataclass
class Recording:
    """The streams of one node: `own` are those of its settings, which a registry does not change.

    `last` is what the registry said last, before this process, too; `keep` notes that for the next one.
    """

    node: str
    own: Mapping[str, Stream]
    registry: Registry | None
    keeper: Keeper
    metrics: StreamsMetrics
    clock: Callable[[], datetime]
    last: Look
    keep: Callable[[Look], None]
    problems: Mapping[str, str] = field(default_factory=dict)
    changes: Changes = field(default_factory=Changes)

    def __post_init__(self) -> None:
        self._wake = Event()
        self.loop = Loop(
            f'streams {self.registry.url if self.registry else ""}'.rstrip(),
            self._look,
            backoff=Backoff(FIRST_RETRY_SECONDS, MOST_RETRY_SECONDS),
            on_failure=lambda _: self._go_on(),
            on_surprise=self.metrics.errors.labels('streams').inc,
            wake=self._wake,
        )

    def start(self) -> list['gevent.Greenlet[..., None]']:
        """Starts to record; kill the greenlets, and `close`, to stop."""
        self._apply(self.own)
        watching = [gevent.spawn(self._watch, self.registry)] if self.registry else []
        return [gevent.spawn(self.loop.run), *watching]

    def close(self) -> None:
        """Stops to record, and leaves to other nodes what they may record in its place."""
        self.keeper.stop()
        try:
            if self.registry:
                self.registry.close()
        except SourceError as error:
            log.warning('%s; the leases of this node end by themselves', error)

    def is_healthy(self) -> bool:
        """Whether nothing ended last in an error that nobody foresaw."""
        return not self.loop.is_troubled and not any(each.is_troubled for each in self.keeper.all)

    def _look(self) -> float:
        if not self.registry:
            return IDLE_SECONDS
        self.last = self.registry.look()
        self._tell({**self.last.problems, **self._clashes(self.registry.url)})
        self._apply({**self._mine(), **self.own})
        offload(self.keep, self.last)
        return self.last.again_seconds

    def _go_on(self) -> None:
        """The registry cannot be asked: what it said last holds, even if that was before our start."""
        self.metrics.registry_good.set(0)
        self._apply({**self._mine(), **self.own})

    def _mine(self) -> dict[str, Stream]:
        return {name: stream for name, stream in self.last.streams.items() if name in self.last.mine}

    def _clashes(self, url: str) -> dict[str, str]:
        both = self.own.keys() & self.last.streams.keys()
        return {name: f'{url}: [{name}] stands in [node] capture, too, which holds' for name in both}

    def _watch(self, registry: Registry) -> None:
        """Never ends by itself."""

        def watch() -> float:
            registry.watch(self._wake)
            return IDLE_SECONDS

        Loop(
            'notices of changed streams', watch, backoff=Backoff(FIRST_RETRY_SECONDS, MOST_RETRY_SECONDS)
        ).run()

    def _apply(self, wanted: Mapping[str, Stream]) -> None:
        done = self.keeper.apply(wanted)
        if done:
            self.changes = Changes(self.clock(), done)
            log.info('%s', '; '.join(done))
        self.metrics.tell(len({*self.last.streams, *self.own}), len(wanted), len(self.last.leases))

    def _tell(self, problems: Mapping[str, str]) -> None:
        """Says what is wrong once, and that it is right again."""
        self.metrics.registry_good.set(not problems)
        self.metrics.problems.set(len(problems))
        for where, problem in problems.items():
            if self.problems.get(where) != problem:
                kept = '; what was good before stays in force' if where in self.last.problems else ''
                log.warning('%s%s', problem, kept)
        if self.problems and not problems:
            log.info('nothing is wrong with the streams any more')
        self.problems = problems

    def status(self) -> dict[str, Any]:
        """The answer to GET /status."""
        return {
            'node': self.node,
            'time': iso(self.clock()),
            'healthy': self.is_healthy(),
            'registry': self._registry_status(),
            'last_change': {'time': iso(self.changes.time), 'done': list(self.changes.done)}
            if self.changes.time
            else None,
            'streams': {
                name: self._stream_status(name, stream)
                for name, stream in sorted({**self.last.streams, **self.own}.items())
            },
        }

    def _registry_status(self) -> dict[str, Any] | None:
        if not self.registry:
            return None
        return {
            'url': self.registry.url,
            'problems': dict(self.problems),
            'last_error': told_error(self.loop.last_error),
            **self.registry.about(),
        }

    def _stream_status(self, name: str, stream: Stream) -> dict[str, Any]:
        return {
            'state': 'run' if stream.run else 'stop',
            'placement': str(stream.placement),
            'lease': self.last.leases.get(name),
            'here': any(self.keeper.parts(name)),
            'of': 'settings' if name in self.own else 'registry',
            **{kept.work.name: _kept(kept) for kept in self.keeper.parts(name)},
        }


def _kept(kept: Kept) -> dict[str, Any]:
    return {
        'restarts': kept.restarts,
        'last_error': told_error(kept.loop.last_error),
        'doing': kept.part.status() if kept.part else None,
    }
