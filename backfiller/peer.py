"""Another node's restreamer as a place to read from: the inverse of the restreamer."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from functools import partial
from typing import TypeVar

from backfiller.ability import Ability
from backfiller.client import REFUSALS, Client, FetchError, Reply, told
from backfiller.engines import Engine, Rich, lean_or_rich
from backfiller.fetch import Fetcher
from backfiller.pace import Wait, no_cap
from backfiller.stalls import Stalls
from common import wire
from common.errors import ListingError, SegmentError, SourceError
from common.offload import offload
from common.place import EVERYTHING, MAX_SEGMENT_BYTES, Chunks, Scope, Troubles, collected
from common.segment import Hour, Segment, is_label
from common.wire import HourSummary

T = TypeVar('T')

NO_FINGERPRINTS = (400, 404, 405)
GRACE_SECONDS = 15.0
MOST_VARIANTS = 200

_SMALL_ANSWER_BYTES = 64 * 1024


class Peer:
    """The restreamer at `url`, spoken to as design section 3 says: plainly, where it knows no more.

    `new_client` makes a client of an engine and a pace; every fetcher has its own, with `pace`. With `plain`
    it is never asked for more than the plain protocol. `turns` is taken while the summaries of a variant are
    in use, which may be large.
    """

    def __init__(
        self,
        url: str,
        new_client: Callable[[Engine, Wait], Client],
        *,
        pace: Wait = no_cap,
        max_segment_bytes: int = MAX_SEGMENT_BYTES,
        plain: bool = False,
        turns: AbstractContextManager[object] = nullcontext(),  # noqa: B008 (it has no state)
    ) -> None:
        self.url = url
        self._new_client = new_client
        self._pace = pace
        self._client = new_client(Rich(), no_cap)
        self._max_segment_bytes = max_segment_bytes
        self._fingerprints = Ability(wanted=not plain)
        self._batches = Ability(wanted=not plain)
        self._own_fetcher = self.fetcher()
        self._turns = turns
        self._stalls = Stalls(url)
        self.variants: set[tuple[str, str]] = set()
        """Stream and variant of what it was found to have, fit to be watched: no more than MOST_VARIANTS."""
        self.refused: set[str] = set()
        """What it listed as streams, variants and hours that are no names."""

    def close(self) -> None:
        self._client.close()
        self._own_fetcher.close()

    def identity(self) -> str:
        """The id of the node behind the URL; empty if it does not tell. Raises SourceError if it is away."""
        try:
            answer = json.loads(self._get('/readyz', _SMALL_ANSWER_BYTES).body)
        except FetchError as error:
            if error.reason == 'unreachable':
                raise SourceError(str(error)) from error
            return ''
        except (ValueError, RecursionError):
            return ''
        found = answer.get('id', '') if isinstance(answer, dict) else ''
        return found if isinstance(found, str) else ''

    def hours(self, scope: Scope = EVERYTHING, troubles: Troubles | None = None) -> Iterator[Hour]:
        for summaries in self.summaries(scope, troubles):
            yield from summaries

    def summaries(
        self, scope: Scope = EVERYTHING, troubles: Troubles | None = None
    ) -> Iterator[Mapping[Hour, HourSummary | None]]:
        """For each variant its hours with their summaries, which are None from a plain peer."""
        for stream in self._labels(wire.streams_path(), scope.admits_stream):
            with collected(troubles):
                for variant in self._labels(wire.variants_path(stream), scope.admits_variant):
                    if len(self.variants) < MOST_VARIANTS:
                        self.variants.add((stream, variant))
                    with collected(troubles):
                        reply = self._hours_reply(stream, variant, scope)
                        with self._turns:
                            yield self._decoded(reply, partial(self._hours, stream, variant, scope))

    def names(self, hour: Hour) -> set[str]:
        self._stalls.check()
        return set(self._listing(wire.members_path(hour)))

    def read(self, segments: Iterable[Segment]) -> Iterator[tuple[Segment, Chunks]]:
        return self._own_fetcher.read(segments)

    def fetcher(self) -> Fetcher:
        """One more reader of this peer, for whoever reads beside us; to be closed."""
        client = self._new_client(lean_or_rich(self.url), self._pace)
        return Fetcher(self.url, client, self._batches, max_segment_bytes=self._max_segment_bytes)

    def await_change(
        self, stream: str, variant: str, since: datetime, etag: str, wait_seconds: int
    ) -> str | None:
        """The ETag of the fingerprints when it is another, or the same when the time is up.

        None if the peer does not know how to wait (RFC 7240). Raises SourceError.
        """
        try:
            reply = self._client.get(
                self.url + wire.summaries_path(stream, variant, since),
                limit_bytes=wire.MAX_LISTING_BYTES,
                encoding='gzip',
                deadline_seconds=wait_seconds + GRACE_SECONDS,
                headers={'Prefer': f'wait={wait_seconds}'} | ({'If-None-Match': etag} if etag else {}),
            )
        except FetchError as error:
            raise SourceError(str(error)) from error
        if reply.status in REFUSALS:
            raise SourceError(told(reply.url, reply.status))
        if reply.status not in (200, 304) or 'Preference-Applied' not in reply.headers:
            return None
        return reply.headers.get('ETag', '')

    def _hours_reply(self, stream: str, variant: str, scope: Scope) -> Reply:
        """The fingerprints; of a peer that knows none, the hours, for which it may have to be asked again."""
        if self._fingerprints.is_worth_trying():
            reply = self._reply(wire.summaries_path(stream, variant, scope.since))
            if reply.status not in NO_FINGERPRINTS:
                return reply
            self._fingerprints.was_refused()
        return self._reply(wire.hours_path(stream, variant))

    def _hours(self, stream: str, variant: str, scope: Scope, body: bytes) -> dict[Hour, HourSummary | None]:
        """What the body of such a reply says; raises ListingError."""
        summaries = wire.decode_summaries(body)
        told = dict.fromkeys(wire.decode_listing(body)) if summaries is None else summaries
        found: dict[Hour, HourSummary | None] = {}
        for text, summary in told.items():
            try:
                hour = Hour.parse(stream, variant, text)
            except SegmentError:
                self._refuse(text)
                continue
            if scope.admits(hour):
                found[hour] = summary
        return found

    def _labels(self, path: str, admits: Callable[[str], bool]) -> Iterator[str]:
        for text in self._listing(path):
            if not is_label(text):
                self._refuse(text)
            elif admits(text):
                yield text

    def _refuse(self, text: str) -> None:
        if len(self.refused) < 1000:
            self.refused.add(text[:200])

    def _listing(self, path: str) -> list[str]:
        return self._decoded(self._reply(path), wire.decode_listing)

    def _reply(self, path: str) -> Reply:
        """The answer; raises ListingError, or SourceError if the peer refuses us."""
        try:
            reply = self._get(path, wire.MAX_LISTING_BYTES, encoding='gzip')
        except FetchError as error:
            raise ListingError(str(error)) from error
        if reply.status in REFUSALS:
            raise SourceError(told(reply.url, reply.status))
        return reply

    def _decoded(self, reply: Reply, decode: Callable[[bytes], T]) -> T:
        """The body, decoded off the hub; raises ListingError, naming the URL."""
        if reply.status != 200:
            raise ListingError(told(reply.url, reply.status))
        try:
            return offload(decode, reply.body)
        except ListingError as error:
            raise ListingError(f'{reply.url}: {error}') from None

    def _get(self, path: str, limit_bytes: int, encoding: str = 'identity') -> Reply:
        """The answer; raises FetchError."""
        url = self.url + path
        return self._stalls.over(lambda: self._client.get(url, limit_bytes=limit_bytes, encoding=encoding))
