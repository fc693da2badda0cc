"""Pushing a real folder to a bucket in memory: what goes when, what is sent again, what is refused."""

import os
import time
from pathlib import Path

import pytest

from backfiller.push import pusher as module
from backfiller.push.folder import Folder
from backfiller.push.pusher import Pusher, PushResult
from backfiller.push.shelf import LONG, PASSING, SHORT, Shelf, content_type
from common.errors import ListingError, SegmentError, StoreError
from tests.kit.objects import Objects

OLD_NS = time.time_ns() - 3600 * 10**9


class Encoder:
    """An output folder and its pusher; each write is a second after the last one, long ago."""

    def __init__(self, root: Path, *, delete_old: bool = False) -> None:
        root.mkdir()
        self.root = root
        self.objects = Objects()
        self.now = 0.0
        self._written_ns = OLD_NS
        self._delete_old = delete_old
        self.restart()

    def restart(self) -> None:
        folder = Folder(self.root, limit_bytes=10_000)
        shelf = Shelf(folder, self.objects.bucket, passing=self._delete_old)
        self.pusher = Pusher(folder, shelf, delete_old=self._delete_old, monotonic=lambda: self.now)

    def write(self, path: str, body: str) -> None:
        target = self.root / path
        target.parent.mkdir(exist_ok=True)
        target.write_text(body)
        self._written_ns += 10**9
        os.utime(target, ns=(self._written_ns, self._written_ns))

    def segment(self, name: str, body: str = '') -> None:
        self.write(name, body or f'video of {name}')

    def live(self, *uris: str, path: str = 'live.m3u8', end: str = '') -> None:
        lines = ''.join(f'#EXTINF:2.0,\n{uri}\n' for uri in uris)
        self.write(path, f'#EXTM3U\n#EXT-X-TARGETDURATION:2\n{lines}{end}')

    def push(self) -> list[str]:
        """What was put by a pass, in order."""
        self.objects.order.clear()
        self.result: PushResult = self.pusher.run()
        return list(self.objects.order)


@pytest.fixture
def encoder(tmp_path: Path) -> Encoder:
    return Encoder(tmp_path / 'out')


def test_files_go_first_then_their_playlist_then_the_master(encoder: Encoder) -> None:
    encoder.write('master.m3u8', '#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nsub/live.m3u8\n')
    encoder.segment('sub/a.ts')
    encoder.segment('sub/b.ts')
    encoder.live('a.ts', 'b.ts', path='sub/live.m3u8')
    put = encoder.push()
    assert sorted(put[:2]) == ['sub/a.ts', 'sub/b.ts']
    assert put[2:] == ['sub/live.m3u8', 'master.m3u8']
    assert encoder.objects.there['sub/a.ts'][1:] == ('video/mp2t', LONG)
    assert encoder.objects.there['master.m3u8'][1:] == ('application/vnd.apple.mpegurl', SHORT)
    asked = encoder.objects.asked
    assert encoder.push() == []
    assert encoder.objects.asked == asked


def test_what_no_playlist_names_is_not_put(encoder: Encoder) -> None:
    encoder.segment('a.ts')
    encoder.segment('b.ts')
    encoder.live('a.ts')
    assert encoder.push() == ['a.ts', 'live.m3u8']
    encoder.live('a.ts', 'b.ts')
    assert encoder.push() == ['b.ts', 'live.m3u8']


def test_a_playlist_waits_for_its_files_and_is_told_of_when_it_takes_long(
    encoder: Encoder, caplog: pytest.LogCaptureFixture
) -> None:
    encoder.segment('a.ts')
    encoder.live('a.ts', 'b.ts')
    assert encoder.push() == ['a.ts']
    assert encoder.result.undone == ("'live.m3u8' waits: 'b.ts' is not there",)
    assert caplog.messages == []
    encoder.now += module.TELL_SECONDS
    assert encoder.push() == encoder.push() == []
    assert caplog.messages == ["'live.m3u8' waits: 'b.ts' is not there"]
    encoder.segment('b.ts')
    encoder.live('a.ts', 'b.ts')
    assert encoder.push() == ['b.ts', 'live.m3u8']


def test_a_name_that_is_used_again_is_sent_again_with_a_short_cache(encoder: Encoder) -> None:
    encoder.segment('0.ts')
    encoder.live('0.ts')
    encoder.push()
    encoder.segment('0.ts', 'another video')
    encoder.live('0.ts')
    assert encoder.push() == ['0.ts']
    assert encoder.objects.there['0.ts'][::2] == (b'another video', SHORT)


def test_a_file_that_was_only_touched_is_not_sent_again(encoder: Encoder) -> None:
    encoder.segment('0.ts')
    encoder.live('0.ts')
    encoder.push()
    encoder.segment('0.ts')
    encoder.live('0.ts')
    assert encoder.push() == []


def test_a_pusher_that_starts_again_sends_only_what_is_not_there(encoder: Encoder) -> None:
    for name in ('0.ts', '1.ts', '2.ts'):
        encoder.segment(name)
    encoder.live('0.ts', '1.ts', '2.ts')
    encoder.push()
    encoder.restart()
    (encoder.root / '0.ts').unlink()
    encoder.segment('1.ts', 'another video')
    encoder.live('0.ts', '1.ts', '2.ts')
    assert encoder.push() == ['1.ts', 'live.m3u8']
    assert encoder.objects.there['1.ts'].cache_control == SHORT


def test_a_file_that_is_being_written_anew_is_left_alone_for_a_while(encoder: Encoder) -> None:
    encoder.segment('0.ts')
    encoder.live('0.ts')
    encoder.push()
    (encoder.root / '0.ts').write_text('another vid')
    assert encoder.push() == []
    assert encoder.result.undone == ()
    encoder.segment('0.ts', 'another video')
    assert encoder.push() == ['0.ts']


