"""`backfiller mirror`, `verify` and `restore` against a real S3 server."""

import json
from pathlib import Path
from typing import Any

import pytest

from deploy.demo import video
from tests.kit.archive import Archive
from tests.kit.build import HOUR, Piece, files_below, fill, piece, run_of, tombstone_of
from tests.kit.process import backfiller as backfilling
from tests.kit.process import eventually, get, metrics, restreamer, run, running


@pytest.fixture
def archive(s3_url: str, bucket_url: str) -> Archive:
    return Archive(s3_url, bucket_url)


@pytest.fixture
def pieces() -> list[Piece]:
    return [*run_of(30), *run_of(10, '2026-11-14T03:10:00'), *run_of(12, variant='480p')]


def test_mirror_verify_damage_repair_restore(archive: Archive, tmp_path: Path, pieces: list[Piece]) -> None:
    store = fill(tmp_path / 'A', pieces)
    first = archive.mirror(store)
    assert first.wait() == 0, first.output
    assert '52 segments put' in first.output
    assert archive.verify('--store', store).wait() == 0

    archive.delete(pieces[3].path)
    archive.put(pieces[7].path, pieces[7].body[:5])
    found = archive.verify()
    assert found.wait() == 1
    assert f'{pieces[3].path} is missing' in found.output
    assert f'{pieces[7].path} has 5 bytes instead of {len(pieces[7].body)}' in found.output
    assert '2 problems' in found.output

    repaired = archive.mirror(store)
    assert repaired.wait() == 0, repaired.output
    assert '2 segments put' in repaired.output
    assert archive.verify().wait() == 0

    restored = archive.restore(tmp_path / 'B')
    assert restored.wait() == 0, restored.output
    assert files_below(tmp_path / 'B') == files_below(store)
    assert run('diff', '-r', store, tmp_path / 'B').output == ''


def test_the_manifest_says_what_is_there_and_what_is_missing(
    archive: Archive, tmp_path: Path, pieces: list[Piece]
) -> None:
    archive.mirror(fill(tmp_path, pieces))
    manifest = json.loads(archive.read(f'{HOUR.path}/manifest.json'))
    assert [each['name'] for each in manifest['segments']] == sorted(p.name for p in pieces if p.hour == HOUR)
    assert manifest['segments'][0]['size'] == len(pieces[0].body)
    assert manifest['holes'] == [
        {'start': '2026-11-14T03:01:00Z', 'end': '2026-11-14T03:10:00Z', 'seconds': 540.0},
        {'start': '2026-11-14T03:10:20Z', 'end': '2026-11-14T04:00:00Z', 'seconds': 2980.0},
    ]
    assert manifest['coverage'] == pytest.approx(100 * 80 / 3600, abs=0.001)


def test_objects_carry_what_players_and_checkers_need(archive: Archive, tmp_path: Path) -> None:
    only = piece()
    archive.mirror(fill(tmp_path, [only]))
    segment = archive.head(only.path)
    assert segment['ContentType'] == 'video/mp2t'
    assert 'immutable' in segment['CacheControl']
    assert bytes.fromhex(segment['Metadata']['sha256']).hex() == segment['Metadata']['sha256']
    assert archive.head(f'{HOUR.path}/playlist.m3u8')['ContentType'] == 'application/vnd.apple.mpegurl'
    playlist = archive.read(f'{HOUR.path}/playlist.m3u8').decode()
    assert only.name.replace(':', '%3A') in playlist
    assert playlist.endswith('#EXT-X-ENDLIST\n')


def test_mirroring_again_puts_nothing(archive: Archive, tmp_path: Path, pieces: list[Piece]) -> None:
    store = fill(tmp_path, pieces)
    archive.mirror(store)
    written = (
        archive.head(f'{HOUR.path}/manifest.json')['LastModified'],
        archive.read(f'{HOUR.path}/manifest.json'),
    )
    again = archive.mirror(store)
    assert '0 segments put' in again.output
    assert written[1] == archive.read(f'{HOUR.path}/manifest.json')


