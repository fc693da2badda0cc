"""Real S3 servers as processes of their own, with their data in a folder, over HTTP and over HTTPS."""

import errno
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import pytest

from deploy.demo.cluster import free_port, s3_server_environment
from tests.kit.needs import need, need_module, need_that
from tests.kit.process import Process, eventually, get, run, running
from tests.kit.proxy import encrypting
from tests.kit.s3 import CREDENTIALS
from tests.kit.tls import Authority

ACCESS_KEY, SECRET_KEY = CREDENTIALS['AWS_ACCESS_KEY_ID'], CREDENTIALS['AWS_SECRET_ACCESS_KEY']
SCHEMES = ('http', 'https')
SWIFT = Path(__file__).with_name('swift_server.py')

Start = Callable[[Path], AbstractContextManager[str]]


@contextmanager
def ministack(folder: Path, port: int | None = None) -> Iterator[str]:
    """Refuses bytes of another SHA-256."""
    need('ministack')
    port = port or free_port()
    with running('ministack', env=s3_server_environment(folder, port)) as process:
        yield _until_it_answers(process, port)


@contextmanager
def moto(folder: Path) -> Iterator[str]:
    """Keeps everything in memory."""
    need('moto_server')
    port = free_port()
    with running('moto_server', '-H', '127.0.0.1', '-p', str(port)) as process:
        yield _until_it_answers(process, port)


@contextmanager
def swift(folder: Path) -> Iterator[str]:
    """OpenStack Swift with `s3api` and `tempauth`; it keeps what it knows of a file in its attributes."""
    need_module('swift')
    folder.mkdir(exist_ok=True)
    need_that(_keeps_attributes(folder), 'file system with extended attributes')
    port = free_port()
    command = [sys.executable, '-W', 'ignore', SWIFT, folder, str(port), ACCESS_KEY, SECRET_KEY]
    with running(*command) as process:
        yield _until_it_answers(process, port)


@contextmanager
def rclone(folder: Path) -> Iterator[str]:
    """`rclone serve s3` before plain files; Debian's rclone is too old for it."""
    need('rclone')
    need_that(run('rclone', 'serve', 's3', '--help').wait() == 0, 'rclone 1.65 or later')
    folder.mkdir(exist_ok=True)
    port = free_port()
    options = ['--addr', f'127.0.0.1:{port}', '--auth-key', f'{ACCESS_KEY},{SECRET_KEY}', '--config', '']
    with running('rclone', 'serve', 's3', *options, folder) as process:
        yield _until_it_answers(process, port)


SERVERS: dict[str, Start] = {'ministack': ministack, 'moto': moto, 'swift': swift, 'rclone': rclone}
QUICK = ('ministack', 'rclone')
EACH = [pytest.param(name, marks=[] if name in QUICK else pytest.mark.slow) for name in SERVERS]
"""For tests that go through all servers: two unlike each other, and the others where nothing is left out."""


class Servers:
    """Each server is started when it is first asked for, and ended with the stack."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder = folder
        self._stack = stack
        self._authority = Authority()
        self._urls: dict[tuple[str, str], str] = {}
        self.authority_file = self._authority.write_to(folder)

    def url(self, name: str, scheme: str = 'http') -> str:
        """Where it answers; HTTPS is a proxy of ours before the same server."""
        if (name, scheme) not in self._urls:
            self._urls[name, scheme] = self._stack.enter_context(self._start(name, scheme))
        return self._urls[name, scheme]

    def _start(self, name: str, scheme: str) -> AbstractContextManager[str]:
        if scheme == 'https':
            return encrypting(self.url(name), self._authority.context())
        return SERVERS[name](self._folder / name)


def _keeps_attributes(folder: Path) -> bool:
    try:
        os.setxattr(folder, 'user.segmesh', b'kept')
    except OSError as error:
        if error.errno == errno.ENOTSUP:
            return False
        raise
    return True


def _until_it_answers(process: Process, port: int) -> str:
    """The URL of the server, which answers there now."""
    url = f'http://127.0.0.1:{port}'
    eventually(lambda: _answers(url) or process.has_ended())
    assert not process.has_ended(), process.output
    return url


def _answers(url: str) -> bool:
    try:
        get(url)
    except OSError:
        return False
    return True
