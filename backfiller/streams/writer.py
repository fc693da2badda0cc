"""Writing the registry in Redis: each change is one transaction, of which all nodes are told."""

from collections.abc import Mapping
from typing import Any

from backfiller.streams.calls import CHANGED, INDEX, LEASE, NODES, REVISION, STREAM, Calls
from backfiller.streams.stream import Stream, decoded, encoded
from common.errors import UsageError


class Writer:
    """Every method raises SourceError if Redis cannot be asked, UsageError for what is no stream."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def put(self, tables: Mapping[str, Mapping[str, Any]]) -> None:
        """Writes these streams as a whole; the others stay as they are."""
        for name, table in tables.items():
            Stream.read(name, table, f'[{name}]')
        with self._calls.translated():
            pipe = self._calls.client.pipeline()
            for name, table in tables.items():
                pipe.delete(STREAM + name)
                pipe.hset(STREAM + name, items=[part for pair in encoded(table).items() for part in pair])
                pipe.sadd(INDEX, name)
            pipe.incr(REVISION)
            pipe.publish(CHANGED, 'streams')
            pipe.execute()

    def change(self, name: str, fields: Mapping[str, str]) -> None:
        """Sets these fields of a stream, which need not be there yet; those that are empty are taken out."""
        known = self._calls.hashes([name])[name]
        if isinstance(known, str):
            raise UsageError(f'{STREAM}{name} cannot be read: {known}')
        left = {**known, **fields}
        if 'url' in fields:
            left.pop('sources', None)
        if 'sources' in fields:
            left.pop('url', None)
        self.put({name: decoded({key: text for key, text in left.items() if text}, f'[{name}]')})

    def remove(self, name: str) -> None:
        with self._calls.translated():
            pipe = self._calls.client.pipeline()
            pipe.srem(INDEX, name)
            pipe.delete(STREAM + name)
            pipe.incr(REVISION)
            pipe.publish(CHANGED, 'streams')
            was_there, *_ = pipe.execute()
        if not was_there:
            raise UsageError(f'there is no stream {name}')

    def nodes(self) -> list[str]:
        """The nodes that live, by name."""
        with self._calls.translated():
            seconds, _ = self._calls.client.time()
            members = self._calls.client.zrangebyscore(NODES, seconds * 1000, '+inf')
        return sorted(str(member).partition('/')[0] for member in members)

    def streams(self) -> dict[str, Stream | str]:
        """Every stream, or what is wrong with it."""
        with self._calls.translated():
            names = sorted(map(str, self._calls.client.smembers(INDEX)))
        return {name: _read(name, fields) for name, fields in self._calls.hashes(names).items()}

    def holders(self, stream: Stream) -> list[str]:
        """Who holds the replicas of the stream, by name."""
        keys = [f'{LEASE}{stream.name}:{slot}' for slot in range(stream.placement.replicas)]
        with self._calls.translated():
            found = self._calls.client.mget(keys) if keys else []
        return [str(holder).partition('/')[0] for holder in found if holder]


def _read(name: str, fields: Mapping[str, str] | str) -> Stream | str:
    where = STREAM + name
    if isinstance(fields, str):
        return f'{where} cannot be read: {fields}'
    try:
        return Stream.read(name, decoded(fields, where), where)
    except UsageError as error:
        return str(error)