def test_a_playlist_that_was_written_just_now_is_read_in_a_moment(encoder: Encoder) -> None:
    encoder.segment('0.ts')
    encoder.live('0.ts')
    later = time.time_ns() + 10**8
    encoder.pusher._clock_ns = lambda: later
    os.utime(encoder.root / 'live.m3u8', ns=(later - 10**6, later - 10**6))
    assert encoder.push() == []
    assert encoder.result.hasty
    later += 10**9
    assert encoder.push() == ['0.ts', 'live.m3u8']


@pytest.mark.parametrize(
    'uri', ['../secret.ts', '/etc/hostname', 'link.ts', 'folder/secret.ts', 'pipe.ts', 'dir.ts']
)
def test_what_lies_elsewhere_is_refused_and_said(
    encoder: Encoder, uri: str, caplog: pytest.LogCaptureFixture
) -> None:
    (encoder.root.parent / 'secret.ts').write_text('secret')
    (encoder.root / 'link.ts').symlink_to('../secret.ts')
    (encoder.root / 'folder').symlink_to('..')
    os.mkfifo(encoder.root / 'pipe.ts')
    (encoder.root / 'dir.ts').mkdir()
    encoder.segment('0.ts')
    encoder.live('0.ts', uri)
    encoder.push()
    encoder.push()
    assert set(encoder.objects.there) <= {'0.ts'}
    assert len(caplog.messages) == 1
    assert "'live.m3u8' waits" in caplog.messages[0]


def test_a_playlist_that_is_a_link_is_refused_and_said(
    encoder: Encoder, caplog: pytest.LogCaptureFixture
) -> None:
    (encoder.root.parent / 'other.m3u8').write_text('#EXTM3U\n#EXT-X-TARGETDURATION:2\n')
    (encoder.root / 'live.m3u8').symlink_to('../other.m3u8')
    assert encoder.push() == []
    assert caplog.messages == ["'live.m3u8' is refused: links are not followed"]


def test_it_has_ended_when_every_media_playlist_has(encoder: Encoder) -> None:
    encoder.push()
    assert not encoder.result.ended
    encoder.segment('0.ts')
    encoder.live('0.ts', end='#EXT-X-ENDLIST\n')
    encoder.live('0.ts', path='other.m3u8')
    encoder.push()
    assert not encoder.result.ended
    encoder.live('0.ts', path='other.m3u8', end='#EXT-X-ENDLIST\n')
    encoder.push()
    assert encoder.result == PushResult(ended=True, hasty=False, undone=())


def test_what_can_never_be_put_does_not_keep_it_from_ending(encoder: Encoder) -> None:
    encoder.live('0.ts', end='#EXT-X-ENDLIST\n')
    encoder.write('broken.m3u8', 'nonsense')
    encoder.write('master.m3u8', '#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nlive.m3u8\n')
    encoder.push()
    assert encoder.result.ended
    assert len(encoder.result.undone) == 3


def test_old_files_are_deleted_only_when_asked_for_and_when_nobody_needs_them(tmp_path: Path) -> None:
    for delete_old in (False, True):
        encoder = Encoder(tmp_path / str(delete_old), delete_old=delete_old)
        for number in range(4):
            encoder.segment(f'{number}.ts')
        encoder.live('0.ts', '1.ts')
        encoder.push()
        encoder.live('2.ts', '3.ts')
        encoder.push()
        encoder.now += 5.9
        encoder.push()
        assert {'0.ts', '1.ts'} <= set(encoder.objects.there)
        encoder.now += 0.1
        encoder.push()
        assert ({'0.ts', '1.ts'} <= set(encoder.objects.there)) is not delete_old
        assert {'2.ts', '3.ts', 'live.m3u8'} <= set(encoder.objects.there)
        assert encoder.objects.there['2.ts'].cache_control == (PASSING if delete_old else LONG)


def test_a_bucket_that_fails_loses_nothing(encoder: Encoder) -> None:
    encoder.segment('0.ts')
    encoder.segment('1.ts')
    encoder.live('0.ts', '1.ts')
    encoder.objects.fails = lambda path: path == '1.ts'
    with pytest.raises(StoreError):
        encoder.push()
    assert 'live.m3u8' not in encoder.objects.there
    encoder.objects.fails = lambda _: False
    encoder.push()
    assert set(encoder.objects.there) == {'0.ts', '1.ts', 'live.m3u8'}


def test_too_large_a_file_and_a_folder_that_is_gone_are_errors_of_ours(
    encoder: Encoder, tmp_path: Path
) -> None:
    encoder.write('big.ts', 'x' * 10_001)
    with pytest.raises(SegmentError, match='more than is allowed'):
        Folder(encoder.root, limit_bytes=10_000).read('big.ts')
    with pytest.raises(ListingError, match='cannot list'):
        Folder(tmp_path / 'nowhere').playlists()


def test_hidden_playlists_and_folders_are_left_out(encoder: Encoder) -> None:
    encoder.live(path='.hidden.m3u8')
    encoder.live(path='.git/live.m3u8')
    assert encoder.push() == []


def test_content_types_are_told_by_suffixes() -> None:
    paths = ['a.m3u8', 'a.ts', 'a.m4s', 'b/a.MP4', 'a.vtt', 'a.aac', 'key.bin']
    assert [content_type(path) for path in paths] == [
        'application/vnd.apple.mpegurl', 'video/mp2t', 'video/mp4', 'video/mp4', 'text/vtt', 'audio/aac',
        'application/octet-stream',
    ]  # fmt: skip