@pytest.mark.slow
def test_two_nodes_mirrors_of_an_hour_merge(archive: Archive, tmp_path: Path) -> None:
    pieces = run_of(10)
    archive.mirror(fill(tmp_path / 'A', pieces[:7]))
    archive.mirror(fill(tmp_path / 'B', pieces[4:]))
    manifest = json.loads(archive.read(f'{HOUR.path}/manifest.json'))
    assert [each['name'] for each in manifest['segments']] == [each.name for each in pieces]
    assert archive.verify().wait() == 0


def test_two_nodes_that_mirror_an_hour_at_the_same_time_settle_its_manifest(
    archive: Archive, tmp_path: Path
) -> None:
    pieces = run_of(60)
    stores = fill(tmp_path / 'A', pieces[:40]), fill(tmp_path / 'B', pieces[20:])
    commands = [('backfiller', 'mirror', '--store', store, *archive.flags, '--once') for store in stores]
    with running(*commands[0]) as one, running(*commands[1]) as other:
        codes = {one.wait(60), other.wait(60)}
    manifest = json.loads(archive.read(f'{HOUR.path}/manifest.json'))
    named = {each['name'] for each in manifest['segments']}
    assert named == {each.name for each in pieces} or 1 in codes
    assert archive.mirror(stores[0]).wait() == 0
    assert all(archive.verify('--store', store).wait() == 0 for store in stores)


def test_what_was_withdrawn_is_not_mirrored(archive: Archive, tmp_path: Path) -> None:
    withdrawn, kept = run_of(2)
    store = fill(tmp_path, [withdrawn, kept])
    (store / tombstone_of(withdrawn).path).touch()
    assert archive.mirror(store).wait() == 0
    assert withdrawn.path not in archive.paths()
    assert {kept.path, tombstone_of(withdrawn).path} <= archive.paths()


def test_damaged_bytes_are_never_uploaded(archive: Archive, tmp_path: Path) -> None:
    pieces = run_of(5)
    store = fill(tmp_path, pieces)
    (store / pieces[2].path).write_bytes(b'rotten')
    outcome = archive.mirror(store)
    assert outcome.wait() == 1
    assert f'{pieces[2].path} has 6 bytes' in outcome.output
    assert pieces[2].path not in archive.paths()
    assert f'{HOUR.path}/manifest.json' not in archive.paths()
    assert archive.verify().wait() == 1


def test_a_store_that_is_not_mirrored_is_named_by_verify(archive: Archive, tmp_path: Path) -> None:
    pieces = run_of(3)
    archive.mirror(fill(tmp_path, pieces[:2]))
    fill(tmp_path, pieces)
    found = archive.verify('--store', tmp_path)
    assert found.wait() == 1
    assert f'{pieces[2].path} is held here and not mirrored' in found.output


@pytest.mark.parametrize('command', ['mirror', 'verify', 'restore'])
def test_a_bucket_that_does_not_exist_is_one_clear_line(s3_url: str, tmp_path: Path, command: str) -> None:
    store = fill(tmp_path, run_of(1))
    flags = ['--bucket', 's3://no-such-bucket/x', '--endpoint-url', s3_url, '--store', store]
    outcome = run('backfiller', command, *flags, *(['--once'] if command == 'mirror' else []))
    assert outcome.wait() == 1
    assert (
        outcome.lines[-1]
        == 'error: s3://no-such-bucket/x: the bucket does not exist: make it, or correct its name'
    )


def test_the_service_mirrors_what_its_peers_have_too(archive: Archive, tmp_path: Path) -> None:
    pieces = run_of(20)
    with (
        restreamer(fill(tmp_path / 'A', pieces)) as peer,
        backfilling(
            fill(tmp_path / 'B', pieces[5:9]), '--peer', peer, *archive.flags, '--mirror-interval', '0.2'
        ) as (process, control),
    ):
        hour = eventually(lambda: _mirrored(control))
        size = sum(len(each.body) for each in pieces)
        (hole,) = hour.pop('missing')
        assert hole == {'start': '2026-11-14T03:00:40Z', 'end': '2026-11-14T04:00:00Z', 'seconds': 3560.0}
        assert hour == {'state': 'mirrored', 'segments': 20, 'bytes': size, 'holes': 1, 'problems': []}
        assert metrics(control)['segments_mirrored_total'] == 20
        assert eventually(lambda: metrics(control).get('mirror_hours{state="mirrored"}')) == 1
        assert process.stop() == 0, process.output
    assert archive.verify('--store', tmp_path / 'B').wait() == 0


