"""Pushes an encoder's folder to a bucket: files, then the playlists that name them, then the masters."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from backfiller.push.folder import Folder, State
from backfiller.push.named import Named, read
from backfiller.push.rolled import RolledOff
from backfiller.push.shelf import SETTLED_NS, UPLOADS, Shelf
from backfiller.together import together
from common.errors import ListingError, SegmentError
from common.offload import offload
from common.segment import shown

log = logging.getLogger(__name__)

TELL_SECONDS = 5.0
"""A playlist that has to wait for its files for longer than this is told of."""

YOUNG_NS = 50_000_000
"""A playlist that was written to a moment ago may be only half of what it is going to be."""

MOST_AT_ONCE = 16
_PASSING = ('truncated', 'missing')


@dataclass(frozen=True)
class _Playlist:
    """A playlist as it was read."""

    path: str
    state: State
    body: bytes
    named: Named


@dataclass(frozen=True)
class PushResult:
    """What a pass came to: `ended` if no playlist will change any more, `hasty` if one may in a moment."""

    ended: bool
    hasty: bool
    undone: tuple[str, ...]


class Pusher:
    """Pushes what is new, pass by pass."""

    def __init__(
        self,
        folder: Folder,
        shelf: Shelf,
        *,
        delete_old: bool = False,
        clock_ns: Callable[[], int] = time.time_ns,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder = folder
        self._shelf = shelf
        self._delete_old = delete_old
        self._clock_ns = clock_ns
        self._monotonic = monotonic
        self._playlists: dict[str, _Playlist] = {}
        self._put: dict[str, bytes] = {}
        self._waits: dict[str, float] = {}
        self._rolled = RolledOff()

    def run(self) -> PushResult:
        """One pass. Raises ListingError, SegmentError, StoreError or SourceError."""
        unread = self._read_all()
        media = [each for each in self._playlists.values() if not each.named.is_master]
        masters = [each for each in self._playlists.values() if each.named.is_master]
        pushed = together([partial(self._push, each) for each in media], at_most=MOST_AT_ONCE)
        troubles = [*unread, *filter(None, pushed)]
        undone = [*troubles, *filter(None, map(self._push, masters))]
        self._tidy()
        hasty = any(error.reason == 'truncated' for error in troubles)
        ended = bool(media) and all(each.named.ended for each in media) and not hasty
        return PushResult(ended, hasty, tuple(map(str, undone)))

    def _read_all(self) -> list[SegmentError]:
        """Reads the playlists that changed; returns why some cannot be read now."""
        found = offload(self._folder.playlists)
        self._playlists = {path: each for path, each in self._playlists.items() if path in found.states}
        troubles = dict(found.refused)
        for path, state in sorted(found.states.items()):
            known = self._playlists.get(path)
            if known and known.state == state:
                continue
            try:
                self._playlists[path] = self._read(path, state)
            except SegmentError as error:
                troubles[path] = error
        for path, trouble in troubles.items():
            self._tell(path, trouble)
        return list(troubles.values())

    def _read(self, path: str, state: State) -> _Playlist:
        """Raises SegmentError: `truncated` if it may become a playlist yet."""
        age = self._clock_ns() - state.mtime_ns
        if 0 <= age < YOUNG_NS:
            raise SegmentError('truncated', f'{shown(path)} is still being written')
        contents = offload(self._folder.read, path)
        try:
            named = read(path, contents.body.decode('utf-8', 'replace'))
        except ListingError as error:
            raise SegmentError('truncated' if age < SETTLED_NS else 'unreadable', str(error)) from error
        return _Playlist(path, contents.state, contents.body, named)

    def _push(self, playlist: _Playlist) -> SegmentError | None:
        """Brings all that the playlist names, and then puts it; returns why it has to wait, if it has to."""
        path, named = playlist.path, playlist.named
        try:
            self._check(path, named)
            self._bring_all(playlist)
            if self._put.get(path) != playlist.body:
                self._shelf.put_playlist(path, playlist.body)
                self._put[path] = playlist.body
                self._rolled.note(path, named.files, named.seconds, self._monotonic())
        except SegmentError as error:
            self._tell(path, error)
            return error
        self._waits.pop(path, None)
        return None

    def _check(self, path: str, named: Named) -> None:
        """Raises SegmentError for what must not, or cannot yet, be named in public."""
        if named.refused:
            raise SegmentError('refused', f'{shown(path)} waits: {named.refused[0]} leads out of the folder')
        for other in named.playlists:
            if other not in self._put:
                raise SegmentError('missing', f'{shown(path)} waits: {shown(other)} was not put yet')

    def _bring_all(self, playlist: _Playlist) -> None:
        """Raises SegmentError if any of the files cannot be brought; the others are, all the same."""
        files = self._shelf.lacking(playlist.named.files)
        jobs = [partial(self._bring, file, playlist.state) for file in files]
        for error in filter(None, together(jobs, at_most=UPLOADS)):
            raise SegmentError(error.reason, f'{shown(playlist.path)} waits: {error}')

    def _bring(self, file: str, state: State) -> SegmentError | None:
        try:
            self._shelf.bring(file, state)
        except SegmentError as error:
            return error
        return None

    def _tidy(self) -> None:
        """Forgets, and perhaps deletes, what rolled off the playlists long enough ago."""
        for file in self._rolled.due(self._monotonic()):
            if self._delete_old:
                self._shelf.delete(file)
            self._shelf.forget(file)
            self._rolled.gone(file)

    def _tell(self, path: str, error: SegmentError) -> None:
        """Says once why a playlist waits: at once, or when what passes by itself has not."""
        now = self._monotonic()
        since = self._waits.setdefault(path, now)
        if since >= 0 and (error.reason not in _PASSING or now - since >= TELL_SECONDS):
            log.warning('%s', error)
            self._waits[path] = -1.0
