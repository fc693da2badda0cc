"""From a link to what it leads to, in which order; what several name is asked for once."""

from collections.abc import Callable, Mapping, Sequence

import gevent
import pytest
from gevent.event import Event

from backfiller.migrate.carry import Carried
from backfiller.migrate.errors import Cause, PieceError
from backfiller.migrate.ledger import Ledger
from backfiller.migrate.plan import Kind, Piece, Plan
from backfiller.migrate.verify import compare
from backfiller.migrate.walk import DEEPEST, MOST_PLAYLISTS, Lack, Walk


def named(key: str) -> Piece:
    return Piece(Kind.PLAYLIST, f'http://h/{key}', key, key)


def reading(tree: Mapping[str, Sequence[str]]) -> Callable[[Piece], Plan]:
    """Playlists that name others."""

    def read(piece: Piece) -> Plan:
        if piece.key not in tree:
            raise PieceError(Cause.GONE, 'gone')
        return Plan(piece, b'', True, True, (), tuple(map(named, tree[piece.key])), ())

    return read


def walked(tree: Mapping[str, Sequence[str]]) -> list[str]:
    """Keys in the order in which they come; with a question mark what is lacking."""
    found = Walk(reading(tree)).of(named('root'))
    return [f'{each.piece.key}?' if isinstance(each, Lack) else each.piece.key for each in found]


@pytest.mark.parametrize(
    ('tree', 'order'),
    [
        ({'root': []}, ['root']),
        ({}, ['root?']),
        ({'root': ['a', 'b', 'a'], 'a': [], 'b': []}, ['a', 'b', 'root']),
        ({'root': ['a', 'b'], 'a': []}, ['a', 'b?', 'root']),
        ({'root': ['root']}, ['root?', 'root']),
        ({'root': ['a'], 'a': ['root']}, ['root?', 'a', 'root']),
        ({'root': ['a', 'b'], 'a': ['c'], 'b': ['c'], 'c': []}, ['c', 'a', 'b', 'root']),
    ],
)
def test_what_is_named_comes_before_what_names_it(tree: dict[str, list[str]], order: list[str]) -> None:
    assert walked(tree) == order


def test_nesting_ends() -> None:
    endless = {'root': ['1'], **{str(number): [str(number + 1)] for number in range(1, 50)}}
    assert walked(endless) == [f'{DEEPEST}?', *map(str, range(DEEPEST - 1, 0, -1)), 'root']
    wide = {'root': [str(number) for number in range(MOST_PLAYLISTS + 9)]}
    wide |= {each: [] for each in wide['root']}
    assert sum(each.endswith('?') for each in walked(wide)) == 10


def test_what_is_under_way_is_waited_for_and_not_done_twice() -> None:
    ledger, go, asked = Ledger(), Event(), []

    def act() -> Carried:
        asked.append(1)
        go.wait()
        return Carried(7, was_sent=True)

    both = [gevent.spawn(ledger.once, 'k', 's', act) for _ in range(2)]
    gevent.sleep(0)
    go.set()
    gevent.joinall(both, raise_error=True)
    assert sorted((each.get().was_sent, each.get().size_bytes) for each in both) == [(False, 7), (True, 7)]
    assert ledger.once('k', 's', act) == Carried(7, was_sent=False)
    assert asked == [1]


def test_another_source_for_the_same_key_is_refused() -> None:
    ledger = Ledger()
    ledger.once('k', 's', lambda: Carried(1, was_sent=True))
    with pytest.raises(PieceError, match='by-host always') as caught:
        ledger.once('k', 'other', lambda: Carried(1, was_sent=True))
    assert caught.value.cause is Cause.REFUSED


@pytest.mark.parametrize(('cause', 'times'), [(Cause.GONE, 1), (Cause.FAILING, 2), (Cause.DENIED, 2)])
def test_only_what_may_come_is_asked_for_in_the_next_pass(cause: Cause, times: int) -> None:
    ledger, asked = Ledger(), 0

    def act() -> Carried:
        nonlocal asked
        asked += 1
        raise PieceError(cause, 'no')

    for _ in range(2):
        ledger.begin_pass()
        for _ in range(3):
            with pytest.raises(PieceError, match='no'):
                ledger.once('k', 's', act)
    assert asked == times


def test_one_that_is_killed_leaves_nobody_waiting() -> None:
    ledger = Ledger()
    first = gevent.spawn(ledger.once, 'k', 's', lambda: Event().wait())
    gevent.sleep(0)
    second = gevent.spawn(ledger.once, 'k', 's', lambda: Carried(1, was_sent=True))
    gevent.sleep(0)
    first.kill()
    with pytest.raises(PieceError, match='stopped'):
        second.get(timeout=5)
    assert ledger.once('k', 's', lambda: Carried(1, was_sent=True)).was_sent


def test_expected_against_present() -> None:
    expected = {'a': 1, 'b': 2, 'c': 3}
    assert [(each.piece.key, each.cause) for each in compare(expected, {'a': 1, 'b': 9, 'd': 1})] == [
        ('b', Cause.STORE),
        ('c', Cause.STORE),
    ]
    assert compare(expected, expected) == []
