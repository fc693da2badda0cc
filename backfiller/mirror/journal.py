"""Which multipart uploads this node has begun and not ended: a private file in the store.

S3 lists open uploads without saying whose they are, so this is how we know ours again after a crash, to go on
with them or to abort them, and how we never touch anybody else's.
"""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from common.atomic import AtomicFolder
from common.errors import StoreError

log = logging.getLogger(__name__)

NAME = '.uploads.json'


@dataclass(frozen=True)
class Entry:
    """An upload for one path, of the segments with this fingerprint.

    The `upload_id` is empty from just before S3 is asked for one until it is known. An upload for the path
    that is not among the `others`, which were open then, is the one that was asked for.
    """

    fingerprint: str
    upload_id: str = ''
    others: Sequence[str] = ()


class Journal:
    """The entries by path; each change is on disk before the call returns. All calls block."""

    def __init__(self, store: Path) -> None:
        self._store = store
        self._folder = AtomicFolder(store)

    def entries(self) -> dict[str, Entry]:
        """All entries; a file that cannot be read counts as empty, and what it held is not touched."""
        try:
            document = json.loads((self._store / NAME).read_text())
            return {str(path): _entry(each) for path, each in document.items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, AttributeError, KeyError, TypeError) as error:
            log.warning('%s is damaged: uploads that it named stay open in the bucket (%s)', NAME, error)
            return {}

    def note(self, path: str, entry: Entry) -> None:
        self._write({**self.entries(), path: entry})

    def forget(self, path: str) -> None:
        entries = self.entries()
        if not entries.pop(path, None):
            return
        if entries:
            self._write(entries)
        else:
            (self._store / NAME).unlink(missing_ok=True)

    def _write(self, entries: Mapping[str, Entry]) -> None:
        text = json.dumps({path: asdict(entry) for path, entry in entries.items()}, indent=1)
        with self._folder.group() as group:
            try:
                group.write(self._store, NAME, [text.encode()])
                (error,) = group.commit()
            except OSError as problem:
                error = problem
        if error:
            raise StoreError(f'cannot write {NAME}: {error.strerror or error}') from error


def _entry(each: Mapping[str, object]) -> Entry:
    others = each['others']
    if not isinstance(others, list):
        raise TypeError('others is no list')
    return Entry(str(each['fingerprint']), str(each['upload_id']), tuple(map(str, others)))
