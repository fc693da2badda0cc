"""The live playlist of a variant in the bucket: read back, and written so that it never goes back.

Several nodes may write it. Each goes on from what stands there, and puts its own only over that.
"""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial

from backfiller.live import layout
from backfiller.live.layout import LARGEST_SKEW, Variant
from backfiller.mirror.bucket import Bucket, Text
from common.errors import ListingError, StoreError
from common.hls.live import LiveWindow
from common.segment import Segment

log = logging.getLogger(__name__)

TRIES = 5


class Published:
    """The live playlist of one variant; `length` is how much video it holds."""

    def __init__(
        self, bucket: Bucket, variant: Variant, length: timedelta, clock: Callable[[], datetime]
    ) -> None:
        self._bucket = bucket
        self._variant = variant
        self._path = layout.media_path(variant)
        self._length = length
        self._clock = clock
        self._text: str | None = None
        self._window: LiveWindow | None = None

    def new_of(self, held: Sequence[Segment]) -> list[Segment]:
        """Those of `held` (playable, in order) that are to be listed; asks the bucket only the first time.

        Raises SourceError.
        """
        if self._window is None:
            there = self._bucket.get_version(self._path)
            self._text, self._window = there and there.text, self._continued(there)
        return list(filter(self._usable(self._window).follows, held))

    def publish(self, confirmed: Sequence[Segment]) -> None:
        """Lists segments that are in the bucket, less those that come too late.

        Raises SourceError or StoreError.
        """
        for _ in range(TRIES):
            there = self._bucket.get_version(self._path)
            window = self._continued(there).moved_on(confirmed, self._length)
            text = window.playlist(layout.segment_uri)
            is_there = there is not None and there.text == text
            if is_there or layout.put_playlist(self._bucket, self._path, text, there):
                self._text, self._window = text, window
                return
        raise StoreError(f'{self._bucket.url}: others write {self._path} all the time')

    def _continued(self, there: Text | None) -> LiveWindow:
        """The window to go on from: of what stands there, unless ours is further."""
        ours = self._window or LiveWindow()
        theirs = self._read(there.text) if there and there.text != self._text else None
        return self._usable(theirs if theirs and theirs.next_number >= ours.next_number else ours)

    def _read(self, text: str) -> LiveWindow | None:
        """The window of a playlist in the bucket; None if it is not one of ours."""
        try:
            return LiveWindow.read(text, partial(layout.segment_of, self._variant))
        except ListingError as error:
            log.warning('%s/%s: %s; it is written anew', self._bucket.url, self._path, error)
            return None

    def _usable(self, window: LiveWindow) -> LiveWindow:
        """A window that lists the future would hold up the present: it is abandoned."""
        if window.segments and window.segments[-1].start > self._clock() + LARGEST_SKEW:
            return window.abandoned()
        return window
