"""How far it is while it runs: a bar with rate and time left for people, or a line of JSON an event."""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click

from backfiller.migrate.job import Tell
from common.errors import SegmeshError

_STEPS = ('sent', 'there', 'lacking')
SHOWN_SECONDS = 0.2
MB = 1_000_000


def silent(event: str, **what: object) -> None:
    """Says nothing."""


def lines(event: str, **what: object) -> None:
    """A line of JSON on standard output; raises SegmeshError if that takes no more."""
    say({'event': event, **what})


def say(found: dict[str, Any]) -> None:
    """One object of JSON, on one line."""
    try:
        click.echo(json.dumps(found))
    except OSError as error:
        raise SegmeshError(f'cannot write to standard output: {error.strerror}') from error


class Bar:
    """Counts what has been done; how much there is becomes known link by link, and is estimated till then."""

    def __init__(self, bar: Any, links: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._bar = bar
        self._links = links
        self._clock = clock
        self._begun = clock()
        self._shown = 0.0
        self._pieces = self._done = self._bytes = self._pending = 0
        self._ended: set[object] = set()

    def tell(self, event: str, **what: object) -> None:
        if event == 'playlist':
            self._pieces += int(str(what['pieces'])) + 1
        elif event == 'link':
            self._ended.add(what['link'])  # a further pass tells of it again
        elif event in _STEPS:
            self._done += 1
            self._pending += 1
            self._bytes += int(str(what.get('bytes', 0))) if event == 'sent' else 0
        if self._clock() - self._shown >= SHOWN_SECONDS:
            self.show()

    def show(self) -> None:
        """How far it is now."""
        now = self._shown = self._clock()
        rate = self._bytes / MB / max(now - self._begun, 0.001)
        self._bar.label = (
            f'{len(self._ended)}/{self._links} links, {self._bytes / MB:.1f} MB, {rate:.1f} MB/s'
        )
        self._bar.length = max(self._estimate(), self._done, 1)
        self._bar.update(self._pending)
        self._pending = 0

    def _estimate(self) -> int:
        """All pieces, if the links that have not ended are like those that have."""
        share = len(self._ended) / self._links if self._links else 1.0
        return round(max(self._pieces, self._done / share if share else 0))


@contextmanager
def bar(links: int) -> Iterator[Tell]:
    """A bar on standard error for the length of the block."""
    with click.progressbar(length=1, file=sys.stderr, show_pos=True, show_eta=True) as shown:
        counting = Bar(shown, links)
        yield counting.tell
        counting.show()  # what came since it was shown last
