"""The certificate of a server of ours, TLS 1.2 or newer, read again when its files change."""

import logging
import ssl
import time
from collections.abc import Callable
from pathlib import Path

from common.errors import UsageError
from common.filestate import file_state

LOOK_SECONDS = 1.0

log = logging.getLogger(__name__)


class Certificate:
    """Chain and key from PEM files. New ones serve what connects after that; bad ones change nothing."""

    def __init__(self, chain: Path, key: Path, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Raises UsageError if they cannot be used."""
        self._chain = chain
        self._key = key
        self._monotonic = monotonic
        self._look_at = monotonic() + LOOK_SECONDS
        self._states = self._state()
        self.context = self._load()

    @classmethod
    def of(cls, chain: Path | None, key: Path | None) -> 'Certificate | None':
        """None if there is neither; raises UsageError if there is one alone."""
        if chain and key:
            return cls(chain, key)
        if chain or key:
            raise UsageError('TLS needs both: give tls_certificate and tls_key')
        return None

    def renew(self) -> None:
        """Looks for new files, at most once a second."""
        if self._monotonic() < self._look_at:
            return
        self._look_at = self._monotonic() + LOOK_SECONDS
        if (state := self._state()) == self._states:
            return
        self._states = state
        try:
            self._load()  # aside first: half of a new pair must not get into what is in use
            self.context.load_cert_chain(self._chain, self._key, password=_no_password)
        except (UsageError, OSError) as error:
            log.warning('%s; the certificate stays as it was', error)
        else:
            log.info('%s was read again', self._chain)

    def _load(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.load_cert_chain(self._chain, self._key, password=_no_password)
        except (OSError, ValueError) as error:
            why = getattr(error, 'reason', None) or getattr(error, 'strerror', None) or error
            raise UsageError(
                f'cannot use tls_certificate {self._chain} with tls_key {self._key}: {why}; '
                'give PEM files that belong together, the key without a password'
            ) from error
        return context

    def _state(self) -> object:
        """What changes when a file does."""
        return file_state(self._chain), file_state(self._key)


def _no_password() -> str:
    """A key that is encrypted would else be asked for at the terminal."""
    return ''
