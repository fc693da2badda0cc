"""How often in a row a peer did not answer, so that one that is away is left alone for a while."""

from collections.abc import Callable

from backfiller.client import FetchError, Reply
from common.errors import SourceError

STALLS_ALLOWED = 5
"""A peer that does not come up with this many answers in a row is left alone for a while."""

_REASONS = ('deadline', 'unreachable')
_TOO_MANY_REQUESTS = 429


class Stalls:
    """Of the peer at `url`, as one reader of it sees them."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._in_a_row = 0

    def over(self, ask: Callable[[], Reply]) -> Reply:
        """The answer, counted; raises FetchError. One that says 429 counts as all that are allowed."""
        try:
            reply = ask()
        except FetchError as error:
            self.note(error)
            raise
        self._in_a_row = STALLS_ALLOWED if reply.status == _TOO_MANY_REQUESTS else 0
        return reply

    def note(self, error: Exception) -> None:
        """An answer ended with this."""
        self._in_a_row += isinstance(error, FetchError) and error.reason in _REASONS

    def end(self) -> None:
        """Something came."""
        self._in_a_row = 0

    def check(self) -> None:
        """Raises SourceError if there were too many; then they are counted anew."""
        if self._in_a_row >= STALLS_ALLOWED:
            self._in_a_row = 0
            raise SourceError(f'{self._url}: {STALLS_ALLOWED} answers in a row did not come')
