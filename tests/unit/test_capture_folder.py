"""A folder as an origin: whole files, and nothing from outside."""

import os
import time
from pathlib import Path

import gevent
import pytest
from gevent.event import Event

from backfiller.capture.folder import FolderOrigin, watch
from backfiller.capture.origin import Raw, Text
from common.errors import ListingError, SegmentError, SourceError
from common.hls.parts import ByteRange


class Nowhere:
    def text(self, url: str, deadline_seconds: float) -> Text:
        return Text('elsewhere', url)

    def bytes_of(self, url: str, part: ByteRange | None, deadline_seconds: float) -> Raw:
        return Raw(b'elsewhere')


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / 'hls'
    root.mkdir()
    (root / 'live.m3u8').write_text('#EXTM3U\n')
    return root


@pytest.fixture
def origin(folder: Path, our_errors_are_told: None) -> FolderOrigin:
    return FolderOrigin((folder / 'live.m3u8').as_uri(), Nowhere())


def later(path: Path, seconds: float) -> None:
    """Written to so long after now."""
    when = time.time() + seconds
    os.utime(path, (when, when))


def test_a_playlist_is_read_when_its_last_line_is_whole(folder: Path, origin: FolderOrigin) -> None:
    url = (folder / 'live.m3u8').as_uri()
    assert origin.text(url, 1) == Text('#EXTM3U\n', url)
    (folder / 'live.m3u8').write_text('#EXTM3U\n#EXTINF:2,\nseg')
    with pytest.raises(ListingError, match='being written'):
        origin.text(url, 1)
    (folder / 'live.m3u8').write_text('#EXTM3U\n#EXT-X-ENDLIST')
    assert origin.text(url, 1).text.endswith('ENDLIST')
    (folder / 'live.m3u8').unlink()
    with pytest.raises(SourceError, match='is not there'):
        origin.text(url, 1)


def test_a_segment_that_is_being_written_is_left_alone(folder: Path, origin: FolderOrigin) -> None:
    segment = folder / 'one.ts'
    segment.write_bytes(b'all')
    later(segment, -1)
    later(folder / 'live.m3u8', 0)
    origin.text((folder / 'live.m3u8').as_uri(), 1)
    assert origin.bytes_of(segment.as_uri(), None, 1).content == b'all'
    later(segment, 0.5)
    with pytest.raises(SegmentError, match='still being written'):
        origin.bytes_of(segment.as_uri(), None, 1)
    later(folder / 'live.m3u8', 1)
    origin.text((folder / 'live.m3u8').as_uri(), 1)
    assert origin.bytes_of(segment.as_uri(), None, 1).content == b'all'


def test_a_part_of_a_growing_file_is_taken_when_it_is_there(folder: Path, origin: FolderOrigin) -> None:
    (folder / 'all.ts').write_bytes(b'0123456789')
    url = (folder / 'all.ts').as_uri()
    assert origin.bytes_of(url, ByteRange(4, 3), 1).content == b'3456'
    with pytest.raises(SegmentError, match='promises'):
        origin.bytes_of(url, ByteRange(4, 8), 1)


@pytest.mark.parametrize('path', ['../secret.ts', '/etc/hostname', 'x/../../secret.ts', '%2e%2e/secret.ts'])
def test_what_lies_outside_is_refused(folder: Path, origin: FolderOrigin, path: str) -> None:
    (folder.parent / 'secret.ts').write_bytes(b'secret')
    url = f'file://{path}' if path.startswith('/') else f'{folder.as_uri()}/{path}'
    with pytest.raises(SegmentError, match='refused'):
        origin.bytes_of(url, None, 1)


def test_what_is_on_a_server_is_asked_for_there(origin: FolderOrigin) -> None:
    assert origin.bytes_of('http://origin/x.ts', None, 1).content == b'elsewhere'
    assert origin.text('http://origin/x.m3u8', 1).text == 'elsewhere'


@pytest.mark.parametrize('sub', ['', 'new'])
def test_a_playlist_that_is_renamed_into_the_folder_is_told_of(folder: Path, sub: str) -> None:
    told = Event()
    watching = gevent.spawn(watch, folder, told.set)
    try:
        assert told.wait(10)
        told.clear()
        (folder / sub).mkdir(exist_ok=True)
        if sub:
            assert told.wait(10)
            told.clear()
        (folder / 'temp').write_text('#EXTM3U\n')
        (folder / 'temp').rename(folder / sub / 'live.m3u8')
        assert told.wait(10)
    finally:
        watching.kill()
