"""Expected against present: what the bucket should hold, beside what it lists."""

from collections.abc import Iterator, Mapping

from backfiller.migrate.errors import Cause
from backfiller.migrate.plan import Kind, Piece
from backfiller.migrate.walk import Lack


def compare(expected: Mapping[str, int], listed: Mapping[str, int]) -> list[Lack]:
    """What is not listed, or in another size; both are sizes by keys."""
    return list(_lacking(expected, listed))


def _lacking(expected: Mapping[str, int], listed: Mapping[str, int]) -> Iterator[Lack]:
    for key, size in expected.items():
        found = listed.get(key)
        if found != size:
            why = 'it is not in the bucket' if found is None else f'it has {found} bytes there, not {size}'
            yield Lack(Piece(Kind.DATA, '', key, key), Cause.STORE, why)
