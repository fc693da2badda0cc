"""A real redis-server as a process of its own, which a test may kill and start again."""

import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from deploy.demo.cluster import free_port
from tests.kit.needs import need
from tests.kit.process import Process, eventually, run, running


class RedisServer:
    """On a port that stays the same."""

    def __init__(self, folder: Path, stack: ExitStack, password: str = '', port: int = 0) -> None:
        self.port = port or free_port()
        self.url = f'redis://127.0.0.1:{self.port}'
        self.client = Redis(port=self.port, decode_responses=True, password=password or None, protocol=2)
        self._folder = folder
        self._stack = stack
        self._password = password
        self._process: Process | None = None

    def start(self, *, keeps: bool = True) -> None:
        """With `keeps` it has its data again after a kill."""
        folder = ['--dir', self._folder, '--save', '', '--appendonly', 'yes' if keeps else 'no']
        more = ['--requirepass', self._password] if self._password else []
        command = ['redis-server', '--port', str(self.port), '--bind', '127.0.0.1', *folder, *more]
        self._process = self._stack.enter_context(running(*command))
        eventually(self._answers)

    def kill(self) -> None:
        assert self._process
        self._process.stop(signal.SIGKILL)

    def _answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except RedisError:
            return False

    def streams(self, *args: str | Path) -> str:
        """What `backfiller streams` prints, which has to succeed."""
        done = run('backfiller', 'streams', '--streams', self.url, *args)
        assert done.wait() == 0, done.output
        return done.output

    def members(self, count: int) -> list[str]:
        """The nodes that live, when they are so many."""
        found = [str(member) for member in self.client.zrange('segmesh:nodes', 0, -1)]
        return found if len(found) == count else []

    def holders(self, *streams: str) -> set[str]:
        """The names of the nodes that hold a lease of these."""
        keys = [key for stream in streams for key in self.client.keys(f'segmesh:lease:{stream}:*')]
        found = self.client.mget(keys) if keys else []
        return {str(holder).partition('/')[0] for holder in found if holder}


@contextmanager
def redis_server(folder: Path, password: str = '', port: int = 0) -> Iterator[RedisServer]:
    need('redis-server')
    folder.mkdir(exist_ok=True)
    with ExitStack() as stack:
        server = RedisServer(folder, stack, password, port)
        server.start()
        try:
            yield server
        finally:
            server.client.close()
