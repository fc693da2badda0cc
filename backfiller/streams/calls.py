"""The border to Redis: what is asked of it, and its errors as ours.

segmesh:streams              a set: the names of the streams
segmesh:stream:NAME          a hash: what is to be recorded, see `stream`
segmesh:revision             a number that grows with every change that we write
segmesh:nodes                a sorted set: NODE/ID by when it is no more believed to live
segmesh:lease:NAME:SLOT      NODE/ID of who holds it, for a while
segmesh:changed              a channel: somebody changed something
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

import gevent
from gevent.event import Event
from redis import Redis
from redis.backoff import NoBackoff
from redis.client import PubSub
from redis.credentials import CredentialProvider
from redis.exceptions import RedisError
from redis.retry import Retry

from backfiller.streams.password import Password
from backfiller.streams.turns import Lease
from common.errors import SourceError

INDEX = 'segmesh:streams'
REVISION = 'segmesh:revision'
NODES = 'segmesh:nodes'
CHANGED = 'segmesh:changed'
STREAM = 'segmesh:stream:'
LEASE = 'segmesh:lease:'

TIMEOUT_SECONDS = 2.0
LISTEN_SECONDS = 5.0
GATHER_SECONDS = 0.05
"""Changes that come so soon after one another are looked at together."""

_HERE = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
return redis.call('ZRANGE', KEYS[1], 0, -1)
"""
_RENEW = """
local holder = redis.call('GET', KEYS[1])
if not holder then return {'', 0} end
if holder == ARGV[1] then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return {holder, redis.call('PTTL', KEYS[1])}
"""
_RELEASE = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""

Slot = tuple[str, int]


@dataclass(frozen=True)
class Found:
    """What stands in Redis; of a key that is no hash the error."""

    members: frozenset[str]
    has_revision: bool
    hashes: Mapping[str, Mapping[str, str] | str]


class _Credentials(CredentialProvider):
    """Asked for each connection."""

    def __init__(self, user: str, password: Password) -> None:
        self._user = user
        self._password = password

    def get_credentials(self) -> tuple[str] | tuple[str, str]:
        password = self._password.text()
        return (self._user, password) if self._user else (password,)


class Calls:
    """Speaks with one Redis server; every call raises SourceError."""

    def __init__(self, url: str, password: Password | None) -> None:
        parts = urlsplit(url)
        self.url = url
        self._db = int(parts.path.strip('/') or 0)
        user = unquote(parts.username or '')
        self.client: Redis = Redis(
            host=parts.hostname or '',
            port=parts.port or 6379,
            db=self._db,
            ssl=parts.scheme == 'rediss',
            credential_provider=_Credentials(user, password) if password else None,
            socket_timeout=TIMEOUT_SECONDS,
            socket_connect_timeout=TIMEOUT_SECONDS,
            retry=Retry(NoBackoff(), 0),
            protocol=2,
            decode_responses=True,
            encoding_errors='replace',
        )

    def read(self, me: str, seconds: float) -> Found:
        """All that stands there; says that this node lives, and is to be believed so for these seconds."""
        with self.translated():
            pipe = self.client.pipeline(transaction=False)
            pipe.eval(_HERE, 1, NODES, me, _ms(seconds))
            pipe.exists(REVISION)
            pipe.smembers(INDEX)
            members, has_revision, names = pipe.execute()
            return Found(frozenset(members), bool(has_revision), self.hashes(sorted(names)))

    def hashes(self, names: Sequence[str]) -> dict[str, Mapping[str, str] | str]:
        with self.translated():
            pipe = self.client.pipeline(transaction=False)
            for name in names:
                pipe.hgetall(STREAM + name)
            answers = pipe.execute(raise_on_error=False)
        return {
            name: answer if isinstance(answer, dict) else str(answer)
            for name, answer in zip(names, answers, strict=True)
        }

    def renew(self, slots: Sequence[Slot], me: str, seconds: float) -> dict[Slot, Lease]:
        """Who holds each slot; those that are ours are so for these seconds from now on."""
        with self.translated():
            pipe = self.client.pipeline(transaction=False)
            for slot in slots:
                pipe.eval(_RENEW, 1, _key(slot), me, _ms(seconds))
            answers = pipe.execute()
        return {
            slot: Lease(str(holder), max(0, left) / 1000)
            for slot, (holder, left) in zip(slots, answers, strict=True)
        }

    def take(self, slots: Sequence[Slot], me: str, seconds: float) -> list[Slot]:
        """Those that were free, and are ours now; all are asked for at once, however slow the answer is."""
        with self.translated():
            pipe = self.client.pipeline(transaction=False)
            for slot in slots:
                pipe.set(_key(slot), me, nx=True, px=_ms(seconds))
            answers = pipe.execute()
        return [slot for slot, is_taken in zip(slots, answers, strict=True) if is_taken]

    def release(self, slots: Sequence[Slot], me: str) -> None:
        """Lets go of those that are ours, and tells the others."""
        with self.translated():
            pipe = self.client.pipeline(transaction=False)
            for slot in slots:
                pipe.eval(_RELEASE, 1, _key(slot), me)
            pipe.publish(CHANGED, 'lease')
            pipe.execute()

    def leave(self, me: str) -> None:
        """Says that this node lives no more."""
        with self.translated():
            self.client.zrem(NODES, me)

    def listen(self, wake: Event) -> None:
        """Sets the event when somebody says that something changed, or the server does; until killed."""
        watched = f'__keyspace@{self._db}__:segmesh:'
        with self.translated(), self._channel() as channel:
            channel.subscribe(CHANGED)
            channel.psubscribe(f'{watched}*')
            wake.set()
            while True:
                message = channel.get_message(timeout=LISTEN_SECONDS)
                if message and _matters(message, watched):
                    wake.set()
                    gevent.sleep(GATHER_SECONDS)

    def _channel(self) -> PubSub:
        channel: PubSub = self.client.pubsub(ignore_subscribe_messages=True)  # type: ignore[no-untyped-call]
        return channel

    def close(self) -> None:
        self.client.close()

    @contextmanager
    def translated(self) -> Iterator[None]:
        try:
            yield
        except (RedisError, OSError) as error:
            raise SourceError(f'{self.url} cannot be asked: {str(error).rstrip(".")}') from error


def _matters(message: Mapping[str, Any], watched: str) -> bool:
    """Whether a message tells of a changed stream, or of a lease that is free now; renewals do not matter."""
    key, event = str(message['channel']).removeprefix(watched), message['data']
    if message['channel'] == CHANGED or key == 'streams' or key.startswith('stream:'):
        return True
    return key.startswith('lease:') and event in ('expired', 'del')


def _key(slot: Slot) -> str:
    stream, number = slot
    return f'{LEASE}{stream}:{number}'


def _ms(seconds: float) -> int:
    return max(1, round(seconds * 1000))