def test_a_late_segment_is_sent_alone_and_counted_once(archive: Archive, tmp_path: Path) -> None:
    pieces = run_of(6)
    store = fill(tmp_path / 'B', pieces[:5])
    with backfilling(store, *archive.flags, '--mirror-interval', '0.2') as (process, control):
        eventually(lambda: _hour(control).get('state') == 'mirrored')
        fill(store, pieces)
        eventually(lambda: _hour(control).get('segments') == 6 and _hour(control)['state'] == 'mirrored')
        assert metrics(control)['segments_mirrored_total'] == 6
        assert process.output.count('segments put') == 2
        assert f'{HOUR.path}: mirrored, segments put: 1' in process.output
    assert archive.verify('--store', store).wait() == 0


@pytest.mark.slow
def test_a_late_segment_does_not_have_to_wait_for_the_interval(archive: Archive, tmp_path: Path) -> None:
    *pieces, late = run_of(6)
    store = fill(tmp_path / 'B', pieces)
    with backfilling(store, *archive.flags, '--mirror-interval', '3600') as (_, control):
        eventually(lambda: _hour(control).get('state') == 'mirrored')
        fill(store, [late])
        eventually(lambda: _hour(control)['segments'] == 6 and _hour(control)['state'] == 'mirrored')
    assert archive.verify('--store', store).wait() == 0


def test_an_hour_that_cannot_be_mirrored_says_why_and_does_not_hold_up_others(
    archive: Archive, tmp_path: Path
) -> None:
    bad, good = run_of(3, '2026-11-14T01:00:00'), run_of(3)
    store = fill(tmp_path, [*bad, *good])
    (store / bad[1].path).write_bytes(b'rotten')
    outcome = archive.mirror(store)
    assert outcome.wait() == 1
    assert '1 hour mirrored' in outcome.output
    assert '1 hour failed' in outcome.output
    assert f'{good[0].hour.path}/manifest.json' in archive.paths()


def test_a_mirror_service_stops_when_told(archive: Archive, tmp_path: Path) -> None:
    store = fill(tmp_path, run_of(5))
    with running('backfiller', 'mirror', '--store', store, *archive.flags) as process:
        eventually(lambda: f'{HOUR.path}/manifest.json' in archive.paths())
        assert process.stop() == 0, process.output


def _hour(control: str) -> Any:
    return get(f'{control}/status').json()['mirror']['hours'].get(HOUR.path, {})


def _mirrored(control: str) -> Any:
    hour = _hour(control)
    return hour if hour.get('state') == 'mirrored' and hour['segments'] == 20 else None


@pytest.mark.slow
def test_an_hour_of_real_video_plays_from_the_bucket_and_from_the_node(
    archive: Archive, tmp_path: Path
) -> None:
    made = tmp_path / 'made'
    made.mkdir()
    minutes = video.past_hour(made, HOUR.start)[:45]
    store = fill(tmp_path / 'store', [Piece(segment, path.read_bytes()) for segment, path in minutes])
    assert archive.mirror(store).wait() == 0
    hour = minutes[0][0].hour
    assert video.plays_cleanly(archive.public_url(f'{hour.path}/playlist.m3u8')) == ''
    with restreamer(store) as node:
        query = 'start=2026-11-14T03:00:00Z&end=2026-11-14T04:00:00Z'
        assert video.plays_cleanly(f'{node}/playlist/{hour.stream}/{hour.variant}.m3u8?{query}') == ''


@pytest.mark.slow
def test_a_damaged_piece_of_real_video_is_heard_of(archive: Archive, tmp_path: Path) -> None:
    """What the test above rests on: the player does complain where there is something to complain of."""
    made = tmp_path / 'made'
    made.mkdir()
    seconds = video.past_hour(made, HOUR.start)[:10]
    store = fill(tmp_path / 'store', [Piece(segment, path.read_bytes()) for segment, path in seconds])
    assert archive.mirror(store).wait() == 0
    archive.put(seconds[3][0].path, seconds[3][1].read_bytes()[:1000])
    playlist = f'{seconds[0][0].hour.path}/playlist.m3u8'
    assert video.plays_cleanly(archive.public_url(playlist)) != ''
