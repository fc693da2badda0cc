"""The restreamer as a process: how it starts, says how it is, counts, and stops."""

import http.client
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.kit.build import fill, piece, run_of
from tests.kit.process import Process, eventually, get, metrics, restreamer, run, running
from tests.restreamer.client import answer_of, ask, connect

BIG = piece(body=bytes(range(256)) * 4 * 1024 * 16)


@contextmanager
def serving(store: Path) -> Iterator[tuple[Process, str]]:
    with running('restreamer', '--store', store, '--listen', '127.0.0.1:0') as process:
        yield process, process.wait_for(r' on (http://\S+)')[1]


def test_version_and_help_can_be_read_without_a_store() -> None:
    version, help_text = run('restreamer', '--version'), run('restreamer', '--help')
    assert (version.wait(), help_text.wait()) == (0, 0)
    assert version.output.startswith('segmesh ')
    for flag in ('--store', '--listen', '--live-window', '--node-id', '--log-level', '--config'):
        assert flag in help_text.output


@pytest.mark.parametrize(
    ('args', 'sentence'),
    [
        (('--listen', 'nonsense'), "--listen: 'nonsense' is not allowed: give HOST:PORT"),
        (('--listen', '127.0.0.1:99999'), '--listen:'),
        (('--listen', '127.0.0.1:'), '--listen:'),
        (('--listen', '192.0.2.1:8001'), 'cannot listen on 192.0.2.1:8001'),
        (('--live-window', '-1'), '--live-window:'),
        (('--log-level', 'loud'), '--log-level:'),
        (('--config', '/nowhere.toml'), 'cannot read the config /nowhere.toml'),
    ],
)
def test_bad_usage_is_one_line_and_exit_code_2(tmp_path: Path, args: tuple[str, ...], sentence: str) -> None:
    process = run('restreamer', '--store', tmp_path, *args)
    assert process.wait() == 2
    assert len(process.lines) == 1, process.output
    assert sentence in process.output


def test_a_port_in_use_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    with closing(socket.create_server(('127.0.0.1', 0))) as taken:
        address = f'127.0.0.1:{taken.getsockname()[1]}'
        process = run('restreamer', '--store', tmp_path, '--listen', address)
    assert process.wait() == 2
    assert len(process.lines) == 1
    assert process.lines[0].startswith(f'error: cannot listen on {address}: Address already in use')
    assert process.lines[0].endswith('; give another HOST:PORT')


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_an_idle_connection_does_not_delay_the_stop(tmp_path: Path, number: int) -> None:
    with serving(fill(tmp_path, run_of(1))) as (process, url):
        connection = connect(url)
        connection.request('GET', '/files')
        assert answer_of(connection).status == 200
        assert process.stop(number, timeout=5) == 0, process.output
        connection.close()
        assert process.lines[-1].endswith('restreamer: stopped')


def test_a_download_that_was_begun_is_finished_before_the_stop(tmp_path: Path) -> None:
    with serving(fill(tmp_path, [BIG])) as (process, url), closing(_slow_client(url)) as client:
        client.sendall(f'GET /segments/{BIG.path} HTTP/1.1\r\nHost: x\r\n\r\n'.encode())
        received = client.recv(1000)
        process._child.send_signal(signal.SIGTERM)
        eventually(lambda: not _listens(url))
        while block := client.recv(1 << 20):
            received += block
        assert process.wait(10) == 0, process.output
    head, _, body = received.partition(b'\r\n\r\n')
    assert head.startswith(b'HTTP/1.1 200')
    assert body == BIG.body


def _slow_client(url: str) -> socket.socket:
    """A connection that takes little before it is read from."""
    target = connect(url)
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
    client.settimeout(10)
    client.connect((target.host, target.port))
    return client


def _listens(url: str) -> bool:
    try:
        get(f'{url}/healthz')
    except OSError:
        return False
    return True


def test_a_client_that_goes_away_harms_nobody(tmp_path: Path) -> None:
    with serving(fill(tmp_path, [BIG])) as (process, url):
        for _ in range(5):
            with closing(_slow_client(url)) as client:
                client.sendall(f'GET /segments/{BIG.path} HTTP/1.1\r\nHost: x\r\n\r\n'.encode())
                client.recv(1000)
        assert ask(url, f'/segments/{BIG.path}').body == BIG.body
        assert process.stop() == 0
    assert 'Traceback' not in process.output


