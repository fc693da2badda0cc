"""The horizon: up to which hour each variant was let go here, so that it is not fetched back.

STORE/.horizon.json: {"version": 1, "let_go": {"bus/source": "2026-11-14T03", ...}}

It is brought to disk before an hour is let go. Who wants old hours fetched again deletes the file.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from common.atomic import AtomicFolder
from common.errors import ListingError, SegmentError, StoreError
from common.segment import Hour

NAME = '.horizon.json'
VERSION = 1

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Horizon:
    """The horizon of the store in the folder `root`; empty until it is loaded. Its calls block."""

    def __init__(self, root: Path) -> None:
        self.newest: Mapping[str, str] = {}
        """The newest hour that was let go of each variant: `bus/source` -> `2026-11-14T03`."""
        self._root = root
        self._path = root / NAME

    def admits(self, hour: Hour) -> bool:
        """Whether the hour is newer than what was let go."""
        return hour.text > self.newest.get(_variant(hour), '')

    def load(self) -> None:
        """Reads the file; raises ListingError if it cannot be used, and then keeps what was known."""
        try:
            self.newest = decode(self._read())
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise ListingError(
                f'{self._path} cannot be used: {reason}. Mend it; if you delete it, what peers still have of '
                'the hours that were let go is fetched again'
            ) from error

    def advance(self, hour: Hour) -> None:
        """Notes durably that the hour is let go; raises StoreError if that cannot be written."""
        if not self.admits(hour):
            return
        newest = {**self.newest, _variant(hour): hour.text}
        try:
            with AtomicFolder(self._root).group() as group:
                group.write(self._root, NAME, [encode(newest)])
                (error,) = group.commit()
        except OSError as failure:
            error = failure
        if error:
            raise StoreError(f'cannot write {self._path}: {error.strerror or error}; nothing is let go')
        self.newest = newest

    def _read(self) -> bytes:
        try:
            handle = os.open(self._path, _READ)
        except FileNotFoundError:
            return encode({})
        with os.fdopen(handle, 'rb') as file:
            return file.read()


def encode(newest: Mapping[str, str]) -> bytes:
    return (json.dumps({'version': VERSION, 'let_go': newest}, indent=1, sort_keys=True) + '\n').encode()


def decode(text: bytes) -> dict[str, str]:
    """Reads what `encode` wrote; raises ValueError for anything else."""
    try:
        document = json.loads(text)
        if document['version'] != VERSION:
            raise ValueError(f'version {document["version"]!r} is not {VERSION}')
        found = [_hour(variant, text) for variant, text in document['let_go'].items()]
    except (KeyError, TypeError, AttributeError, RecursionError, SegmentError) as error:
        raise ValueError(f'it is damaged ({error})') from None
    return {_variant(hour): hour.text for hour in found}


def _hour(variant: str, text: str) -> Hour:
    stream, _, name = variant.partition('/')
    return Hour.parse(stream, name, text)


def _variant(hour: Hour) -> str:
    return f'{hour.stream}/{hour.variant}'
