"""How a node knows itself among its peers."""

import hashlib
import socket
from pathlib import Path

from common.errors import UsageError


def node_id(configured: str, store: Path) -> str:
    """The configured id, or one made of this machine and the store folder.

    Restreamer and backfiller of a node share the store, so both find the same id; nothing is written to
    the store for it, so two stores that hold the same segments stay equal file by file. Raises UsageError
    if the store cannot be made or read.
    """
    if configured:
        return configured
    try:
        store.mkdir(parents=True, exist_ok=True)
        folder = store.stat()
    except OSError as error:
        raise UsageError(f'the store {store} cannot be used: {error.strerror}') from error
    parts = (socket.gethostname(), _machine(), str(folder.st_dev), str(folder.st_ino))
    return hashlib.sha256('\n'.join(parts).encode()).hexdigest()[:16]


def _machine() -> str:
    try:
        return Path('/etc/machine-id').read_text().strip()
    except OSError:
        return ''
