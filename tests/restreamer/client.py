"""The restreamer as tests ask it: in this process with a clock that they set, or over a socket as written."""

import http.client
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.message import Message
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from flask.testing import FlaskClient
from prometheus_client import CollectorRegistry

from common.disk import Disk
from restreamer.app import create_app
from restreamer.context import Context
from restreamer.playing.live import Lengths


@dataclass
class Clock:
    """A clock that stands still until it is moved."""

    now: datetime

    def __call__(self) -> datetime:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def client_of(
    store: Path, clock: Clock, *, hold_seconds: float = 0, longest_seconds: float = 240
) -> FlaskClient:
    """A client of a newly started application over the store, whose live window is at most a minute."""
    longest = timedelta(seconds=longest_seconds)
    lengths = Lengths(min(timedelta(minutes=1), longest), longest, timedelta(seconds=hold_seconds))
    context = Context(Disk(store), 'node', clock, lengths)
    return create_app(context, CollectorRegistry()).test_client()


@dataclass
class Answer:
    """What came back over the socket."""

    status: int
    headers: Message
    body: bytes = field(repr=False)

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> str:
        """The sentence of an error."""
        answer = json.loads(self.body)
        assert list(answer) == ['error']
        assert isinstance(answer['error'], str)
        return answer['error']


class Connection(http.client.HTTPConnection):
    """A connection that sends a path exactly as it stands."""

    def _validate_path(self, path: str) -> None:
        pass

    def _encode_request(self, request: str) -> bytes:
        return request.encode('latin-1')


def connect(url: str) -> Connection:
    parts = urlsplit(url)
    return Connection(parts.hostname or '', parts.port, timeout=10)


def ask(
    url: str, path: str, method: str = 'GET', headers: Mapping[str, str] | None = None, body: bytes = b''
) -> Answer:
    """One request whose path is sent exactly as it stands."""
    connection = connect(url)
    try:
        connection.request(method, path, body or None, dict(headers or {}))
        return answer_of(connection)
    finally:
        connection.close()


def answer_of(connection: Connection) -> Answer:
    response = connection.getresponse()
    return Answer(response.status, response.headers, response.read())


@dataclass(frozen=True)
class Listed:
    """What a media playlist lists: URIs, the number of the first, and all lines."""

    sequence: int
    uris: list[str]
    lines: list[str]

    @property
    def discontinuity_sequence(self) -> int:
        """The number that the first segment's discontinuity has (RFC 8216 section 6.2.2)."""
        return next((int(line.rpartition(':')[2]) for line in self.lines if 'Y-SEQUENCE' in line), 0)


def read(text: str) -> Listed:
    lines = text.splitlines()
    assert lines[0] == '#EXTM3U'
    found = re.search('#EXT-X-MEDIA-SEQUENCE:([0-9]+)', text)
    assert found
    return Listed(int(found[1]), [line for line in lines if line[0] != '#'], lines)
