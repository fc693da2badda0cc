"""Who the peers are: given ones, and those of a file that is watched."""

import logging
from collections.abc import Sequence
from pathlib import Path

from common import config, kinds
from common.errors import UsageError
from common.filestate import file_state

log = logging.getLogger(__name__)


class Roster:
    """The URLs of the peers. A file that cannot be read leaves the last good ones in force."""

    def __init__(self, peers: Sequence[str], file: Path | None) -> None:
        self._given = tuple(peers)
        self._file = file
        self._state: object = None
        self._read: tuple[str, ...] = ()
        if file:
            self._read, self._state = read_peers(file), file_state(file)

    def peers(self) -> list[str]:
        """The URLs as of now, without repeats, in the order given."""
        if self._file and (state := file_state(self._file)) != self._state:
            self._state = state
            self._reread(self._file)
        return list(dict.fromkeys((*self._given, *self._read)))

    def _reread(self, file: Path) -> None:
        try:
            self._read = read_peers(file)
        except UsageError as error:
            log.warning('%s; the peers stay as they were', error)
        else:
            log.info('%s: %d peers', file, len(self._read))


def read_peers(file: Path) -> tuple[str, ...]:
    """The URLs in a file, one a line; empty lines and those with # are left out. Raises UsageError."""
    try:
        lines = file.read_text('utf-8').splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f'cannot read the peers file {file}: {error}') from error
    urls = [(number, line.strip()) for number, line in enumerate(lines, 1)]
    return tuple(
        config.read(kinds.URL, line, f'{file}, line {number}')
        for number, line in urls
        if line and not line.startswith('#')
    )
