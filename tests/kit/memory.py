"""A place in memory: the simplest thing that keeps the promises of `common.place`."""

from collections.abc import Iterable, Iterator

from common.errors import SegmentError
from common.place import EVERYTHING, Chunks, Scope, Troubles, verified
from common.segment import Hour, Segment, without_withdrawn


class Memory:
    """Hours of names with their bytes."""

    def __init__(self) -> None:
        self.held: dict[Hour, dict[str, bytes]] = {}

    def hours(self, scope: Scope = EVERYTHING, troubles: Troubles | None = None) -> Iterator[Hour]:
        return filter(scope.admits, list(self.held))

    def names(self, hour: Hour) -> set[str]:
        return without_withdrawn(self.held.get(hour, {}).keys())

    def read(self, segments: Iterable[Segment]) -> Iterator[tuple[Segment, Chunks]]:
        for segment in segments:
            yield segment, self._body(segment)

    def add(self, segment: Segment, chunks: Chunks) -> int:
        body = b''.join(verified(segment, chunks))
        self.held.setdefault(segment.hour, {})[segment.name] = body
        return len(body)

    def _body(self, segment: Segment) -> Iterator[bytes]:
        if segment.name not in self.names(segment.hour):
            raise SegmentError('missing', f'{segment.path} is not held')
        yield self.held[segment.hour][segment.name]
