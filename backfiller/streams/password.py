"""The password for Redis: of the environment, or of a file that is read for each connection."""

import os
from collections.abc import Mapping
from pathlib import Path

from common.errors import SourceError, UsageError

VARIABLE = 'SEGMESH_REDIS_PASSWORD'
_MOST_BYTES = 4096


class Password:
    """Never part of an error, a log line, or the settings that are shown."""

    def __init__(self, text: str, file: Path | None) -> None:
        self._text = text
        self._file = file

    @classmethod
    def given(cls, file: Path | None, environ: Mapping[str, str] = os.environ) -> 'Password | None':
        """As it was given; None if it was not. Raises UsageError."""
        text = environ.get(VARIABLE, '')
        if text and file:
            raise UsageError(f'{VARIABLE} and redis_password_file are both given: leave out one of them')
        return cls(text, file) if text or file else None

    def text(self) -> str:
        """The password as of now; raises SourceError."""
        if not self._file:
            return self._text
        try:
            with self._file.open('rb') as opened:
                return opened.read(_MOST_BYTES).decode('utf-8', 'replace').strip()
        except OSError as error:
            raise SourceError(f'cannot read the password file {self._file}: {error.strerror}') from error

    def __repr__(self) -> str:
        return '<Password>'
