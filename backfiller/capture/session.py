"""Captures one stream: finds its variants, and records each for as long as it takes."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import gevent

from backfiller.capture.origin import Origin
from backfiller.capture.record import Recorder
from backfiller.loop import Backoff, Loop
from common.errors import SourceError
from common.place import Store

log = logging.getLogger(__name__)

FIRST_RETRY_SECONDS = 0.5
MOST_RETRY_SECONDS = 2.0


@dataclass(frozen=True)
class Session:
    """One origin on its way into a store; `variant` empty means all that a master playlist names."""

    origin: Origin
    store: Store
    stream: str
    variant: str

    def run(self) -> None:
        """Records until killed. An origin that is away is asked again every few seconds."""
        found = self._find()
        log.info('recording %s as %s: %s', self.origin.url, self.stream, ', '.join(found))
        recorders = [
            Recorder(
                self.origin,
                url,
                self.store,
                stream=self.stream,
                variant=name,
                locate=partial(self._locate, name, url),
            )
            for name, url in found.items()
        ]
        greenlets = [gevent.spawn(_loop(f'capture {each.label}', each.poll).run) for each in recorders]
        try:
            gevent.joinall(greenlets)
        finally:
            gevent.killall(greenlets)

    def _find(self) -> dict[str, str]:
        found: dict[str, str] = {}

        def find() -> float:
            found.update(self._variants())
            return 0.0

        loop = _loop(f'capture {self.stream}', find)
        while not found:
            gevent.sleep(loop.turn())
        return found

    def _locate(self, name: str, url: str) -> str:
        """Where the variant's playlist is now; where it was, if the origin names it no more."""
        return self._variants().get(name, url)

    def _variants(self) -> dict[str, str]:
        offered = self.origin.variants(default=self.variant or 'source')
        if self.variant and self.variant not in offered:
            raise SourceError(f'{self.origin.url} has no variant {self.variant}: it has {", ".join(offered)}')
        return {name: url for name, url in offered.items() if self.variant in ('', name)}


def _loop(name: str, act: Callable[[], float]) -> Loop:
    return Loop(
        name,
        act,
        backoff=Backoff(FIRST_RETRY_SECONDS, MOST_RETRY_SECONDS),
    )
