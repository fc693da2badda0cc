"""When a file that rolled off its playlist may go."""

from hypothesis import given
from hypothesis import strategies as st

from backfiller.push.rolled import RolledOff


def test_a_file_goes_when_the_playlist_that_named_it_has_run_out() -> None:
    rolled = RolledOff()
    rolled.note('a', ['1', '2'], 10, now=0)
    rolled.note('a', ['2', '3'], 8, now=5)
    assert (rolled.due(14.9), rolled.due(15)) == ([], ['1'])
    rolled.gone('1')
    assert rolled.due(99) == []


def test_a_file_that_is_named_again_or_by_another_stays() -> None:
    rolled = RolledOff()
    rolled.note('a', ['1', '2'], 1, now=0)
    rolled.note('b', ['1'], 1, now=0)
    rolled.note('a', [], 1, now=1)
    assert rolled.due(99) == ['2']
    rolled.note('a', ['2'], 1, now=2)
    assert rolled.due(99) == []


names = st.frozensets(st.sampled_from('123456'))


@given(st.lists(st.tuples(st.sampled_from('ab'), names, st.integers(0, 5)), max_size=12))
def test_what_is_named_is_never_due(course: list[tuple[str, frozenset[str], int]]) -> None:
    rolled, named = RolledOff(), dict[str, frozenset[str]]()
    for now, (playlist, files, seconds) in enumerate(course):
        rolled.note(playlist, files, seconds, now)
        named[playlist] = files
        assert not frozenset().union(*named.values()) & set(rolled.due(now + 100))
