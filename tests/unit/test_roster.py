"""Who the peers are, as a file changes under us."""

import os
from pathlib import Path

import pytest

from backfiller.roster import Roster
from common.errors import UsageError


def write(file: Path, text: str, *, at_ns: int) -> None:
    """Writes the file with a modification time of its own, so that no test depends on the clock's steps."""
    file.write_text(text)
    os.utime(file, ns=(at_ns, at_ns))


def test_given_peers_and_those_of_the_file_without_repeats(tmp_path: Path) -> None:
    file = tmp_path / 'peers'
    file.write_text('http://b/\n\n# a comment\nhttps://c:8001/path\nhttp://a\n')
    assert Roster(['http://a'], file).peers() == ['http://a', 'http://b', 'https://c:8001/path']


def test_the_file_is_read_again_when_it_changes_and_only_then(tmp_path: Path) -> None:
    file = tmp_path / 'peers'
    write(file, 'http://a\n', at_ns=10**18)
    roster = Roster([], file)
    write(file, 'http://b\n', at_ns=10**18 + 1)
    assert roster.peers() == ['http://b']


@pytest.mark.parametrize('text', ['ftp://x\n', 'http://\n', 'http://x?y=z\n', 'nonsense\n'])
def test_a_bad_edit_keeps_the_last_good_peers_and_names_the_line(
    tmp_path: Path, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / 'peers'
    write(file, 'http://a\n', at_ns=10**18)
    roster = Roster([], file)
    write(file, f'http://b\n{text}', at_ns=10**18 + 1)
    assert roster.peers() == ['http://a']
    assert f'{file}, line 2' in caplog.text
    file.unlink()
    assert roster.peers() == ['http://a']


def test_a_file_that_is_missing_or_bad_at_the_start_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match='cannot read the peers file'):
        Roster([], tmp_path / 'none')
    (tmp_path / 'bad').write_text('nonsense')
    with pytest.raises(UsageError, match='line 1'):
        Roster([], tmp_path / 'bad')
