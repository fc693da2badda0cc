"""A peer over raw sockets that knows the whole protocol, and is honest but for what a test makes it do."""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from io import BufferedReader
from typing import NamedTuple
from urllib.parse import unquote
from uuid import uuid4

from gevent import socket
from gevent.pool import Pool
from gevent.server import StreamServer

from common import batch, digest
from tests.kit.build import Piece


class Request(NamedTuple):
    """What was asked, and when by the monotonic clock; `names` are those that a batch asks for."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    names: tuple[str, ...]
    time: float

    @property
    def waits(self) -> bool:
        """Whether it asks to be told of a change (RFC 7240)."""
        return 'prefer' in self.headers


@dataclass
class Exchange:
    """A request, the answer that an honest peer has for it, and the connection to say another by."""

    request: Request
    connection: socket.socket
    status: int
    headers: dict[str, str]
    body: bytes

    def say(self, *data: bytes) -> None:
        self.connection.sendall(b''.join(data))

    def head(self, **other: str | None) -> bytes:
        """The honest head with other values for some headers, `None` to leave one out."""
        changed = {name.replace('_', '-').title(): value for name, value in other.items()}
        headers = {'Content-Length': str(len(self.body)), **self.headers, **changed}
        lines = [f'{name}: {value}' for name, value in headers.items() if value is not None]
        return '\r\n'.join([f'HTTP/1.1 {self.status} Whatever', *lines, '', '']).encode()

    def answer(self) -> None:
        """What an honest peer does."""
        self.say(self.head(), self.body)


Deed = Callable[[Exchange], None]
"""What a peer does instead of answering; the connection ends with it."""

Script = Callable[[Request], Deed | None]


def is_for_bytes(request: Request) -> bool:
    """Whether segments are asked for, one or many."""
    return request.path.startswith('/segments/')


def whenever_bytes(deed: Deed) -> Script:
    """Honest listings, and that deed for whoever asks for segments."""
    return lambda request: deed if is_for_bytes(request) else None


def in_batches(deed: Deed) -> Script:
    """Honest listings and single segments, and that deed for whoever asks for many."""
    return lambda request: deed if request.method == 'POST' else None


@dataclass
class Scripted:
    """What the peer has, and how it behaves; `requests` are those that came, in order.

    Without `batches` it answers a POST with 405. `summaries` makes it say something else than the truth; with
    `cries_wolf` it tells whoever waits for a change that there is one, at once.
    """

    pieces: Sequence[Piece] = ()
    script: Script = lambda _: None
    batches: bool = True
    summaries: Callable[[dict[str, dict[str, object]]], dict[str, dict[str, object]]] = dict
    cries_wolf: bool = False
    id: str = field(default_factory=lambda: uuid4().hex)
    requests: list[Request] = field(default_factory=list)
    url: str = ''

    def asked(self, method: str, path: str = '/') -> list[Request]:
        """The requests of that method for what lies below the path."""
        return [each for each in self.requests if (each.method, each.path[: len(path)]) == (method, path)]

    def times_asked_for(self, piece: Piece) -> int:
        """How often the bytes of the piece were asked for, alone or among others."""
        alone = sum(each.path == f'/segments/{piece.path}' for each in self.requests)
        hour = f'/segments/{piece.hour.path}'
        return alone + sum(each.path == hour and piece.name in each.names for each in self.requests)

    def talk(self, connection: socket.socket, _: object) -> None:
        """One connection to its end."""
        with suppress(OSError), connection.makefile('rb') as reader:
            while request := self._next(reader):
                self.requests.append(request)
                exchange = Exchange(request, connection, *self._honest(request))
                deed = None if exchange.status == 405 else self.script(request)
                if deed:
                    deed(exchange)
                    return
                exchange.answer()

    def _next(self, reader: BufferedReader) -> Request | None:
        words = reader.readline().decode('latin-1').split()
        if len(words) != 3:
            return None
        headers = dict(_headers(reader))
        names = json.loads(reader.read(int(headers.get('content-length', 0))) or b'[]')
        path, _, query = words[1].partition('?')
        return Request(words[0], unquote(path), query, headers, tuple(names), time.monotonic())

    def _honest(self, request: Request) -> tuple[int, dict[str, str], bytes]:
        if request.path == '/readyz':
            return _json({'id': self.id})
        if request.path.startswith('/files'):
            return self._listing(request)
        if request.method == 'POST':
            return self._batch(request) if self.batches else (405, {}, b'')
        body = next((each.body for each in self.pieces if request.path == f'/segments/{each.path}'), None)
        return (404, {}, b'') if body is None else (200, {'Content-Type': 'video/mp2t'}, body)

    def _listing(self, request: Request) -> tuple[int, dict[str, str], bytes]:
        above = request.path.removeprefix('/files').strip('/')
        depth = above.count('/') + 1 if above else 0
        below = [each.path for each in self.pieces if not above or each.path.startswith(f'{above}/')]
        found = sorted({path.split('/')[depth] for path in below})
        if depth == 2 and 'fingerprints=true' in request.query:
            status, headers, body = _json(
                self.summaries({hour: self._summary(f'{above}/{hour}') for hour in found})
            )
            agreed = {'Preference-Applied': 'wait=30', 'ETag': f'"{len(self.requests)}"'}
            return status, headers | agreed if self.cries_wolf and request.waits else headers, body
        return _json(found)

    def _summary(self, hour: str) -> dict[str, object]:
        names = {each.name for each in self.pieces if each.hour.path == hour}
        return {'segments': len(names), 'fingerprint': digest.fingerprint(names)}

    def _batch(self, request: Request) -> tuple[int, dict[str, str], bytes]:
        hour = request.path.removeprefix('/segments/')
        here = [each for each in self.pieces if each.hour.path == hour and each.name in request.names]
        return 200, {'Content-Type': batch.CONTENT_TYPE}, tar_of(here)


def _headers(reader: BufferedReader) -> Iterator[tuple[str, str]]:
    while (line := reader.readline().strip()) != b'':
        name, _, value = line.decode('latin-1').partition(':')
        yield name.lower(), value.strip()


def tar_of(pieces: Iterable[Piece]) -> bytes:
    """The pieces as a restreamer sends them together."""
    members = (
        batch.header(each.name, len(each.body)) + each.body + batch.padding(len(each.body)) for each in pieces
    )
    return b''.join([*members, batch.END])


@contextmanager
def scripted(peer: Scripted) -> Iterator[Scripted]:
    """The peer at its URL, for the length of the block."""
    connections = Pool()
    server = StreamServer(('127.0.0.1', 0), peer.talk, spawn=connections)
    server.start()
    peer.url = f'http://127.0.0.1:{server.server_port}'
    try:
        yield peer
    finally:
        server.close()
        connections.kill()


@contextmanager
def all_scripted(peers: Mapping[str, Scripted]) -> Iterator[None]:
    """All of the peers at their URLs."""
    with ExitStack() as stack:
        for peer in peers.values():
            stack.enter_context(scripted(peer))
        yield


def _json(value: object) -> tuple[int, dict[str, str], bytes]:
    return 200, {'Content-Type': 'application/json'}, json.dumps(value).encode()
