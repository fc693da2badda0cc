"""How each server is treated: so much at once, a rest when it says that it is too much, left when it is dead.

What waits for one server keeps nothing that work with others needs.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from backfiller.crowd import Crowd
from backfiller.migrate.errors import Cause, PieceError
from backfiller.migrate.keys import host_of

AT_ONCE = 8
LONGEST_REST_SECONDS = 120.0
UNREACHED_ALLOWED = 4
DEAD_SECONDS = 30.0


@dataclass
class Host:
    """A server, and what it last had to say."""

    name: str
    crowd: Crowd
    rest_until: float = 0.0
    unreached: int = 0
    dead_until: float = 0.0
    why: str = ''


class Hosts:
    """All servers by their names."""

    def __init__(
        self,
        at_once: int = AT_ONCE,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._at_once = at_once
        self._clock = clock
        self._sleep = sleep
        self._hosts: dict[str, Host] = {}

    @contextmanager
    def turn(self, url: str) -> Iterator[None]:
        """Waits until the server of the URL may be asked, one exchange after the other; see `ready`."""
        with self._of(url).crowd.within():
            self.ready(url)
            yield

    def ready(self, url: str) -> None:
        """Waits for the end of its rest; raises PieceError if it is dead. For who has a turn."""
        host = self._of(url)
        self._check(host)
        while (rest := host.rest_until - self._clock()) > 0:
            self._sleep(rest)

    def answered(self, url: str) -> None:
        """The server is there."""
        host = self._of(url)
        host.unreached = 0
        host.crowd.went_well()

    def was_not_reached(self, url: str, why: str) -> None:
        """After a few times in a row, without an answer in between, it is dead for a while."""
        host = self._of(url)
        host.why = why
        host.unreached += 1
        if host.unreached >= UNREACHED_ALLOWED:
            host.dead_until = self._clock() + DEAD_SECONDS

    def is_too_much(self, url: str, retry_after: str) -> None:
        """The server said so, and perhaps for how long (RFC 9110 section 10.2.3)."""
        host = self._of(url)
        host.crowd.is_too_much()
        rest = min(retry_seconds(retry_after, datetime.now(UTC)), LONGEST_REST_SECONDS)
        host.rest_until = max(host.rest_until, self._clock() + rest)

    def is_dead(self, url: str) -> bool:
        return self._of(url).dead_until > self._clock()

    def _check(self, host: Host) -> None:
        if host.dead_until > self._clock():
            raise PieceError(Cause.FAILING, f'{host.why}, and so several times in a row')

    def _of(self, url: str) -> Host:
        name = host_of(urlsplit(url))
        return self._hosts.setdefault(name, Host(name, Crowd(self._at_once)))


def retry_seconds(text: str, now: datetime) -> float:
    """What a Retry-After means, from now; 1 if it says nothing that can be understood."""
    if text.isdecimal() and text.isascii():
        return float(text[:9])
    try:
        return max(0.0, (parsedate_to_datetime(text) - now).total_seconds())
    except (TypeError, ValueError):
        return 1.0
