"""A live HLS origin that a test steps through, with every fault that origins have; a real HTTP server."""

import os
import re
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.padding import PKCS7

from tests.kit.live import packets

HANG_SECONDS = 60.0
PAGE = b'<html>please come back later</html>'


def now() -> datetime:
    """The last whole second: names are shorter."""
    return datetime.now(UTC).replace(microsecond=0)


@dataclass
class Offered:
    """A segment that an origin offered, and what it says of it; `body` is what a recorder should have."""

    sequence: int
    path: str
    body: bytes
    start: datetime
    seconds: float
    lines: list[str] = field(default_factory=list)
    sent: bytes = b''

    def __post_init__(self) -> None:
        self.sent = self.sent or self.body


class Live:
    """One media playlist with a sliding window; every step says what happens next."""

    def __init__(
        self,
        name: str = 'source',
        *,
        window: int = 6,
        seconds: float = 2.0,
        target: float | None = None,
        start: datetime | None = None,
        dated: bool = True,
        tag: str = '',
    ) -> None:
        self.name = name
        self.every: list[Offered] = []
        self.files: dict[str, bytes] = {}
        self.ended = False
        self.dated = dated
        self.window = window
        self.sequence = 0
        self.discontinuities = 0
        self.time = start or now()
        self._tag = tag
        self._seconds = seconds
        self._target = target or seconds
        self._shown: list[Offered] = []
        self._key_line = ''
        self._key: tuple[bytes, bytes | None] | None = None
        self._lines: list[str] = []
        self._count = self._since = 0

    def publish(
        self, count: int = 1, *, path: str = '', body: bytes | None = None, lines: tuple[str, ...] = ()
    ) -> list[Offered]:
        """New segments, of a name of their own unless there is a `path`."""
        new = []
        for _ in range(count):
            self._count += 1
            content = packets(f'{self.name}{self._tag} {self._count}') if body is None else body
            where = path or f'/{self.name}{self._tag}-{self._count}.ts'
            offered = Offered(
                self.sequence,
                where,
                content,
                self.time,
                self._seconds,
                [*self._lines, *lines],
                self._encrypted(content),
            )
            self._lines = []
            self.files[where] = offered.sent
            self.sequence += 1
            self.time += timedelta(seconds=self._seconds)
            new.append(offered)
        self.every += new
        self._shown = (self._shown + new)[-self.window :]
        return new

    def miss(self, count: int) -> None:
        """Numbers, and their time, that are never offered."""
        self.sequence += count
        self.time += timedelta(seconds=count * self._seconds)
        self._shown = []

    def renumber(self, count: int) -> None:
        """Numbers that are left out, and no time with them."""
        self.sequence += count
        self._shown = []

    def restart(self, first: int = 0) -> None:
        """The encoder begins anew, and counts so."""
        self.sequence, self._shown, self.ended = first, [], False
        self._key, self._key_line, self._since = None, '', len(self.every)

    def discontinuity(self) -> None:
        self._lines.append('#EXT-X-DISCONTINUITY')

    def rotate_key(self, path: str, *, iv: bytes | None = None, method: str = 'AES-128') -> None:
        """From now on segments are encrypted, with another key each time."""
        secret = os.urandom(16)
        self.files[path] = secret
        self._key = (secret, iv) if method == 'AES-128' else None
        told = f',IV=0x{iv.hex()}' if iv else ''
        self._key_line = f'#EXT-X-KEY:METHOD={method},URI="{path}"{told}'
        self._lines.append(self._key_line)

    def text(self, token: str = '') -> str:
        """The playlist as it stands; with a token behind each URI."""
        first = self._shown[0].sequence if self._shown else self.sequence
        lines = ['#EXTM3U', f'#EXT-X-TARGETDURATION:{self._target:g}', f'#EXT-X-MEDIA-SEQUENCE:{first}']
        query = f'?token={token}' if token else ''
        for offered in self._shown:
            told = offered.lines if lines[-1:] != lines[2:3] else [self._held_key(), *offered.lines]
            lines += [re.sub('(URI="[^"]*)', rf'\1{query}', line) for line in filter(None, told)]
            if self.dated:
                lines.append(f'#EXT-X-PROGRAM-DATE-TIME:{offered.start:%Y-%m-%dT%H:%M:%S.%f}Z')
            lines += [f'#EXTINF:{offered.seconds:.3f},', offered.path + query]
        if self.ended:
            lines.append('#EXT-X-ENDLIST')
        return '\n'.join(lines) + '\n'

    def _held_key(self) -> str:
        """The key of the first segment shown, whose line rolled off."""
        found = ''
        for offered in self.every[self._since :]:
            if self._shown and offered is self._shown[0]:
                return found
            found = next((line for line in offered.lines if line.startswith('#EXT-X-KEY')), found)
        return ''

    def _encrypted(self, content: bytes) -> bytes:
        if self._key is None:
            return content
        secret, iv = self._key
        padder = PKCS7(128).padder()
        encryptor = Cipher(AES(secret), CBC(iv or self.sequence.to_bytes(16))).encryptor()
        padded = padder.update(content) + padder.finalize()
        return encryptor.update(padded) + encryptor.finalize()


