"""Reading segments from a peer: many in one stream where it knows how, else one by one."""

import json
from collections.abc import Generator, Iterable, Iterator
from itertools import groupby, islice

from backfiller.ability import Ability
from backfiller.client import Client, FetchError, told
from backfiller.stalls import Stalls
from common import batch, wire
from common.errors import BatchError, SegmentError
from common.place import Chunks
from common.segment import Hour, Segment

NO_BATCHES = (200, 400, 404, 405, 501)
"""What a peer answers that does not know them; 200 is the page that some have for everything."""

Waiting = dict[str, Segment]
Pieces = Generator[tuple[Segment, Chunks]]


class Fetcher:
    """The reading half of a peer, over connections of its own.

    The single requests are the plain protocol, and what counts in the end: whatever goes wrong in a batch,
    the segments that did not come are asked for again.
    """

    def __init__(self, url: str, client: Client, batches: Ability, *, max_segment_bytes: int) -> None:
        self.url = url
        self._client = client
        self._batches = batches
        self._max_segment_bytes = max_segment_bytes
        self._stalls = Stalls(url)
        self._buffer = batch.Buffer()

    def read(self, segments: Iterable[Segment]) -> Iterator[tuple[Segment, Chunks]]:
        """Each segment with its bytes, an hour's segments in any order; see `common.place.Source`."""
        for hour, group in groupby(segments, key=lambda each: each.hour):
            waiting: Waiting = {}
            for segment in group:
                if segment.withdrawal:
                    yield segment, ()
                else:
                    waiting[segment.name] = segment
            yield from self._in_batches(hour, waiting)
            for segment in waiting.values():
                self._stalls.check()
                yield segment, self._body(segment)

    def close(self) -> None:
        self._client.close()

    def _in_batches(self, hour: Hour, waiting: Waiting) -> Pieces:
        """Takes from `waiting` what comes, for as long as anything does."""
        left = len(waiting) + 1
        while 1 < len(waiting) < left and self._batches.is_worth_trying():
            left = len(waiting)
            try:
                yield from self._batch(hour, waiting)
            except (BatchError, FetchError) as error:
                self._stalls.note(error)
                if len(waiting) == left:
                    self._batches.failed()

    def _batch(self, hour: Hour, waiting: Waiting) -> Pieces:
        """One request; what a whole stream leaves out is not there. Raises BatchError, FetchError."""
        asked = dict(islice(waiting.items(), batch.MOST_NAMES))
        url, body = self.url + wire.batch_path(hour), json.dumps(list(asked)).encode()
        with self._client.post(url, body, 'application/json') as answer:
            if answer.status != 200 or answer.headers.get('Content-Type') != batch.CONTENT_TYPE:
                if answer.status in NO_BATCHES:
                    self._batches.was_refused()
                raise BatchError(f'{url} answered {answer.status} and no batch')
            for member in batch.members(answer.read, asked, self._max_segment_bytes, self._buffer):
                del waiting[member.name]
                self._stalls.end()
                yield asked[member.name], [member.body]
        for name in asked.keys() & waiting.keys():
            segment = waiting.pop(name)
            yield segment, _missing(f'{self.url} lists {segment.path}, and does not send it')

    def _body(self, segment: Segment) -> Iterator[bytes]:
        url = self.url + wire.segment_path(segment)
        try:
            reply = self._stalls.over(lambda: self._client.get(url, limit_bytes=self._max_segment_bytes))
        except FetchError as error:
            raise SegmentError(error.reason, str(error)) from error
        if reply.status != 200:
            reason = 'missing' if reply.status in (404, 410) else 'refused'
            raise SegmentError(reason, told(reply.url, reply.status))
        yield reply.body


def _missing(message: str) -> Iterator[bytes]:
    raise SegmentError('missing', message)
    yield
