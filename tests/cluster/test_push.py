"""`backfiller push` of encoders' folders, one stepped through by the test and one real, to a real bucket."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from common.hls import playlist_reader
from deploy.demo import video
from tests.kit.archive import Archive
from tests.kit.live import LivePlaylist
from tests.kit.process import Process, eventually, run, running


@pytest.fixture
def archive(s3_url: str, bucket_url: str) -> Archive:
    return Archive(s3_url, bucket_url)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / 'out'
    made.mkdir()
    return made


@contextmanager
def pushing(folder: Path, archive: Archive, *args: str) -> Iterator[Process]:
    with running('backfiller', 'push', folder, *archive.flags, *args) as process:
        yield process


def named(archive: Archive, path: str) -> list[str]:
    """What the playlist in the bucket names, all of which is there; nothing if it is not there itself."""
    there = archive.paths()
    if path not in there:
        return []
    uris = [entry.uri for entry in playlist_reader.parse_media(archive.read(path).decode(), '').entries]
    assert set(uris) <= archive.paths()
    return uris


def test_a_player_follows_an_encoder_that_starts_again_under_the_same_names(
    archive: Archive, folder: Path
) -> None:
    live = LivePlaylist(folder)
    with pushing(folder, archive) as process:
        for number in range(4):
            live.step()
            newest = f'source-{number}.ts'
            eventually(lambda newest=newest: named(archive, 'source.m3u8')[-1:] == [newest])  # type: ignore[misc]
        assert [archive.read(f'source-{number}.ts') for number in range(4)] == live.bodies
        again = LivePlaylist(folder)
        again.step(2, body=b'another video')
        eventually(lambda: named(archive, 'source.m3u8') == ['source-0.ts', 'source-1.ts'])
        assert archive.read('source-1.ts') == b'another video'
        assert archive.head('source-1.ts')['CacheControl'] == 'public, max-age=1'
        assert archive.head('source-3.ts')['CacheControl'] == 'public, max-age=86400'
        assert archive.head('source-3.ts')['ContentType'] == 'video/mp2t'
        assert process.stop() == 0, process.output
    assert 'temp' not in archive.paths()


def test_what_is_left_undone_at_the_end_is_said(archive: Archive, folder: Path) -> None:
    (folder / 'link.ts').symlink_to('/etc/hostname')
    (folder / 'bad.m3u8').write_text(
        '#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nlink.ts\n#EXT-X-ENDLIST\n'
    )
    outcome = run('backfiller', 'push', folder, *archive.flags, '--once')
    assert outcome.wait() == 1
    assert outcome.lines[-1] == "'bad.m3u8' waits: 'link.ts' is refused: links are not followed"
    assert archive.paths() == set()


def test_old_segments_are_deleted_where_that_was_asked_for(archive: Archive, folder: Path) -> None:
    live = LivePlaylist(folder, window=1)
    live.step()
    with pushing(folder, archive, '--delete-old'):
        eventually(lambda: named(archive, 'source.m3u8'))
        live.step()
        eventually(lambda: archive.paths() == {'source.m3u8', 'source-1.ts'})


def test_a_bucket_that_is_not_there_is_one_clear_line(s3_url: str, folder: Path) -> None:
    LivePlaylist(folder).step()
    flags = ['--bucket', 's3://no-such-bucket/x', '--endpoint-url', s3_url, '--once']
    outcome = run('backfiller', 'push', folder, *flags)
    assert outcome.wait() == 1
    expected = 'error: s3://no-such-bucket/x: the bucket does not exist: make it, or correct its name'
    assert outcome.lines[-1] == expected


def test_a_real_encoder_is_pushed_and_plays_from_the_bucket(archive: Archive, folder: Path) -> None:
    command = ['env', '-C', folder, *video.live_command()]
    with pushing(folder, archive, '--once') as process, running(*command) as encoder:
        eventually(lambda: len(named(archive, 'source.m3u8')) >= 2)
        assert video.plays_cleanly(archive.public_url('master.m3u8'), seconds=3) == ''
        encoder.stop()
        assert process.wait() == 0, process.output
    for variant in ('source', '180p'):
        assert b'#EXT-X-ENDLIST' in archive.read(f'{variant}.m3u8')
        assert video.plays_cleanly(archive.public_url(f'{variant}.m3u8')) == ''
    assert {path.rpartition('.')[2] for path in archive.paths()} == {'ts', 'm3u8'}
