"""The files of a folder in a bucket, under the same paths: what was sent, and what has to be sent again."""

import time
from collections.abc import Callable, Sequence
from pathlib import PurePosixPath
from typing import NamedTuple

from gevent.lock import BoundedSemaphore

from backfiller.mirror.bucket import Bucket
from backfiller.push.folder import Contents, Folder, State
from common.errors import SegmentError
from common.hls import playlist
from common.offload import offload
from common.segment import shown

CONTENT_TYPES = {
    '.m3u8': playlist.CONTENT_TYPE,
    '.ts': 'video/mp2t',
    '.m4s': 'video/mp4',
    '.mp4': 'video/mp4',
    '.vtt': 'text/vtt',
    '.aac': 'audio/aac',
}
SHORT = 'public, max-age=1'
PASSING = 'public, max-age=60'
LONG = 'public, max-age=86400'
"""A day and not for ever: an encoder that starts again may use a name again."""

SETTLED_NS = 2_000_000_000
UPLOADS = 8


class _Sent(NamedTuple):
    state: State
    sha256: str


class Shelf:
    """Puts files of the folder into the bucket; `passing` ones are going to be deleted there."""

    def __init__(
        self,
        folder: Folder,
        bucket: Bucket,
        *,
        passing: bool = False,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self.count = 0
        self._folder = folder
        self._bucket = bucket
        self._cache_control = PASSING if passing else LONG
        self._clock_ns = clock_ns
        self._sent: dict[str, _Sent] = {}
        self._turns = BoundedSemaphore(UPLOADS)

    def lacking(self, paths: Sequence[str]) -> list[str]:
        """Those of the files that were not sent as they are now."""
        return offload(lambda: [path for path in paths if not self._is_as_sent(path)])

    def bring(self, path: str, named: State) -> None:
        """Makes sure that the file is there as it is now, of which a playlist says so that was `named` then.

        Raises SegmentError, `truncated` if it is still being written, StoreError or SourceError.
        """
        with self._turns:
            try:
                state = offload(self._folder.state, path)
                if self._is_due(path, state, named):
                    self._bring(path, offload(self._folder.read, path))
            except SegmentError as error:
                if error.reason != 'missing' or not self._is_there(path):
                    raise

    def put_playlist(self, path: str, body: bytes) -> None:
        """Raises SegmentError or StoreError."""
        self._bucket.put_file(path, body, content_type=content_type(path), cache_control=SHORT)

    def forget(self, path: str) -> None:
        """The file is not named any more."""
        self._sent.pop(path, None)

    def delete(self, path: str) -> None:
        """Raises SegmentError or StoreError."""
        self._bucket.delete(path)

    def _is_as_sent(self, path: str) -> bool:
        """Also if it went from the folder since; waits for the disk."""
        sent = self._sent.get(path)
        if not sent:
            return False
        try:
            return self._folder.state(path) == sent.state
        except SegmentError as error:
            return error.reason == 'missing'

    def _is_due(self, path: str, state: State, named: State) -> bool:
        """Whether it may be sent; one that is being written anew is left alone for a while."""
        sent = self._sent.get(path)
        if state.mtime_ns > named.mtime_ns and self._clock_ns() - state.mtime_ns < SETTLED_NS:
            if not sent:
                raise SegmentError('truncated', f'{shown(path)} is still being written')
            return False
        return True

    def _bring(self, path: str, contents: Contents) -> None:
        sent = self._sent.get(path)
        there = sent.sha256 if sent else self._bucket.sha256_of(path)
        if there != contents.sha256:
            cache_control = self._cache_control if there is None else SHORT
            self._bucket.put_file(
                path, contents.body, content_type=content_type(path), cache_control=cache_control
            )
            self.count += 1
        self._sent[path] = _Sent(contents.state, contents.sha256)

    def _is_there(self, path: str) -> bool:
        """Whether it was sent before it went from the folder, by us or by who pushed before."""
        return path in self._sent or self._bucket.sha256_of(path) is not None


def content_type(path: str) -> str:
    return CONTENT_TYPES.get(PurePosixPath(path).suffix.lower(), 'application/octet-stream')
