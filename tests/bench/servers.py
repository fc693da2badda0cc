"""The servers that are measured or compared with, as real processes for the length of a block."""

import os
import shutil
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.demo.cluster import free_port
from tests.bench.measure import ROOT, BenchError
from tests.kit.process import Process, eventually, running

RSYNCD = """\
port = {port}
address = 127.0.0.1
use chroot = no
reverse lookup = no
pid file = {folder}/rsyncd.pid
lock file = {folder}/rsyncd.lock
{user}
[store]
path = {store}
read only = yes
"""

NGINX = """\
daemon off;
worker_processes auto;
pid {folder}/nginx.pid;
error_log stderr warn;
{user}
events {{ worker_connections 1024; }}
http {{
  access_log off;
  default_type video/mp2t;
  sendfile on;
  tcp_nodelay on;
  keepalive_requests 1000000;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port};
    location / {{ root {store}; autoindex on; }}
  }}
}}
"""


SWIFT = ROOT / 'tests' / 'kit' / 'swift_server.py'


@dataclass(frozen=True)
class Server:
    """A running server: where it is and which process it is."""

    url: str
    pid: int


@dataclass(frozen=True)
class Counts:
    """What went through a proxy: requests, and bytes both ways."""

    requests: int
    bytes: int

    def __sub__(self, earlier: 'Counts') -> 'Counts':
        return Counts(self.requests - earlier.requests, self.bytes - earlier.bytes)


class Proxy:
    """A running proxy; it has a URL for each address that it listens on."""

    def __init__(self, process: Process, addresses: int) -> None:
        self.urls = [process.wait_for(rf'^address {number + 1} is (\S+)')[1] for number in range(addresses)]
        self._process = process
        self._reports = 0

    def counts(self) -> Counts:
        self._reports += 1
        os.kill(self._process.pid, signal.SIGUSR1)
        found = self._process.wait_for(rf'^report {self._reports}: ([0-9]+) ([0-9]+) ([0-9]+)')
        return Counts(int(found[1]), int(found[2]) + int(found[3]))


def program(name: str) -> str | None:
    """Where an installed program is; system programs may lie outside of a user's path."""
    return shutil.which(name, path=f'{os.environ.get("PATH", "")}:/usr/sbin:/usr/local/sbin')


@contextmanager
def restreamer(store: Path) -> Iterator[Server]:
    with running('restreamer', '--store', store, '--listen', '127.0.0.1:0') as process:
        yield Server(process.wait_for(r' on (http://\S+)')[1], process.pid)


@contextmanager
def rsync_daemon(store: Path, folder: Path) -> Iterator[Server]:
    port, folder = free_port(), _made(folder)
    user = 'uid = root\ngid = root' if os.getuid() == 0 else ''
    config = folder / 'rsyncd.conf'
    config.write_text(RSYNCD.format(port=port, folder=folder, store=store, user=user))
    with running(_needed('rsync'), '--daemon', '--no-detach', f'--config={config}') as process:
        _wait_for(port, process)
        yield Server(f'rsync://127.0.0.1:{port}/store/', process.pid)


@contextmanager
def nginx(store: Path, folder: Path) -> Iterator[Server]:
    port, folder = free_port(), _made(folder)
    user = 'user root;' if os.getuid() == 0 else ''
    config = folder / 'nginx.conf'
    config.write_text(NGINX.format(port=port, folder=folder, store=store, user=user))
    with running(_needed('nginx'), '-p', folder, '-e', 'stderr', '-c', config) as process:
        _wait_for(port, process)
        yield Server(f'http://127.0.0.1:{port}', process.pid)


@contextmanager
def s3(folder: Path, keys: tuple[str, str]) -> Iterator[Server]:
    """`rclone serve s3`, to which folders are buckets; it knows one access key and its secret."""
    port = free_port()
    options = ['--addr', f'127.0.0.1:{port}', '--auth-key', ','.join(keys), '--config', '']
    with running('rclone', 'serve', 's3', *options, folder) as process:
        _wait_for(port, process)
        yield Server(f'http://127.0.0.1:{port}', process.pid)


@contextmanager
def swift(folder: Path, keys: tuple[str, str]) -> Iterator[Server]:
    """OpenStack Swift in one process, with `s3api`."""
    port = free_port()
    with running(sys.executable, '-W', 'ignore', SWIFT, folder, str(port), *keys) as process:
        _wait_for(port, process)
        yield Server(f'http://127.0.0.1:{port}', process.pid)


@contextmanager
def proxy(server: Server, *, rate_bytes_per_second: float = 0.0, addresses: int = 1) -> Iterator[Proxy]:
    """A proxy in front of the server, capped if a rate is given."""
    port = server.url.rpartition(':')[2]
    options = ('--rate', str(rate_bytes_per_second), '--addresses', str(addresses))
    command = (sys.executable, '-u', '-m', 'tests.kit.proxy', port, *options)
    with running(*command, env={'PYTHONPATH': str(ROOT)}) as process:
        yield Proxy(process, addresses)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _needed(name: str) -> str:
    found = program(name)
    if not found:
        raise BenchError(f'{name} is not installed')
    return found


def _wait_for(port: int, process: Process) -> None:
    def is_up() -> bool:
        if process.has_ended():
            raise BenchError(f'{process.args[0]} ended: {process.output}')
        with socket.socket() as probe:
            return probe.connect_ex(('127.0.0.1', port)) == 0

    eventually(is_up)
