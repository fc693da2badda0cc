"""POST /segments on a real restreamer: one archive of what was asked for, and what it makes of the rest."""

import json
import os
import tarfile
from collections.abc import Iterable, Iterator
from io import BytesIO
from pathlib import Path

import pytest

from common import batch, wire
from restreamer.serving.batch import MOST_REQUEST_BYTES
from tests.kit.build import HOUR, Piece, fill, piece, run_of, tombstone_of
from tests.kit.process import eventually, metrics, restreamer
from tests.restreamer.client import Answer, Connection, answer_of, ask, connect

HELD = run_of(5)
WITHDRAWN = piece('2026-11-14T03:20:00')
LINKED = piece('2026-11-14T03:21:00')
FOLDER = piece('2026-11-14T03:22:00')
PIPE = piece('2026-11-14T03:23:00')
AWAY = piece('2026-11-14T03:24:00')
BIG = piece('2026-11-14T03:30:00', body=bytes(range(256)) * 65536)
EMPTY = piece('2026-11-14T03:40:00', body=HELD[0].body)
PATH = wire.batch_path(HOUR)


@pytest.fixture(scope='module')
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp('batch')
    store = fill(folder / 'store', [*HELD, WITHDRAWN, BIG, EMPTY])
    outside = fill(folder / 'outside', [LINKED])
    (store / EMPTY.path).write_bytes(b'')
    (store / tombstone_of(WITHDRAWN).path).touch()
    (store / LINKED.path).symlink_to(outside / LINKED.path)
    (store / FOLDER.path).mkdir()
    os.mkfifo(store / PIPE.path)
    (store / 'linked').symlink_to(store / 'bus')
    return store


@pytest.fixture(scope='module')
def url(store: Path) -> Iterator[str]:
    with restreamer(store) as url:
        yield url


def names_of(pieces: Iterable[Piece]) -> list[str]:
    return [each.name for each in pieces]


def bodies_of(pieces: Iterable[Piece]) -> dict[str, bytes]:
    return {each.name: each.body for each in pieces}


def post(connection: Connection, names: object, path: str = PATH) -> Answer:
    connection.request('POST', path, json.dumps(names).encode())
    return answer_of(connection)


def post_once(url: str, names: object, path: str = PATH) -> Answer:
    return ask(url, path, 'POST', body=json.dumps(names).encode())


def unpacked(answer: Answer) -> dict[str, bytes]:
    """The members of the archive, as Python reads them."""
    assert (answer.status, answer.headers['Content-Type']) == (200, batch.CONTENT_TYPE)
    with tarfile.open(fileobj=BytesIO(answer.body), mode='r:') as archive:
        files = {each.name: archive.extractfile(each) for each in archive}
    return {name: file.read() if file else b'' for name, file in files.items()}


def test_what_was_asked_for_comes_and_nothing_else(url: str) -> None:
    wanted = [HELD[3], HELD[1], BIG]
    answer = post_once(url, names_of(wanted))
    assert unpacked(answer) == bodies_of(wanted)
    assert list(unpacked(answer)) == names_of(wanted)
    assert 'Content-Encoding' not in answer.headers


def test_one_connection_brings_many_batches_each_as_long_as_it_says(url: str) -> None:
    connection, sockets = connect(url), set()
    for wanted in ([HELD[0]], HELD, [], [BIG], [EMPTY], HELD[2:]):
        answer = post(connection, names_of(wanted))
        sockets.add(connection.sock)
        sizes = {each.name: 0 if each is EMPTY else len(each.body) for each in wanted}
        assert len(answer.body) == sum(batch.member_bytes(*each) for each in sizes.items()) + len(batch.END)
        assert int(answer.headers['Content-Length']) == len(answer.body)
        assert set(unpacked(answer)) == set(names_of(wanted))
    connection.close()
    assert len(sockets) == 1


@pytest.mark.parametrize('each', [WITHDRAWN, LINKED, FOLDER, PIPE, AWAY])
def test_what_is_not_held_is_left_out(url: str, each: Piece) -> None:
    assert unpacked(post_once(url, names_of([HELD[0], each, HELD[1]]))) == bodies_of(HELD[:2])


