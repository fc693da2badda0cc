"""`mirror --layout hour`: one object an hour, late segments beside it, against a real S3 server."""

import json
from pathlib import Path
from typing import Any

import pytest

from backfiller.mirror.joined import PART_BYTES
from deploy.demo import video
from tests.kit.archive import Archive
from tests.kit.build import HOUR, Piece, files_below, fill, piece, run_of, tombstone_of
from tests.kit.footage import footage
from tests.kit.process import run

OBJECT = f'{HOUR.path}/hour.ts'
LAYOUT = '--layout', 'hour'


@pytest.fixture
def archive(s3_url: str, bucket_url: str) -> Archive:
    return Archive(s3_url, bucket_url)


def large(count: int) -> list[Piece]:
    """Segments of a MB each, so that an hour takes several parts."""
    times = [f'2026-11-14T03:00:{2 * number:02}' for number in range(count)]
    return [piece(time, body=time.encode() * 50_000) for time in times]


def manifest_of(archive: Archive) -> Any:
    return json.loads(archive.read(f'{HOUR.path}/manifest.json'))


def test_an_hour_becomes_one_object_and_comes_back_whole(archive: Archive, tmp_path: Path) -> None:
    pieces = large(20)
    store = fill(tmp_path / 'A', pieces)
    outcome = archive.mirror(store, *LAYOUT)
    assert outcome.wait() == 0, outcome.output
    assert '20 segments put' in outcome.output
    assert archive.paths() == {OBJECT, f'{HOUR.path}/playlist.m3u8', f'{HOUR.path}/manifest.json'}
    assert archive.read(OBJECT) == b''.join(each.body for each in pieces)
    assert archive.head(OBJECT)['ETag'].endswith(f'-{-(-sum(len(p.body) for p in pieces) // PART_BYTES)}"')
    assert archive.verify('--store', store).wait() == 0
    restored = archive.restore(tmp_path / 'B')
    assert restored.wait() == 0, restored.output
    assert run('diff', '-r', store, tmp_path / 'B').output == ''


def test_the_manifest_and_the_playlist_say_where_each_segment_lies(archive: Archive, tmp_path: Path) -> None:
    pieces = [*run_of(3), *run_of(2, '2026-11-14T03:10:00')]
    archive.mirror(fill(tmp_path, pieces), *LAYOUT)
    manifest, body = manifest_of(archive), archive.read(OBJECT)
    assert manifest['layout'] == 'hour'
    assert manifest['object']['size'] == len(body)
    for told, each in zip(manifest['segments'], pieces, strict=True):
        assert body[told['offset'] : told['offset'] + told['size']] == each.body
    playlist = archive.read(f'{HOUR.path}/playlist.m3u8').decode().splitlines()
    assert '#EXT-X-VERSION:4' in playlist
    assert playlist.count('hour.ts') == 5
    assert playlist.count('#EXT-X-DISCONTINUITY') == 1
    assert f'#EXT-X-BYTERANGE:{len(pieces[1].body)}@{len(pieces[0].body)}' in playlist


def test_mirroring_again_sends_nothing(archive: Archive, tmp_path: Path) -> None:
    store = fill(tmp_path, run_of(5))
    archive.mirror(store, *LAYOUT)
    before = archive.head(OBJECT)['LastModified'], archive.read(f'{HOUR.path}/manifest.json')
    assert '0 segments put' in archive.mirror(store, *LAYOUT).output
    assert (archive.head(OBJECT)['LastModified'], archive.read(f'{HOUR.path}/manifest.json')) == before


def test_late_segments_go_beside_the_object(archive: Archive, tmp_path: Path) -> None:
    pieces = run_of(6)
    early = fill(tmp_path / 'A', [*pieces[:2], *pieces[3:]])
    archive.mirror(early, *LAYOUT)
    written = archive.head(OBJECT)['LastModified']
    store = fill(tmp_path / 'A', pieces)
    (store / tombstone_of(pieces[5]).path).touch()
    outcome = archive.mirror(store, *LAYOUT)
    assert outcome.wait() == 0, outcome.output
    assert archive.head(OBJECT)['LastModified'] == written
    assert {pieces[2].path, tombstone_of(pieces[5]).path} <= archive.paths()
    assert [each['name'] for each in manifest_of(archive)['segments']] == [p.name for p in pieces[:5]]
    assert archive.verify('--store', store).wait() == 0
    assert archive.restore(tmp_path / 'B').wait() == 0
    held = files_below(store)
    del held[pieces[5].path]
    assert files_below(tmp_path / 'B') == held


def test_an_object_that_no_manifest_knows_is_taken_if_it_is_what_we_would_send(
    archive: Archive, tmp_path: Path
) -> None:
    store = fill(tmp_path, run_of(5))
    archive.mirror(store, *LAYOUT)
    archive.delete(f'{HOUR.path}/manifest.json')
    written = archive.head(OBJECT)['LastModified']
    outcome = archive.mirror(store, *LAYOUT)
    assert outcome.wait() == 0, outcome.output
    assert '0 segments put' in outcome.output
    assert archive.head(OBJECT)['LastModified'] == written
    assert archive.verify('--store', store).wait() == 0


def test_what_another_node_joined_and_did_not_describe_yet_is_left_alone(
    archive: Archive, tmp_path: Path
) -> None:
    archive.mirror(fill(tmp_path / 'A', run_of(5)), *LAYOUT, '--node-id', 'one')
    archive.delete(f'{HOUR.path}/manifest.json')
    before = archive.read(OBJECT)
    other = archive.mirror(fill(tmp_path / 'B', run_of(7)), *LAYOUT, '--node-id', 'other')
    assert other.wait() == 1
    assert 'whose manifest is awaited' in other.output
    assert archive.read(OBJECT) == before


def test_a_damaged_segment_is_never_sent_inside_an_object(archive: Archive, tmp_path: Path) -> None:
    pieces = run_of(5)
    store = fill(tmp_path, pieces)
    (store / pieces[2].path).write_bytes(pieces[2].body[::-1])
    outcome = archive.mirror(store, *LAYOUT)
    assert outcome.wait() == 1
    assert f'{pieces[2].path} has {len(pieces[2].body)} bytes' in outcome.output
    assert OBJECT not in archive.paths()


def test_a_lost_object_is_found_and_sent_again(archive: Archive, tmp_path: Path) -> None:
    store = fill(tmp_path, run_of(5))
    archive.mirror(store, *LAYOUT)
    archive.delete(OBJECT)
    found = archive.verify()
    assert found.wait() == 1
    assert f'{OBJECT} is missing' in found.output
    assert archive.mirror(store, *LAYOUT).wait() == 0
    assert archive.verify('--store', store).wait() == 0


def test_an_hour_of_real_video_plays_from_one_object(archive: Archive, tmp_path: Path) -> None:
    pieces = [source for source, _ in footage(tmp_path, HOUR.start)]
    assert archive.mirror(fill(tmp_path / 'store', pieces), *LAYOUT).wait() == 0
    assert OBJECT in archive.paths()
    assert video.plays_cleanly(archive.public_url(f'{HOUR.path}/playlist.m3u8')) == ''
