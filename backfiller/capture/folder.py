"""A folder on this machine as an origin: what ffmpeg, OBS or nginx-rtmp write HLS into.

The playlist is named by a `file:` URL that a person gave. Nothing outside of its folder is read, and no link
is followed. A file is taken when it is whole: a playlist ends with a whole line, a segment was not written to
since the playlist that names it.
"""

import logging
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import gevent
from gevent.socket import wait_read

from backfiller.capture.origin import Origin, Raw, Text, decoded
from backfiller.push.folder import SUFFIX, Folder
from common.errors import ListingError, SegmentError, SourceError
from common.hls.parts import ByteRange
from common.offload import offload
from common.segment import shown

log = logging.getLogger(__name__)

SCHEME = 'file'
SHORTEST_SECONDS = 0.05
SETTLED_NS = 2_000_000_000
"""A file that was not written to for so long is whole, whenever its playlist was written."""


class FolderOrigin:
    """The folder of the playlist at `url`; what the playlists name on other servers is for `elsewhere`."""

    def __init__(self, url: str, elsewhere: Origin) -> None:
        self.root = Path(path_of(url)).parent
        self._folder = Folder(self.root)
        self._elsewhere = elsewhere
        self._written_ns = 0

    def text(self, url: str, deadline_seconds: float) -> Text:
        if not is_file(url):
            return self._elsewhere.text(url, deadline_seconds)
        try:
            contents = offload(self._folder.read, self._below(url))
        except SegmentError as error:
            raise SourceError(f'{self.root}: {error}') from error
        text = decoded(url, contents.body)
        if not text.endswith('\n') and not text.rstrip().endswith('#EXT-X-ENDLIST'):
            raise ListingError(f'{shown(url)} does not end with a whole line: it is being written')
        self._written_ns = max(self._written_ns, contents.state.mtime_ns)
        return Text(text, url)

    def bytes_of(self, url: str, part: ByteRange | None, deadline_seconds: float) -> Raw:
        if not is_file(url):
            return self._elsewhere.bytes_of(url, part, deadline_seconds)
        path = self._below(url)
        if part is None:
            return Raw(offload(self._whole, path))
        content = offload(self._folder.read_part, path, part.offset, part.length)
        if len(content) < part.length:
            raise SegmentError('truncated', f'{shown(path)} has not the bytes that its playlist promises yet')
        return Raw(content)

    def _whole(self, path: str) -> bytes:
        contents = self._folder.read(path)
        is_young = time.time_ns() - contents.state.mtime_ns < SETTLED_NS
        if is_young and contents.state.mtime_ns > self._written_ns:
            raise SegmentError('truncated', f'{shown(path)} is still being written')
        return contents.body

    def _below(self, url: str) -> str:
        """The path from the folder on; raises SegmentError for what lies outside of it."""
        path = Path(path_of(url))
        if not path.is_relative_to(self.root) or '..' in path.parts or '\0' in str(path):
            raise SegmentError('refused', f'{shown(url)} is refused: it is not in {self.root}')
        return str(path.relative_to(self.root))


def is_file(url: str) -> bool:
    return urlsplit(url).scheme == SCHEME


def path_of(url: str) -> str:
    return unquote(urlsplit(url).path)


def watch(root: Path, tell: Callable[[], None]) -> None:
    """Tells when a playlist in the folder was written or renamed, for as long as the system can say so."""
    try:
        from inotify_simple import INotify, flags
    except ImportError:
        return  # another system than Linux: looking has to do
    mask = flags.CLOSE_WRITE | flags.MOVED_TO | flags.CREATE | flags.ONLYDIR
    folder = Folder(root)
    try:
        with closing(INotify(nonblocking=True)) as inotify:
            while True:
                for path in offload(folder.folders):
                    inotify.add_watch(path, mask)
                tell()
                _follow(inotify, flags, tell)
    except (OSError, ListingError) as error:
        log.info('changes of %s are noticed by looking, not at once: %s', root, error)


def _follow(inotify: Any, flags: Any, tell: Callable[[], None]) -> None:
    """Returns when there is a new folder, or events were lost."""
    while True:
        wait_read(inotify.fileno())
        events = inotify.read(timeout=0)
        if any(mask & (flags.ISDIR | flags.Q_OVERFLOW) for _, mask, _, _ in events):
            return
        if any(name.endswith(SUFFIX) and not mask & flags.CREATE for _, mask, _, name in events):
            tell()
            gevent.sleep(SHORTEST_SECONDS)