def test_tombstones_are_left_out(url: str) -> None:
    names = [tombstone_of(each).name for each in (WITHDRAWN, HELD[0])]
    assert unpacked(post_once(url, [*names, HELD[0].name])) == bodies_of(HELD[:1])


def test_a_name_asked_for_twice_comes_once(url: str) -> None:
    answer = post_once(url, [HELD[0].name] * 3)
    with tarfile.open(fileobj=BytesIO(answer.body), mode='r:') as archive:
        assert archive.getnames() == [HELD[0].name]


@pytest.mark.parametrize('path', [AWAY.hour.path.replace('T03', 'T04'), HOUR.path.replace('bus/', 'linked/')])
def test_an_hour_that_is_not_held_brings_an_empty_archive(url: str, path: str) -> None:
    answer = post_once(url, names_of(HELD), f'/segments/{path}')
    assert (answer.status, answer.body) == (200, batch.END)


def test_a_thousand_names_are_answered_and_more_are_too_many(url: str) -> None:
    names = names_of([*HELD, *run_of(996, '2026-11-14T03:05:00', seconds=1)])
    assert unpacked(post_once(url, names[:1000])) == bodies_of(HELD)
    assert post_once(url, names).status == 413
    assert post_once(url, [HELD[0].name] * 1001).status == 413


BODIES = {
    'nothing': b'',
    'no JSON': b'["',
    'no UTF-8': b'["\xff"]',
    'an object': b'{"a": 1}',
    'a string': b'"name"',
    'null': b'null',
    'numbers': b'[1, 2]',
    'lists': f'[["{HELD[0].name}"]]'.encode(),
    'very deep': b'[' * 100_000,
    'a very long number': b'[' + b'9' * 10_000 + b']',
    'a lone surrogate': rb'["\ud800"]',
    'a name that leads out': f'["../{HOUR.text}/{HELD[0].name}"]'.encode(),
    'an absolute name': b'["/etc/passwd"]',
    'a path': f'["{HELD[0].path}"]'.encode(),
    'a hidden name': f'[".{HELD[0].name}"]'.encode(),
    'a name with NUL': rf'["{HELD[0].name}\u0000"]'.encode(),
    'a good name and a bad one': f'["{HELD[0].name}", "x"]'.encode(),
}


@pytest.mark.parametrize('case', BODIES)
def test_a_body_that_is_no_list_of_names_is_refused_with_a_sentence(url: str, case: str) -> None:
    answer = ask(url, PATH, 'POST', body=BODIES[case])
    assert answer.status == 400
    assert 'JSON list of names' in answer.error


@pytest.mark.parametrize('path', ['bus/source/2026-13-01T00', '.bus/source/2026-11-14T03'])
def test_an_hour_that_is_none_is_refused(url: str, path: str) -> None:
    assert post_once(url, names_of(HELD), f'/segments/{path}').status == 400


def test_a_body_that_is_too_long_is_refused_whatever_it_holds(url: str) -> None:
    assert ask(url, PATH, 'POST', body=b'[' + b' ' * MOST_REQUEST_BYTES + b']').status == 413
    assert ask(url, '/healthz').status == 200


@pytest.mark.parametrize('spaces', [0, MOST_REQUEST_BYTES])
def test_a_body_in_chunks_is_read_as_far_as_one_may_be(url: str, spaces: int) -> None:
    connection = connect(url)
    body = b' ' * spaces + json.dumps(names_of(HELD)).encode()
    pieces = (body[start : start + 10_000] for start in range(0, len(body), 10_000))
    connection.request('POST', PATH, pieces, encode_chunked=True, headers={'Transfer-Encoding': 'chunked'})
    answer = answer_of(connection)
    connection.close()
    assert answer.status == 413 if spaces else unpacked(answer) == bodies_of(HELD)
    assert ask(url, '/healthz').status == 200


def test_what_was_sent_whole_is_counted(url: str) -> None:
    def served() -> list[float]:
        found = metrics(url)
        kinds = ('segments_served_total', 'segment_bytes_served_total')
        return [found.get(f'{kind}{{request="batch"}}', 0) for kind in kinds]

    before = served()
    post_once(url, names_of([*HELD, AWAY]))
    size_bytes = sum(len(each.body) for each in HELD)
    assert eventually(lambda: served() == [before[0] + len(HELD), before[1] + size_bytes])
