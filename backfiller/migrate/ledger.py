"""What became of each piece in this run: what several playlists name is asked for once."""

from collections.abc import Callable

from gevent.event import AsyncResult

from backfiller.migrate.carry import Carried
from backfiller.migrate.errors import Cause, PieceError

Outcome = Carried | PieceError


class Ledger:
    """Outcomes by keys; of the source of each there is a hash, which tells it from others."""

    def __init__(self) -> None:
        self._outcomes: dict[str, tuple[int, Outcome]] = {}
        self._under_way: dict[str, tuple[int, AsyncResult[Outcome]]] = {}
        self._passing: set[str] = set()

    def once(self, key: str, source: str, act: Callable[[], Carried], *, passing: bool = False) -> Carried:
        """What the act returns or raises for the first who asks, and for those after it. Raises PieceError.

        What is `passing` may be another in the next pass.
        """
        if passing:
            self._passing.add(key)
        other, outcome = self._outcomes.get(key) or self._awaited(key) or (hash(source), None)
        if other != hash(source):
            what = f'{key} is taken by another link of the same path: give --by-host always'
            raise PieceError(Cause.REFUSED, what)
        is_first = outcome is None
        outcome = outcome or self._acted(key, source, act)
        if isinstance(outcome, PieceError):
            raise PieceError(outcome.cause, str(outcome))
        return outcome if is_first else Carried(outcome.size_bytes, was_sent=False)

    def forget(self, key: str) -> None:
        """It turned out otherwise."""
        self._outcomes.pop(key, None)

    def begin_pass(self) -> None:
        """What may come yet is asked for again."""
        for key, (_, outcome) in list(self._outcomes.items()):
            may_come = isinstance(outcome, PieceError) and not outcome.cause.is_final
            if may_come or key in self._passing:
                del self._outcomes[key]
        self._passing.clear()

    def _awaited(self, key: str) -> tuple[int, Outcome | None] | None:
        if key not in self._under_way:
            return None
        source, coming = self._under_way[key]
        return source, coming.get()

    def _acted(self, key: str, source: str, act: Callable[[], Carried]) -> Outcome:
        coming: AsyncResult[Outcome] = AsyncResult()
        self._under_way[key] = hash(source), coming
        outcome: Outcome = PieceError(Cause.FAILING, f'{key}: stopped')
        try:
            outcome = self._outcomes.setdefault(key, (hash(source), _outcome(act)))[1]
        finally:
            del self._under_way[key]
            coming.set(outcome)
        return outcome


def _outcome(act: Callable[[], Carried]) -> Outcome:
    try:
        outcome: Outcome = act()
    except PieceError as error:
        outcome = PieceError(error.cause, str(error))  # without its traceback, which holds a body
    return outcome
