"""A web server over raw sockets with HLS videos on it, honest but for what a test makes of single paths."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from io import BufferedReader
from typing import NamedTuple

import gevent
from gevent import socket
from gevent.event import Event
from gevent.pool import Pool
from gevent.server import StreamServer

MODIFIED = 'Sat, 14 Nov 2026 03:00:00 GMT'


class Asked(NamedTuple):
    """A request: the target as it came, with its query, and the headers by lower-case names."""

    target: str
    headers: Mapping[str, str]


@dataclass
class Talk:
    """A request that came, the connection, and the honest answer."""

    asked: Asked
    connection: socket.socket
    body: bytes

    def say(self, status: int, body: bytes = b'', **headers: str) -> None:
        """A whole answer; header names with `_` for `-`."""
        self.connection.sendall(head(status, len(body), headers) + body)


Deed = Callable[[Talk], bool | None]
"""What happens instead of an answer, and ends the connection; if it says False, the answer is honest."""


def head(status: int, size: int | None, headers: Mapping[str, str]) -> bytes:
    named = {name.replace('_', '-').title(): value for name, value in headers.items()}
    stated = {} if size is None else {'Content-Length': str(size)}
    lines = [f'{name}: {value}' for name, value in {**stated, **named}.items()]
    return '\r\n'.join([f'HTTP/1.1 {status} Whatever', *lines, '', '']).encode()


def status(code: int, body: bytes = b'no', **headers: str) -> Deed:
    return lambda talk: talk.say(code, body, **headers)


def redirects(url: str) -> Deed:
    return lambda talk: talk.say(302, b'', location=url)


def cuts_off(talk: Talk) -> None:
    """Half of the body, and then the end of the connection."""
    talk.connection.sendall(head(200, len(talk.body), {}) + talk.body[: len(talk.body) // 2])


def a_web_page(talk: Talk) -> None:
    talk.say(200, b'<html>please log in</html>', content_type='text/html; charset=utf-8')


def hangs(talk: Talk) -> None:
    Event().wait()


def slowly(talk: Talk) -> bool:
    """Honestly, after a moment."""
    gevent.sleep(0.1)
    return False


def in_chunks(talk: Talk) -> None:
    """Without a Content-Length."""
    talk.connection.sendall(head(200, None, {'transfer_encoding': 'chunked'}))
    for at in range(0, len(talk.body), 1 << 20):
        piece = talk.body[at : at + (1 << 20)]
        talk.connection.sendall(f'{len(piece):x}\r\n'.encode() + piece + b'\r\n')
    talk.connection.sendall(b'0\r\n\r\n')


@dataclass
class Origin:
    """What is there by paths; `deeds` befall a path so many times, or for ever if that is None.

    Without `validators` it says neither ETag nor Last-Modified; without `ranges` it knows of no parts.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    validators: bool = True
    ranges: bool = True
    requests: list[Asked] = field(default_factory=list)
    most_at_once: int = 0
    url: str = ''
    _deeds: dict[str, list[tuple[Deed, int | None]]] = field(default_factory=dict)
    _busy: int = 0

    def does(self, path: str, deed: Deed, *, times: int | None = None) -> None:
        """From now on."""
        self._deeds.setdefault(path, []).append((deed, times))

    def recovers(self) -> None:
        self._deeds.clear()

    def asked(self, path: str) -> int:
        """How often the path was asked for, with whatever query."""
        return sum(each.target.partition('?')[0] == path for each in self.requests)

    def counts(self) -> Counter[str]:
        return Counter(each.target for each in self.requests)

    def talk(self, connection: socket.socket, _: object) -> None:
        """One connection to its end."""
        with suppress(OSError), connection.makefile('rb') as reader:
            while asked := _next(reader):
                self.requests.append(asked)
                self._busy += 1
                self.most_at_once = max(self.most_at_once, self._busy)
                try:
                    if self._answer(asked, connection):
                        return
                finally:
                    self._busy -= 1

    def _answer(self, asked: Asked, connection: socket.socket) -> bool:
        """Whether the connection is to end."""
        path = asked.target.partition('?')[0]
        body = self.files.get(asked.target, self.files.get(path))
        talk = Talk(asked, connection, body or b'')
        if (deed := self._next_deed(path)) and deed(talk) is not False:
            return True
        if body is None:
            talk.say(404, b'there is no such thing')
        else:
            self._honest(talk, body)
        return False

    def _next_deed(self, path: str) -> Deed | None:
        for at, (deed, times) in enumerate(self._deeds.get(path, [])):
            if times is None:
                return deed
            if times:
                self._deeds[path][at] = deed, times - 1
                return deed
        return None

    def _honest(self, talk: Talk, body: bytes) -> None:
        headers = {'accept_ranges': 'bytes'} if self.ranges else {}
        etag = f'"{hashlib.md5(body).hexdigest()}"'
        if self.validators:
            headers |= {'etag': etag, 'last_modified': MODIFIED}
        if self.validators and talk.asked.headers.get('if-none-match') == etag:
            talk.connection.sendall(head(304, None, headers))
        elif self.ranges and (wanted := talk.asked.headers.get('range')):
            first, last = map(int, wanted.removeprefix('bytes=').split('-'))
            part = body[first : last + 1]
            place = f'bytes {first}-{first + len(part) - 1}/{len(body)}'
            talk.say(206, part, content_range=place, **headers)
        else:
            talk.say(200, body, **headers)


