"""What every long-running process of ours does the same way: log, stop when told, measure, serve HTTP."""

import logging
import os
import resource
import signal
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from importlib.metadata import version
from typing import Any, TypeVar

import gevent
from gevent.event import Event
from gevent.pywsgi import WSGIServer
from gevent.threadpool import ThreadPool
from prometheus_client import CollectorRegistry, Gauge, PlatformCollector, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from common.errors import SegmeshError, StoppedError, UsageError
from common.http.handler import HEADER_SECONDS, OVERLOADED, Handler, Limits, within
from common.http.tls import Certificate

R = TypeVar('R')

STOP_SECONDS = 20.0
"""How long a stopping server waits for the requests that are being answered."""

RESOLVED_AT_ONCE = 32

RESTARTS_VARIABLE = 'SEGMESH_RESTARTS'
"""The environment variable in which a supervisor tells a child how often it was started again."""

log = logging.getLogger(__name__)


def set_up(level: str) -> None:
    """Logs lines to standard error: time in UTC, level, part, message.

    As many files and connections may be open as the system lets us. Greenlets that end with an error of ours
    leave no traceback: whoever waits for them is told.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    gevent.get_hub().NOT_ERROR = (*gevent.get_hub().NOT_ERROR, SegmeshError)
    resolve_apart()
    formatter = logging.Formatter('%(asctime)s %(levelname)s %(name)s: %(message)s', '%Y-%m-%dT%H:%M:%SZ')
    formatter.converter = time.gmtime
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.getLogger('urllib3').setLevel('ERROR')
    logging.getLogger('botocore').setLevel('ERROR')


def resolve_apart() -> None:
    """Names are looked up in threads of their own: those that nobody answers for keep no disk waiting."""
    resolver = gevent.get_hub().resolver
    if hasattr(resolver, 'pool'):
        resolver.pool = ThreadPool(RESOLVED_AT_ONCE)


def stop_on_signals() -> Event:
    """An event that SIGTERM, SIGINT or SIGHUP sets."""
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        gevent.signal_handler(number, stop.set)
    return stop


def until_stopped(stop: Event, greenlets: Sequence['gevent.Greenlet[..., None]']) -> None:
    """Lets the greenlets run until the event, then kills them.

    They are not meant to end before: if one does, its error is raised, so that a supervisor hears of it.
    """
    for greenlet in greenlets:
        greenlet.link(lambda _: stop.set())
    stop.wait()
    ended = [greenlet for greenlet in greenlets if greenlet.ready()]
    gevent.killall(greenlets)
    for greenlet in ended:
        greenlet.get()
        raise SegmeshError('a part of the service ended by itself')
    log.info('stopped')


def interruptible(stop: Event, job: Callable[[], R]) -> R:
    """The job's result; raises StoppedError if the event came first and ended it."""
    ended = Event()
    greenlet = gevent.spawn(job)
    greenlet.link(lambda _: ended.set())
    stop.rawlink(lambda _: ended.set())
    ended.wait()
    if not greenlet.ready():
        greenlet.kill()
        raise StoppedError('stopped before the end: run it again to finish')
    return greenlet.get()


def new_registry(role: str) -> CollectorRegistry:
    """A metrics registry with what concerns the process: its resources, build and restarts."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    build = Gauge('segmesh_build_info', 'The version that runs.', ['version', 'role'], registry=registry)
    build.labels(version('segmesh'), role).set(1)
    restarts = Gauge('segmesh_restarts', 'How often its supervisor had to start it again.', registry=registry)
    restarts.set(int(os.environ.get(RESTARTS_VARIABLE, '0')))
    return registry


def metrics_page(registry: CollectorRegistry) -> tuple[bytes, int, dict[str, str]]:
    """The answer to GET /metrics, in a form that Flask takes."""
    return generate_latest(registry), 200, {'Content-Type': CONTENT_TYPE_LATEST}


def bound(address: tuple[str, int]) -> socket.socket:
    """A listening TCP socket; raises UsageError if the address cannot be had."""
    host, port = address
    try:
        family = socket.AF_INET6 if ':' in host else socket.AF_INET
        listener: socket.socket = WSGIServer.get_listener((host, port), backlog=1024, family=family)
    except OSError as error:
        raise UsageError(
            f'cannot listen on {host}:{port}: {_reason(error)}; give another HOST:PORT'
        ) from error
    return listener


def _reason(error: OSError) -> str:
    """In words; gevent adds the address to them, and look-ups of names have numbers of their own."""
    number = error.errno or 0
    return os.strerror(number) if number > 0 else str(error.strerror or error)


def url_of(listener: socket.socket, scheme: str = 'http') -> str:
    """The URL of a listening socket."""
    host, port = listener.getsockname()[:2]
    return f'{scheme}://[{host}]:{port}' if ':' in host else f'{scheme}://{host}:{port}'


class HttpServer(WSGIServer):
    """gevent's WSGI server, which counts connections and requests, and stops without cutting them."""

    def __init__(
        self,
        listener: socket.socket,
        app: Any,
        *,
        limits: Limits = Limits(),  # noqa: B008 (it has no state)
        certificate: Certificate | None = None,
    ) -> None:
        tls: dict[str, Any] = {'ssl_context': certificate.context} if certificate else {}
        logger = logging.getLogger('http')
        super().__init__(listener, app, handler_class=Handler, log=None, error_log=logger, **tls)
        self.limits = limits
        self._certificate = certificate
        self._open: Counter[str] = Counter()
        self._answering = 0
        self._idle = Event()
        self._idle.set()

    @property
    def url(self) -> str:
        return url_of(self.socket, 'https' if self._certificate else 'http')

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Marks one request as being answered."""
        self._answering += 1
        self._idle.clear()
        try:
            yield
        finally:
            self._answering -= 1
            if not self._answering:
                self._idle.set()

    def handle(self, sock: socket.socket, address: Any) -> None:
        with self._admitted(sock, address[0]) as is_admitted:
            if is_admitted:
                super().handle(sock, address)

    def wrap_socket_and_handle(self, client_socket: socket.socket, address: Any) -> None:
        """The same over TLS, whose handshake may take no longer than the head of a request."""
        with self._admitted(client_socket, address[0]) as is_admitted:
            if not (is_admitted and self._certificate):
                return
            self._certificate.renew()
            try:
                with within(HEADER_SECONDS):
                    wrapped = self._certificate.context.wrap_socket(client_socket, server_side=True)
            except OSError as error:
                log.debug('no TLS with %s: %s', address[0], error)
                return
            with closing(wrapped):
                super().handle(wrapped, address)

    @contextmanager
    def _admitted(self, client: socket.socket, address: str) -> Iterator[bool]:
        """Counts a connection; one too many is told so, if it takes no time, and is to be closed."""
        if self._is_full(address):
            with suppress(OSError):
                client.settimeout(0)
                client.send(b'' if self._certificate else OVERLOADED)
            yield False
            return
        self._open[address] += 1
        try:
            yield True
        finally:
            self._open[address] -= 1
            if not self._open[address]:
                del self._open[address]

    def _is_full(self, address: str) -> bool:
        if self._open.total() >= self.limits.connections:
            return True
        crowded = self._open[address] >= self.limits.connections_per_address
        return crowded and not self.limits.unlimited(address)

    def stop_gracefully(self, timeout_seconds: float = STOP_SECONDS) -> None:
        """Accepts nothing more, and lets the requests being answered end; the rest ends with the process."""
        self.close()
        if not self._idle.wait(timeout_seconds):
            log.warning('%d requests were cut off after %g s', self._answering, timeout_seconds)
        self.stop(timeout=0)
