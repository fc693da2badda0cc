"""POST /segments when something gives way: a segment that changes on the way, a client that goes away."""

import json
import os
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

import gevent
import pytest
from prometheus_client import CollectorRegistry

from common import batch, wire
from common.disk import Disk
from common.errors import SegmentError
from common.segment import Hour, Segment
from common.service import HttpServer, bound, url_of
from restreamer.app import create_app
from restreamer.context import Context
from restreamer.measures import Measures
from restreamer.serving.batch import BLOCK_BYTES, _blocks, _new_pair, _pieces, _sent
from tests.kit.build import HOUR, Piece, fill, piece, run_of
from tests.kit.process import eventually, metrics, restreamer, running
from tests.restreamer.client import Clock, ask, connect

HELD = run_of(5)
BIG = piece('2026-11-14T03:30:00', body=bytes(range(256)) * 65536)
PATH = wire.batch_path(HOUR)


def names_of(pieces: Iterable[Piece]) -> list[str]:
    return [each.name for each in pieces]


def begun(url: str, names: list[str]) -> socket.socket:
    """A connection over which the beginning of a batch came, and the rest waits to be read."""
    connection = connect(url)
    body = json.dumps(names).encode()
    plain = socket.socket()
    plain.settimeout(10)
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
    plain.connect((connection.host, connection.port))
    plain.sendall(b'POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n' % (PATH.encode(), len(body)))
    plain.sendall(body)
    status = plain.recv(12)
    if status != b'HTTP/1.1 200':
        plain.close()
    assert status == b'HTTP/1.1 200'
    return plain


def rest_of(plain: socket.socket) -> tuple[int, bytes]:
    """What else comes until the other side hangs up: how much was promised, and the body."""
    with closing(plain), plain.makefile('rb') as stream:
        headers = iter(stream.readline, b'\r\n')
        (length,) = [line.split()[1] for line in headers if line.startswith(b'Content-Length')]
        return int(length), stream.read()


CHANGES: dict[str, Callable[[Path], object]] = {
    'deleted': Path.unlink,
    'cut short': lambda path: os.truncate(path, 10),
    'emptied': lambda path: os.truncate(path, 0),
    'longer': lambda path: path.write_bytes(bytes(30_000_000)),
    'a link now': lambda path: (path.unlink(), path.symlink_to('/etc/passwd')),
}


@pytest.mark.parametrize('change', ['deleted', 'cut short', 'longer'])
def test_a_segment_that_changes_on_the_way_breaks_the_stream_off(tmp_path: Path, change: str) -> None:
    store = fill(tmp_path / 'store', [BIG, *HELD])
    with restreamer(store) as url:
        plain = begun(url, names_of([BIG, *HELD[:2]]))
        CHANGES[change](store / HELD[1].path)
        length, body = rest_of(plain)
        assert not metrics(url).get('segments_served_total{request="batch"}')
        assert ask(url, '/healthz').status == 200
    assert len(body) < length
    assert body[512 : 512 + len(BIG.body)] == BIG.body


def post_whole(url: str) -> bool:
    """Whether a batch comes whole."""
    answer = ask(url, PATH, 'POST', body=json.dumps(names_of([BIG])).encode())
    return BIG.body in answer.body and answer.body.endswith(batch.END)


def pieces_after(
    disk: Disk, held: Iterable[Piece], change: Callable[[], object]
) -> tuple[bytes, SegmentError | None]:
    """What is sent of segments that are changed after the look, and what breaks it off."""
    sizes: Mapping = disk.sizes_of(HOUR, [each.segment for each in held])
    sent = bytearray()
    change()
    try:
        for each in _blocks(_pieces(disk, HOUR, sizes), _new_pair()):
            sent += each
    except SegmentError as error:
        return bytes(sent), error
    return bytes(sent), None


