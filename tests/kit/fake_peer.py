"""Peers that answer as a test says, honestly or not."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from ssl import SSLContext

from tests.kit.live import serving_with

HANG_UP = 0
HOUR_PATH = '/files/bus/source/2026-11-14T03'

Respond = Callable[[str], tuple[int, bytes]]
"""Path -> status and body; for a redirect the body is where to, and HANG_UP closes the connection."""


@contextmanager
def answering(respond: Respond, tls: SSLContext | None = None) -> Iterator[str]:
    """A peer that answers as the function says; its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = respond(self.path.partition('?')[0])
            if status == HANG_UP:
                self.close_connection = True
                return
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header('Location', body.decode())
                body = b''
            self.send_header('Content-Length', str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    with serving_with(Handler, tls=tls) as url:
        yield url


def plain(names: list[str], bodies: dict[str, bytes]) -> Respond:
    """A peer of the plain protocol with these names in one hour."""
    listings = {'/files': ['bus'], '/files/bus': ['source'], '/files/bus/source': ['2026-11-14T03']}

    def respond(path: str) -> tuple[int, bytes]:
        listing = names if path == HOUR_PATH else listings.get(path)
        if listing is not None:
            return 200, json.dumps(listing).encode()
        name = path.rpartition('/')[2].replace('%3A', ':')
        return (200, bodies[name]) if name in bodies else (404, b'')

    return respond
