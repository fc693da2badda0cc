"""The horizon: what was let go, remembered whole, and never taken for less than it is."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import ListingError, StoreError
from common.horizon import NAME, Horizon, decode, encode
from common.segment import Hour
from tests.kit.build import HOUR, files_below, fill, run_of

BEFORE = Hour('bus', 'source', '2026-11-14T02')
AFTER = Hour('bus', 'source', '2026-11-14T04')
ELSEWHERE = Hour('bus', '480p', '2026-11-14T02')


def loaded(root: Path) -> Horizon:
    found = Horizon(root)
    found.load()
    return found


def test_without_a_file_every_hour_is_admitted(store: Path) -> None:
    assert loaded(store).admits(Hour('bus', 'source', '1970-01-01T00'))


def test_what_was_let_go_and_older_is_not_admitted_also_after_a_restart(store: Path) -> None:
    loaded(fill(store, [])).advance(HOUR)
    found = loaded(store)
    assert [found.admits(hour) for hour in (BEFORE, HOUR, AFTER, ELSEWHERE)] == [False, False, True, True]
    assert set(files_below(store)) == {NAME}


def test_it_never_goes_back(store: Path) -> None:
    horizon = loaded(fill(store, []))
    for hour in (HOUR, BEFORE, ELSEWHERE):
        horizon.advance(hour)
    assert loaded(store).newest == {'bus/source': HOUR.text, 'bus/480p': ELSEWHERE.text}


def test_who_deletes_the_file_has_everything_again(store: Path) -> None:
    horizon = loaded(fill(store, []))
    horizon.advance(HOUR)
    (store / NAME).unlink()
    horizon.load()
    assert horizon.admits(HOUR)


DAMAGED = [
    b'',
    b'{',
    b'\xff',
    b'null',
    b'[]',
    b'{}',
    b'[' * 100_000,
    b'{"version": 2, "let_go": {}}',
    b'{"version": 1}',
    b'{"version": 1, "let_go": []}',
    b'{"version": 1, "let_go": {"bus": "2026-11-14T03"}}',
    b'{"version": 1, "let_go": {"bus/a/b": "2026-11-14T03"}}',
    b'{"version": 1, "let_go": {"../source": "2026-11-14T03"}}',
    b'{"version": 1, "let_go": {"bus/source": "yesterday"}}',
    b'{"version": 1, "let_go": {"bus/source": 7}}',
]


@pytest.mark.parametrize('text', DAMAGED, ids=lambda text: ascii(text[:40]))
def test_a_damaged_file_is_said_with_what_to_do_and_what_was_known_stays(store: Path, text: bytes) -> None:
    horizon = loaded(fill(store, []))
    horizon.advance(HOUR)
    (store / NAME).write_bytes(text)
    with pytest.raises(ListingError, match=rf'{store}/{NAME} cannot be used: .* if you delete it'):
        horizon.load()
    assert not horizon.admits(HOUR)


def test_a_link_is_not_followed(store: Path, tmp_path: Path) -> None:
    (tmp_path / 'else').write_bytes(encode({}))
    (fill(store, []) / NAME).symlink_to(tmp_path / 'else')
    with pytest.raises(ListingError, match='cannot be used'):
        loaded(store)


def test_what_cannot_be_written_is_an_error_and_not_in_force(store: Path) -> None:
    fill(store, run_of(1))
    (store / '.temp').symlink_to(store)
    horizon = loaded(store)
    with pytest.raises(StoreError, match='nothing is let go'):
        horizon.advance(HOUR)
    assert horizon.admits(HOUR)
    assert not (store / NAME).exists()


@given(st.dictionaries(st.sampled_from(['bus/source', '-/_']), st.sampled_from([HOUR.text, AFTER.text])))
def test_it_reads_back(newest: dict[str, str]) -> None:
    assert decode(encode(newest)) == newest