class Origin:
    """An HTTP server over playlists; `deeds` say what is done to requests for a path, and how often.

    A deed is `404`, `403`, `500`, `zero`, `cut`, `short`, `slow`, `hang`, `page`, `unsized`, `whole`
    (whatever range is asked for) or `to URL`.
    """

    def __init__(self, *lives: Live) -> None:
        self.lives = {f'/{live.name}.m3u8': live for live in lives}
        self.pages: dict[str, str] = {}
        self.token = ''
        self.asked: Counter[str] = Counter()
        self.headers: list[dict[str, str]] = []
        self.deeds: dict[str, tuple[str, float]] = {}
        self.port = 0
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        return f'http://127.0.0.1:{self.port}'

    def at(self, path: str = '/source.m3u8') -> str:
        """The URL of a playlist, with the token that it needs now."""
        return self.url + path + (f'?token={self.token}' if self.token else '')

    def does(self, deed: str, path: str, times: float = float('inf')) -> None:
        self.deeds[path] = deed, times

    def start(self) -> None:
        self._server = _Server(('127.0.0.1', self.port), self)
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def stop(self) -> None:
        """Connections are refused from now on, and those that there are break off."""
        if self._server and self._thread:
            self._server.shutdown()
            self._thread.join()
            self._server.hang_up()
            self._server.server_close()
            self._server = None

    def deed(self, path: str) -> str:
        """What is done to this request."""
        deed, times = self.deeds.get(path, ('', 0))
        if times <= 0:
            return ''
        self.deeds[path] = deed, times - 1
        return deed

    def body(self, path: str) -> bytes | None:
        if path in self.lives:
            return self.lives[path].text(self.token).encode()
        if path in self.pages:
            return self.pages[path].replace('TOKEN', self.token).encode()
        return next((live.files[path] for live in self.lives.values() if path in live.files), None)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], origin: Origin) -> None:
        self.origin = origin
        self.open: set[socket.socket] = set()
        self.is_over = threading.Event()
        super().__init__(address, _Handler)

    def hang_up(self) -> None:
        self.is_over.set()
        for connection in tuple(self.open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, *_: object) -> None:
        """Clients that hang up are no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    disable_nagle_algorithm = True
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.server.open.add(self.connection)

    def finish(self) -> None:
        self.server.open.discard(self.connection)
        with suppress(OSError):
            super().finish()

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        origin, parts = self.server.origin, urlsplit(self.path)
        origin.asked[parts.path] += 1
        origin.headers.append(dict(self.headers))
        body = origin.body(parts.path)
        token = parse_qs(parts.query).get('token', [''])[0]
        is_open = parts.path in origin.pages or not origin.token
        deed = origin.deed(parts.path)
        if not is_open and token != origin.token:
            deed = '403'
        self._answer('404' if body is None and not deed else deed, body or b'')

    def _answer(self, deed: str, body: bytes) -> None:
        if deed.isdigit():
            self._send(int(deed), b'no')
        elif deed.startswith('to '):
            query = urlsplit(self.path).query
            self._send(302, b'', Location=deed[3:] + (f'?{query}' if query else ''))
        elif deed in ('cut', 'hang', 'slow'):
            self._halting(deed, body)
        elif deed:
            other = {'page': PAGE, 'zero': b'', 'short': body[: len(body) // 2]}
            self._send(200, other.get(deed, body), unsized=deed == 'unsized')
        else:
            self._whole_or_part(body)

    def _halting(self, deed: str, body: bytes) -> None:
        """Half of what is promised, and then nothing, or the rest after a while."""
        half = len(body) // 2
        self.send_response(200)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body[:half])
        self.wfile.flush()
        if deed == 'slow':
            self.server.is_over.wait(0.5)
            self.wfile.write(body[half:])
            return
        if deed == 'hang':
            self.server.is_over.wait(HANG_SECONDS)
        self.close_connection = True

    def _whole_or_part(self, body: bytes) -> None:
        told = self.headers.get('Range', '')
        if not told.startswith('bytes='):
            self._send(200, body)
            return
        first, last = (int(each) for each in told.removeprefix('bytes=').split('-'))
        part = body[first : last + 1]
        self._send(206, part, **{'Content-Range': f'bytes {first}-{first + len(part) - 1}/{len(body)}'})

    def _send(self, status: int, body: bytes, *, unsized: bool = False, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if unsized:
            self.send_header('Connection', 'close')
            self.close_connection = True
        else:
            self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def origin_of(*lives: Live) -> Iterator[Origin]:
    """An origin that runs for the length of the block."""
    origin = Origin(*lives)
    origin.start()
    try:
        yield origin
    finally:
        origin.stop()


def real_time(live: Live, until: float, seconds: float) -> None:
    """Publishes at the pace of the clock, up to `until` of the monotonic one."""
    while time.monotonic() < until:
        live.publish()
        time.sleep(seconds)