@pytest.mark.parametrize('change', CHANGES)
def test_the_segments_before_one_that_changed_are_sent_whole(store: Path, change: str) -> None:
    fill(store.parent / 'changing', held := [*HELD[:2], BIG])
    disk = Disk(store.parent / 'changing')
    sent, error = pieces_after(disk, held, lambda: CHANGES[change](disk.path(BIG.segment)))
    assert error
    assert error.reason == ('missing' if change in ('deleted', 'a link now') else 'truncated')
    whole = b''.join(
        batch.header(each.name, len(each.body)) + each.body + batch.padding(len(each.body))
        for each in HELD[:2]
    )
    assert sent.startswith(whole)
    assert len(sent) <= len(whole) + batch.member_bytes(BIG.name, len(BIG.body))


def test_a_segment_that_shrinks_while_it_is_read_breaks_the_stream_off(store: Path) -> None:
    fill(store.parent / 'shrinking', [BIG])
    disk = Disk(store.parent / 'shrinking')
    blocks = _blocks(_pieces(disk, HOUR, disk.sizes_of(HOUR, [BIG.segment])), _new_pair())
    assert next(blocks) == batch.header(BIG.name, len(BIG.body))
    assert next(blocks) == BIG.body[:BLOCK_BYTES]
    os.truncate(disk.path(BIG.segment), BLOCK_BYTES)
    with pytest.raises(SegmentError, match='not as long as it was'):
        list(blocks)


def test_what_is_still_being_sent_is_not_written_over_by_another_answer(store: Path) -> None:
    fill(store.parent / 'two', HELD)
    disk = Disk(store.parent / 'two')

    def answer(each: Piece) -> Iterator[memoryview]:
        return _sent(disk, HOUR, {each.segment: len(each.body)}, Measures(CollectorRegistry()))

    one, other = answer(HELD[0]), answer(HELD[1])
    next(one)
    last = next(one)  # and the generator behind it is at its end
    gevent.sleep(0.01)
    begun = b''.join(map(bytes, other))
    assert HELD[1].body in begun
    assert bytes(last).startswith(HELD[0].body)
    assert list(one) == []


class Vanishing(Disk):
    """A store from which one segment goes as soon as it was looked at."""

    def sizes_of(self, hour: Hour, segments: Iterable[Segment]) -> dict[Segment, int]:
        found = super().sizes_of(hour, segments)
        self.path(HELD[1].segment).unlink()
        return found


@contextmanager
def serving(disk: Disk) -> Iterator[str]:
    """A restreamer in this process."""
    listener = bound(('127.0.0.1', 0))
    app = create_app(Context(disk, 'node', Clock(HOUR.start)), CollectorRegistry())
    server = HttpServer(listener, app)
    server.start()
    try:
        yield url_of(listener)
    finally:
        server.stop(timeout=0)


def test_a_small_batch_breaks_off_as_a_large_one_does(tmp_path: Path) -> None:
    with serving(Vanishing(fill(tmp_path / 'store', HELD))) as url:
        plain = begun(url, names_of(HELD))
        length, body = rest_of(plain)
    assert length == sum(batch.member_bytes(each.name, len(each.body)) for each in HELD) + len(batch.END)
    assert len(body) < length


def test_clients_that_stop_reading_or_go_away_leave_nothing_behind(store: Path) -> None:
    fill(store, [BIG, *HELD])
    with running('restreamer', '--store', store, '--listen', '127.0.0.1:0') as process:
        url = process.wait_for(r' on (http://\S+)')[1]
        assert post_whole(url)
        handles = Path(f'/proc/{process.pid}/fd')
        before = len(os.listdir(handles))
        clients = [begun(url, names_of([BIG, *HELD])) for _ in range(12)]  # more than the pool has threads
        assert post_whole(url)
        for each in clients:
            each.close()
        assert eventually(lambda: len(os.listdir(handles)) <= before)
        assert post_whole(url)
        assert eventually(lambda: metrics(url)['segments_served_total{request="batch"}'] == 3)
