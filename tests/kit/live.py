"""A live HLS origin that a test steps through: no clock, no encoder, a real HTTP server."""

import functools
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from ssl import SSLContext

from tests.kit.build import at


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


def serving(folder: Path, port: int = 0) -> AbstractContextManager[str]:
    """A plain file server; its URL."""
    return serving_with(functools.partial(_Quiet, directory=folder), port)


@contextmanager
def serving_with(
    handler: Callable[..., BaseHTTPRequestHandler], port: int = 0, tls: SSLContext | None = None
) -> Iterator[str]:
    """An HTTP server with that handler, each request in a thread of its own; its URL."""
    server = ThreadingHTTPServer(('127.0.0.1', port), handler)
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f'{"https" if tls else "http"}://127.0.0.1:{server.server_port}'
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def packets(text: str) -> bytes:
    """What looks like ten packets of an MPEG transport stream."""
    return (b'\x47' + text.encode().ljust(187)) * 10


@dataclass
class LivePlaylist:
    """A media playlist with a sliding window; `step` appends one segment."""

    folder: Path
    name: str = 'source'
    window: int = 4
    start: str = '2026-11-14T03:00:00'
    bodies: list[bytes] = field(default_factory=list)

    def step(self, count: int = 1, body: bytes | None = None) -> None:
        for _ in range(count):
            number = len(self.bodies)
            self.bodies.append(packets(f'{self.name} {number}') if body is None else body)
            (self.folder / f'{self.name}-{number}.ts').write_bytes(self.bodies[-1])
        self._write()

    def _write(self) -> None:
        first = max(0, len(self.bodies) - self.window)
        lines = ['#EXTM3U', '#EXT-X-TARGETDURATION:1', f'#EXT-X-MEDIA-SEQUENCE:{first}']
        for number in range(first, len(self.bodies)):
            time = at(self.start) + timedelta(seconds=number)
            lines += [
                '#EXTINF:1.000000,',
                f'#EXT-X-PROGRAM-DATE-TIME:{time:%Y-%m-%dT%H:%M:%S.000+0000}',
                f'{self.name}-{number}.ts',
            ]
        temp = self.folder / 'temp'
        temp.write_text('\n'.join(lines) + '\n')
        temp.rename(self.folder / f'{self.name}.m3u8')
