"""Keeps the services of a node running: one that dies is started again, with a growing delay."""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import gevent
from gevent.event import Event
from gevent.subprocess import Popen

from backfiller.loop import Backoff
from common.service import RESTARTS_VARIABLE
from deploy import child

log = logging.getLogger(__name__)

BAD_USAGE = 2
STEADY_SECONDS = 60.0
"""A service that ran this long starts over with the shortest delay."""


@dataclass
class Service:
    """One program to keep running."""

    name: str
    args: Sequence[str | Path]
    restarts: int = 0
    backoff: Backoff = field(default_factory=lambda: Backoff(0.5, 30.0))
    process: 'Popen[bytes] | None' = None


class Supervisor:
    """Runs services until told to stop.

    How often a service was started again stands in its own metrics (`segmesh_restarts`), and in our exit
    code: 0 if none ever died by itself, 1 if one did, 2 if one was given wrong settings.
    """

    def __init__(self, services: Sequence[Service], env: dict[str, str], stop: Event) -> None:
        self._services = services
        self._env = env
        self._stop = stop
        self._code = 0

    def run(self) -> int:
        keepers = [gevent.spawn(self._keep, service) for service in self._services]
        self._stop.wait()
        gevent.killall(keepers)
        gevent.joinall([gevent.spawn(self._end, service) for service in self._services])
        return self._code

    def _keep(self, service: Service) -> None:
        while True:
            began = time.monotonic()
            env = {**self._env, RESTARTS_VARIABLE: str(service.restarts)}
            service.process = child.start(service.args, env=env)
            code = service.process.wait()
            if code == BAD_USAGE and not service.restarts:
                self._code = BAD_USAGE
                self._stop.set()
                return
            self._code = max(self._code, 1)
            if time.monotonic() - began > STEADY_SECONDS:
                service.backoff.after_success()
            delay = service.backoff.after_failure()
            log.error('%s %s; starting it again in %.1f s', service.name, _how_it_ended(code), delay)
            gevent.sleep(delay)
            service.restarts += 1

    def _end(self, service: Service) -> None:
        if service.process:
            child.stop(service.process)


def _how_it_ended(code: int) -> str:
    return f'was killed by signal {-code}' if code < 0 else f'ended with exit code {code}'