@contextmanager
def origin(*, host: str = '127.0.0.1', **settings: object) -> Iterator[Origin]:
    """A server at its URL, for the length of the block; the settings are the fields of Origin."""
    made, connections = Origin(**settings), Pool()  # type: ignore[arg-type]
    server = StreamServer((host, 0), made.talk, spawn=connections)
    server.start()
    made.url = f'http://{host}:{server.server_port}'
    try:
        yield made
    finally:
        server.close()
        connections.kill()


@contextmanager
def origins(count: int) -> Iterator[list[Origin]]:
    with ExitStack() as stack:
        yield [stack.enter_context(origin()) for _ in range(count)]


def media(uris: Sequence[str], *, seconds: float = 2.0, first: int = 0, ended: bool = True) -> bytes:
    """A media playlist."""
    entries = ''.join(f'#EXTINF:{seconds},\n{uri}\n' for uri in uris)
    end = '#EXT-X-ENDLIST\n' if ended else ''
    return f'#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:{first}\n{entries}{end}'.encode()


def master(*uris: str) -> bytes:
    variants = ''.join(f'#EXT-X-STREAM-INF:BANDWIDTH=1000000\n{uri}\n' for uri in uris)
    return f'#EXTM3U\n{variants}'.encode()


def put_video(
    made: Origin, folder: str, *, segments: int = 4, variants: Sequence[str] = ('v',), size: int = 1000
) -> str:
    """A master with its variants below the folder; the URL of the master."""
    made.files[f'{folder}/master.m3u8'] = master(*(f'{each}/index.m3u8' for each in variants))
    for variant in variants:
        names = [f's{number}.ts' for number in range(segments)]
        made.files[f'{folder}/{variant}/index.m3u8'] = media(names)
        for name in names:
            made.files[f'{folder}/{variant}/{name}'] = body_of(f'{folder}/{variant}/{name}', size)
    return f'{made.url}{folder}/master.m3u8'


def body_of(name: str, size: int) -> bytes:
    """Bytes that nothing else has."""
    seed = hashlib.sha256(name.encode()).digest()
    return (seed * (size // len(seed) + 1))[:size]


def _next(reader: BufferedReader) -> Asked | None:
    words = reader.readline().decode('latin-1').split()
    if len(words) != 3:
        return None
    headers = {}
    while (line := reader.readline().strip()) != b'':
        name, _, value = line.decode('latin-1').partition(':')
        headers[name.lower()] = value.strip()
    return Asked(words[1], headers)
