"""Files that the server sends without reading them: all the bytes, and an end to readers that are gone."""

import os
import socket
from collections.abc import Iterator
from io import FileIO
from pathlib import Path

import gevent
import pytest
from gevent import socket as cooperative

from common.http.sentfile import SentFile

BODY = os.urandom(3_000_001)


@pytest.fixture
def file(tmp_path: Path) -> FileIO:
    (tmp_path / 'file').write_bytes(BODY)
    return FileIO(str(tmp_path / 'file'))


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = cooperative.socketpair()
    with ours, theirs:
        yield ours, theirs


def test_all_of_it_is_sent_and_nothing_is_read(
    file: FileIO, pair: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    monkeypatch.setattr(SentFile, 'when_sent', lambda _: calls.append('sent'))
    monkeypatch.setattr(SentFile, '__next__', lambda _: pytest.fail('it was read'))
    ours, theirs = pair
    reading = gevent.spawn(theirs.makefile('rb').read, len(BODY))
    sent = SentFile(file, 1000)
    assert sent.send(ours, 5) == len(BODY)
    assert reading.get(timeout=5) == BODY
    assert calls == ['sent']
    sent.close()


def test_a_reader_that_takes_nothing_is_given_up(
    file: FileIO, pair: tuple[socket.socket, socket.socket]
) -> None:
    ours, _ = pair
    with SentFile(file, 1000).file, pytest.raises(TimeoutError):
        SentFile(file, 1000).send(ours, 0.1)


def test_a_reader_that_went_away_is_an_error_and_nothing_else(
    file: FileIO, pair: tuple[socket.socket, socket.socket], capfd: pytest.CaptureFixture[str]
) -> None:
    ours, theirs = pair
    theirs.close()
    with file, pytest.raises(OSError, match='went away'):
        SentFile(file, 1000).send(ours, 5)
    assert capfd.readouterr().err == ''


def test_block_by_block_it_is_the_same(file: FileIO) -> None:
    with file:
        assert b''.join(SentFile(file, 70_000)) == BODY
