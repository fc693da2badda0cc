"""HTTPS: what is refused, what is read again, and that a plain client harms nobody."""

import http.client
import socket
import ssl
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import trustme

from tests.kit.build import files_below, fill, piece, run_of
from tests.kit.process import Process, eventually, run, running

BIG = piece(body=bytes(range(256)) * 4 * 1024 * 4)
PIECES = [*run_of(3), BIG]


class Pair:
    """Where the certificate and the key of a server lie, and who vouches for them."""

    def __init__(self, folder: Path) -> None:
        self.chain, self.key, self.authority = folder / 'chain.pem', folder / 'key.pem', folder / 'ca.pem'
        self.renew()

    def renew(self) -> None:
        authority = trustme.CA()
        made = authority.issue_cert('127.0.0.1')
        authority.cert_pem.write_to_path(str(self.authority))
        made.private_key_pem.write_to_path(str(self.key))
        self.chain.write_bytes(b''.join(each.bytes() for each in made.cert_chain_pems))

    @property
    def flags(self) -> tuple[str, ...]:
        return ('--tls-certificate', str(self.chain), '--tls-key', str(self.key))

    def trusting(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.authority))


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    return Pair(tmp_path)


@contextmanager
def serving(tmp_path: Path, pair: Pair) -> Iterator[tuple[Process, str]]:
    store = fill(tmp_path / 'store', PIECES)
    with running('restreamer', '--store', store, '--listen', '127.0.0.1:0', *pair.flags) as process:
        yield process, process.wait_for(r' on (https://\S+)')[1]


def fetched(url: str, path: str, context: ssl.SSLContext) -> bytes:
    parts = urlsplit(url)
    connection = http.client.HTTPSConnection(parts.hostname or '', parts.port, timeout=10, context=context)
    with closing(connection):
        connection.request('GET', path)
        return connection.getresponse().read()


def test_whole_segments_come_over_tls(tmp_path: Path, pair: Pair) -> None:
    with serving(tmp_path, pair) as (_, url):
        for each in PIECES:
            assert fetched(url, f'/segments/{each.path}', pair.trusting()) == each.body


def test_old_tls_is_refused(tmp_path: Path, pair: Pair) -> None:
    old = pair.trusting()
    old.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    with pytest.warns(DeprecationWarning, match='TLSv1_1'):
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    old.set_ciphers('ALL:@SECLEVEL=0')
    with serving(tmp_path, pair) as (process, url):
        with pytest.raises(OSError, match=r'(?i)protocol|alert|version'):
            fetched(url, '/healthz', old)
        assert b'alive' in fetched(url, '/healthz', pair.trusting())
        assert 'Traceback' not in process.output


def test_whoever_speaks_no_tls_is_cut_off_and_leaves_no_traceback(tmp_path: Path, pair: Pair) -> None:
    with serving(tmp_path, pair) as (process, url):
        parts = urlsplit(url)
        for text in (b'GET / HTTP/1.1\r\n\r\n', b'\x16\x03\x01', b''):
            with closing(
                socket.create_connection((parts.hostname or '', parts.port or 0), timeout=10)
            ) as client:
                client.sendall(text)
                client.shutdown(socket.SHUT_WR)
                with suppress(ConnectionError):
                    while client.recv(1000):
                        pass
        assert b'alive' in fetched(url, '/healthz', pair.trusting())
        assert process.stop() == 0
        assert len(process.lines) == 2, process.output


def test_a_new_certificate_serves_without_a_restart_and_a_bad_one_changes_nothing(
    tmp_path: Path, pair: Pair
) -> None:
    def is_trusted() -> bool:
        with suppress(ssl.SSLError):
            return b'alive' in fetched(url, '/healthz', pair.trusting())
        return False

    with serving(tmp_path, pair) as (process, url):
        assert is_trusted()
        good = pair.chain.read_bytes()
        pair.chain.write_text('nonsense')
        eventually(lambda: is_trusted() and 'stays as it was' in process.output)
        pair.chain.write_bytes(good)
        pair.renew()
        eventually(is_trusted)


def test_a_backfiller_fetches_over_tls(tmp_path: Path, pair: Pair) -> None:
    with serving(tmp_path, pair) as (_, url):
        env = {'REQUESTS_CA_BUNDLE': str(pair.authority)}
        outcome = run('backfiller', 'run', '--store', tmp_path / 'B', '--peer', url, '--once', env=env)
    assert outcome.wait() == 0, outcome.output
    assert files_below(tmp_path / 'B') == files_below(tmp_path / 'store')


def test_a_certificate_that_cannot_be_used_is_said_at_the_start(tmp_path: Path, pair: Pair) -> None:
    other = tmp_path / 'other.pem'
    trustme.CA().issue_cert('127.0.0.1').private_key_pem.write_to_path(str(other))
    for flags in (
        pair.flags[:2],
        pair.flags[2:],
        (*pair.flags[:3], str(other)),
        (*pair.flags[:3], '/nowhere.pem'),
        (*pair.flags[:3], str(pair.authority)),
    ):
        process = run('restreamer', '--store', tmp_path, '--listen', '127.0.0.1:0', *flags)
        assert process.wait() == 2, process.output
        assert len(process.lines) == 1
        assert 'tls_key' in process.output
