"""Secrets that admit a request: where they come from, and how they are compared (RFC 6750, Bearer).

A token is text of the environment, or of a file that is read again when it changes. It is never part of an
error, a log line, the settings that are shown, or a command line.
"""

import hmac
import logging
import re
import stat
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from common.errors import UsageError
from common.filestate import file_state
from common.http.hosts import is_loopback

SHORTEST = 16
LOOK_SECONDS = 1.0

_ALLOWED = re.compile('[A-Za-z0-9._~+/-]+=*')
_MOST_BYTES = 4096
_FORWARDED = ('HTTP_FORWARDED', 'HTTP_X_FORWARDED_FOR', 'HTTP_X_FORWARDED_HOST')

log = logging.getLogger(__name__)


class Token:
    """One token; of a file that went bad, the last good text stays in force, and that is said once."""

    def __init__(
        self, text: str = '', file: Path | None = None, monotonic: Callable[[], float] = time.monotonic
    ):
        self._file = file
        self._monotonic = monotonic
        self._text = _read(file) if file else text
        self._state = file_state(file) if file else None
        self._look_at = monotonic() + LOOK_SECONDS
        if file:
            _warn_of_readers(file)

    def text(self) -> str:
        """The token as of now, looked for at most once a second."""
        if self._file and self._monotonic() >= self._look_at:
            self._look_at = self._monotonic() + LOOK_SECONDS
            if (state := file_state(self._file)) != self._state:
                self._state = state
                self._reread(self._file)
        return self._text

    def equals(self, given: str) -> bool:
        """Whether this is the token; how long that takes tells nothing of it."""
        return hmac.compare_digest(self.text().encode(), given.encode('utf-8', 'replace'))

    def header(self) -> dict[str, str]:
        """What shows it to a server."""
        return {'Authorization': self.authorization()}

    def authorization(self) -> str:
        return f'Bearer {self.text()}'

    def __repr__(self) -> str:
        return '<Token>'

    def _reread(self, file: Path) -> None:
        try:
            self._text = _read(file)
        except UsageError as error:
            log.warning('%s; the token stays as it was', error)
        else:
            log.info('%s was read again', file)
            _warn_of_readers(file)


def given_token(name: str, file: Path | None, environ: Mapping[str, str]) -> Token | None:
    """The token of `SEGMESH_NAME` or of the file that NAME_file names; None if neither is given.

    Raises UsageError for both, and for what is no token.
    """
    variable = f'SEGMESH_{name.upper()}'
    text = environ.get(variable)
    if text is None:
        return Token(file=file) if file else None
    if file:
        raise UsageError(f'{variable} and {name}_file are both given: leave out one of them')
    return Token(_checked(text.strip(), variable))


def bearer(authorization: str) -> str | None:
    """The token of an Authorization header; None if there is none."""
    scheme, _, given = authorization.partition(' ')
    return given.strip() if scheme.lower() == 'bearer' else None


def is_from_elsewhere(environ: Mapping[str, Any]) -> bool:
    """Whether a proxy passed the request on, or a page that is not of this machine made a browser send it."""
    if any(map(environ.get, _FORWARDED)):
        return True
    return 'HTTP_ORIGIN' in environ and not _is_ours(environ['HTTP_ORIGIN'], environ.get('HTTP_HOST', ''))


def _is_ours(origin: str, host: str) -> bool:
    """Whether a page came from here; a name that somebody lets point to this machine is not ours."""
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return parts.netloc == host and is_loopback(parts.hostname or '')


def _read(file: Path) -> str:
    """What the file holds; raises UsageError."""
    try:
        with file.open('rb') as opened:
            found = opened.read(_MOST_BYTES)
    except OSError as error:
        raise UsageError(f'cannot read the token file {file}: {error.strerror}') from error
    return _checked(found.decode('utf-8', 'replace').strip(), str(file))


def _checked(text: str, where: str) -> str:
    if len(text) < SHORTEST:
        raise UsageError(
            f'{where}: a token of {len(text)} characters can be guessed: give {SHORTEST} or more, '
            'for example of `openssl rand -hex 32`'
        )
    if not _ALLOWED.fullmatch(text):
        raise UsageError(f'{where}: a token is one line of A-Z a-z 0-9 . _ ~ + / - with = at the end alone')
    return text


def _warn_of_readers(file: Path) -> None:
    try:
        mode = file.stat().st_mode
    except OSError:
        return
    if mode & (stat.S_IRGRP | stat.S_IROTH):
        log.warning('others than its owner may read the token file %s: chmod 600 it', file)