def test_slow_readers_cost_the_others_nothing(tmp_path: Path) -> None:
    small = run_of(1)[0]
    with serving(fill(tmp_path, [BIG, small])) as (_, url):
        clients = [_slow_client(url) for _ in range(100)]
        for client in clients:
            client.sendall(f'GET /segments/{BIG.path} HTTP/1.1\r\nHost: x\r\n\r\n'.encode())
        assert ask(url, f'/segments/{small.path}').body == small.body
        assert metrics(url)['process_resident_memory_bytes'] < 256 * 1024 * 1024
        for client in clients:
            client.close()


def test_refusals_leave_no_traceback_in_the_log(tmp_path: Path) -> None:
    with serving(fill(tmp_path, run_of(1))) as (process, url):
        for path in (f'/segments/{BIG.path}', '/files/..', '/nowhere', '/coverage/bus/source?end=0001-01-01'):
            assert 400 <= ask(url, path).status < 500
        process.stop()
    assert len(process.lines) == 2, process.output


def test_the_id_of_a_node_is_the_same_after_a_restart(tmp_path: Path) -> None:
    ids = []
    for _ in range(2):
        with restreamer(tmp_path / 'store') as url:
            answer = get(f'{url}/readyz').json()
            assert answer['ready'] is True
            ids.append(answer['id'])
    with restreamer(tmp_path / 'other') as url:
        assert get(f'{url}/readyz').json()['id'] not in ids
    with restreamer(tmp_path / 'store', '--node-id', 'north') as url:
        assert get(f'{url}/readyz').json()['id'] == 'north'
    assert ids[0] == ids[1]


def test_it_is_not_ready_while_the_store_is_gone(tmp_path: Path) -> None:
    store = fill(tmp_path / 'store', run_of(1))
    with restreamer(store) as url:
        node = get(f'{url}/readyz').json()['id']
        store.rename(tmp_path / 'gone')
        answer = get(f'{url}/readyz')
        assert answer.status_code == 503
        assert answer.json()['reason'] == f'the store {store} is not a folder'
        assert (answer.json()['ready'], answer.json()['id']) == (False, node)
        assert get(f'{url}/healthz').json() == {'alive': True}
        (tmp_path / 'gone').rename(store)
        assert get(f'{url}/readyz').status_code == 200


def test_metrics_count_requests_by_endpoint_method_and_status(tmp_path: Path) -> None:
    with restreamer(fill(tmp_path, run_of(1))) as url:
        for _ in range(3):
            ask(url, '/files')
        ask(url, f'/segments/{BIG.path}')
        ask(url, '/nowhere', 'HEAD')
        answer = get(f'{url}/metrics')
        found = metrics(url)
    assert answer.headers['Content-Type'].startswith('text/plain; version=')
    assert found['http_requests_total{endpoint="listings.streams",method="GET",status="200"}'] == 3
    assert found['http_requests_total{endpoint="files.segment",method="GET",status="404"}'] == 1
    assert found['http_requests_total{endpoint="none",method="HEAD",status="404"}'] == 1
    assert found['http_request_seconds_count{endpoint="listings.streams"}'] == 3
    assert found['segmesh_restarts'] == 0
    assert [name for name in found if name.startswith('segmesh_build_info{role="restreamer"')]


def test_busy_keep_alive_clients_do_not_delay_the_stop_and_get_whole_bodies(tmp_path: Path) -> None:
    each = piece(body=b'x' * 100_000)
    fill(tmp_path, [each])
    cut: list[str] = []
    answered: list[int] = []

    def keep_asking(url: str) -> None:
        connection = connect(url)
        try:
            while True:
                connection.request('GET', '/segments/' + each.path.replace(':', '%3A'))
                answered.append(len(connection.getresponse().read()))
        except http.client.IncompleteRead as error:
            cut.append(repr(error))
        except (http.client.HTTPException, OSError):
            pass  # closed between two answers, or refused after that: as it should be
        finally:
            connection.close()

    with running('restreamer', '--store', tmp_path, '--listen', '127.0.0.1:0') as process:
        url = process.wait_for(r' on (http://\S+)')[1]
        clients = [threading.Thread(target=keep_asking, args=(url,)) for _ in range(8)]
        for client in clients:
            client.start()
        eventually(lambda: len(answered) > 50)
        assert process.stop(timeout=15) == 0
        for client in clients:
            client.join(10)
        assert 'cut off' not in process.output
    assert cut == []
    assert set(answered) == {100_000}
