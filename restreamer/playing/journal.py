"""What a live playlist has listed, so that a restart goes on where it was: STORE/.live/STREAM/VARIANT.m3u8.

It is a playlist that only grows, so that each new segment costs a line or three; it is written anew now and
then, from where the window begins, and whenever it is not as we left it: one that lacked something would give
its numbers to others.
"""

import logging
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from common import wire
from common.errors import ListingError
from common.hls import playlist
from common.hls.live import LiveWindow
from common.segment import Segment

FOLDER = '.live'
LEAST_ENTRIES = 1000
"""So many are kept before it is written anew, however short the window is."""

log = logging.getLogger(__name__)


class Journal:
    """The file of one variant. All of it waits for the disk; that it cannot be written is said once."""

    def __init__(self, store: Path, stream: str, variant: str) -> None:
        self._path = store / FOLDER / stream / f'{variant}.m3u8'
        self._entries = 0
        self._size_bytes = 0
        self._refused = False

    def read(self) -> LiveWindow | None:
        """What was listed; None if nothing was, or it cannot be read."""
        try:
            text = self._path.read_text('ascii')
            whole = text[: text.rfind('\n') + 1]
            found = LiveWindow.read(whole, wire.segment_in)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, UnicodeDecodeError, ListingError) as error:
            log.warning('%s: %s; the live playlist begins anew', self._path, error)
            return None
        self._entries, self._size_bytes = len(found.segments), len(whole)
        return found if found.segments else None

    def write(self, window: LiveWindow, new: Sequence[Segment]) -> None:
        """Adds what is new in the window."""
        grown = 0 < self._entries <= max(2 * len(window.segments), LEAST_ENTRIES)
        try:
            if grown and self._is_as_left():
                self._append(window, new)
            else:
                self._begin(window)
        except OSError as error:
            self._entries = 0
            self._note_refused(error)

    def _is_as_left(self) -> bool:
        """Whether the file is there, and neither cut off nor written by another process."""
        with suppress(FileNotFoundError):
            return self._path.stat().st_size == self._size_bytes
        return False

    def _append(self, window: LiveWindow, new: Sequence[Segment]) -> None:
        before = window.segments[-len(new) - 1] if len(new) < len(window.segments) else None
        lines = playlist.media_lines(new, wire.segment_path, breaks=window.breaks, after=before)
        text = ''.join(f'{line}\n' for line in lines)
        with self._path.open('a', encoding='ascii') as file:
            file.write(text)
        self._entries += len(new)
        self._size_bytes += len(text)

    def _begin(self, window: LiveWindow) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        temp = self._path.with_suffix(f'.{os.getpid()}')
        with suppress(FileNotFoundError):
            temp.unlink()
        text = window.playlist(wire.segment_path)
        temp.write_text(text, 'ascii')
        temp.replace(self._path)
        self._entries, self._size_bytes = len(window.segments), len(text)

    def _note_refused(self, error: OSError) -> None:
        if not self._refused:
            log.warning(
                '%s cannot be written: %s; after a restart live players may have to start again',
                self._path,
                error.strerror,
            )
        self._refused = True
