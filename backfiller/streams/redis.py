"""The registry in Redis, for fleets: looked at every second, and at once when somebody tells of a change.

What is wrong with one stream keeps that one as it was last good, or out if it never was; the others change.
While Redis is away everything goes on as it was. So it does when the streams are gone with their revision,
which is how a server comes back that kept nothing on its disk.
"""

from collections.abc import Mapping
from typing import Any

from gevent.event import Event

from backfiller.streams.calls import INDEX, STREAM, Calls, Found
from backfiller.streams.holding import Holding
from backfiller.streams.registry import WHOLE, Look
from backfiller.streams.stream import Stream, decoded
from common.errors import SourceError, UsageError

POLL_SECONDS = 1.0


class RedisRegistry:
    """The streams of a Redis server, for the node of that name and id."""

    def __init__(self, calls: Calls, node: str, node_id: str, lease_seconds: float, known: Look) -> None:
        self.url = calls.url
        self._calls = calls
        self._node = node
        self._me = f'{node}/{node_id}'
        self._holding = Holding(calls, self._me, lease_seconds)
        self._poll_seconds = min(POLL_SECONDS, self._holding.renew_seconds)
        self._streams = dict(known.streams)
        self._holding.claim(
            [name for name, each in self._running() if each.placement.replicas and name in known.mine]
        )
        self._members: frozenset[str] = frozenset()

    def look(self) -> Look:
        try:
            found = self._calls.read(self._me, self._holding.seconds)
            problems = self._note(found)
            replicas = {
                name: each.placement.replicas for name, each in self._running() if each.placement.replicas
            }
            held = self._holding.look(replicas, found.members)
        except SourceError:
            self._holding.was_away()
            raise
        placed = {name for name, each in self._running() if each.placement.names(self._node)}
        lingering = self._holding.lingering() & replicas.keys()
        return Look(
            dict(self._streams),
            frozenset(placed | held.slots.keys() | lingering),
            problems,
            min(self._poll_seconds, held.again_seconds),
            held.slots,
        )

    def watch(self, wake: Event) -> None:
        self._calls.listen(wake)

    def about(self) -> dict[str, Any]:
        leases = self._holding.last.leases
        return {
            'nodes': sorted(member.partition('/')[0] for member in self._members),
            'leases': {name: [each.holder or None for each in found] for name, found in leases.items()},
        }

    def close(self) -> None:
        """Raises SourceError, with leases that then end by themselves."""
        try:
            self._calls.leave(self._me)
            self._holding.release_all()
        finally:
            self._calls.close()

    def _running(self) -> list[tuple[str, Stream]]:
        return [(name, stream) for name, stream in self._streams.items() if stream.run]

    def _note(self, found: Found) -> dict[str, str]:
        """Takes what is right into force; returns what is wrong."""
        self._members = found.members
        if self._streams and not found.hashes and not found.has_revision:
            return {
                WHOLE: f'{self.url}: {INDEX} is gone, as from a server that was started empty: fill it again'
            }
        streams, problems = {}, {}
        for name, fields in found.hashes.items():
            try:
                streams[name] = _stream(name, fields)
            except UsageError as error:
                problems[name] = str(error)
                if name in self._streams:
                    streams[name] = self._streams[name]
        self._streams = streams
        return problems


def _stream(name: str, fields: Mapping[str, str] | str) -> Stream:
    where = STREAM + name
    if isinstance(fields, str):
        raise UsageError(f'{where} cannot be read: {fields}')
    if not fields:
        raise UsageError(f'{where} is not there, and {INDEX} names it: write it, or take it out of the set')
    return Stream.read(name, decoded(fields, where), where)
