"""fMP4 between real processes: nodes replicate it, buckets keep and play it, plain peers miss nothing."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from deploy.demo import video
from tests.cluster.test_live_layout import MASTER, PLAYLIST, live
from tests.kit.archive import Archive
from tests.kit.build import HOUR, Piece, files_below, fill, run_of, tombstone_of
from tests.kit.fake_peer import HOUR_PATH, answering
from tests.kit.fragmented import Fragmented, encoded, recorded
from tests.kit.process import backfiller, eventually, get, restreamer, run


@pytest.fixture
def archive(s3_url: str, bucket_url: str) -> Archive:
    return Archive(s3_url, bucket_url)


@pytest.fixture(scope='module')
def made() -> Fragmented:
    return encoded()


@pytest.fixture
def held(made: Fragmented) -> list[Piece]:
    return recorded(made, HOUR.start)


@pytest.mark.parametrize('protocol', ['auto', 'plain'])
def test_an_hour_of_fragments_becomes_equal_file_by_file(
    tmp_path: Path, held: list[Piece], protocol: str
) -> None:
    """By batches, and one by one."""
    pieces = [*held, *run_of(3, '2026-11-14T03:10:00')]
    theirs = fill(tmp_path / 'A', pieces)
    (theirs / tombstone_of(held[2]).path).touch()
    with restreamer(theirs) as url:
        flags = '--once', '--peer', url, '--protocol', protocol
        outcome = run('backfiller', 'run', '--store', tmp_path / 'B', *flags)
    assert outcome.wait() == 0, outcome.output
    expected = {each.path: each.body for each in pieces if each is not held[2]} | {
        tombstone_of(held[2]).path: b''
    }
    assert files_below(tmp_path / 'B') == expected


def test_two_nodes_that_lack_what_the_other_has_end_equal(tmp_path: Path, held: list[Piece]) -> None:
    section, *fragments = held
    stores = [
        fill(tmp_path / 'A', [section, *fragments[:2]]),
        fill(tmp_path / 'B', [*fragments[2:], *run_of(2, '2026-11-14T03:10:00')]),
    ]
    urls = []
    with restreamer(stores[0]) as one, restreamer(stores[1]) as other:
        urls = [one, other]
        with backfiller(stores[0], '--peer', urls[1]), backfiller(stores[1], '--peer', urls[0]):
            eventually(lambda: len(files_below(stores[0])) == 7)
            eventually(lambda: files_below(stores[0]) == files_below(stores[1]))
        span = '?start=2026-11-14T03:00:00Z&end=2026-11-14T03:00:08Z'
        assert [video.plays_cleanly(f'{url}/playlist/bus/source.m3u8{span}') for url in urls] == ['', '']


def test_a_foreign_peer_gives_and_gets_its_transport_streams_and_never_sees_a_fragment(
    tmp_path: Path, held: list[Piece]
) -> None:
    """It knows neither tombstones=true nor batches nor fingerprints."""
    theirs, ours = run_of(3, '2026-11-14T03:20:00'), [*held, *run_of(2, '2026-11-14T03:10:00')]
    asked: list[str] = []

    def respond(path: str) -> tuple[int, bytes]:
        asked.append(path)
        listings = {'/files': ['bus'], '/files/bus': ['source'], '/files/bus/source': [HOUR.text]}
        listings[HOUR_PATH] = [each.name for each in theirs]
        if path in listings:
            return 200, json.dumps(listings[path]).encode()
        bodies = {f'/segments/{each.path}'.replace(':', '%3A'): each.body for each in theirs}
        return (200, bodies[path]) if path in bodies else (404, b'')

    store = fill(tmp_path / 'A', ours)
    with answering(respond) as peer, restreamer(store) as url:
        outcome = run('backfiller', 'run', '--store', store, '--once', '--peer', peer)
        assert outcome.wait() == 0, outcome.output
        expected = {each.name for each in (*theirs, *ours) if each.name.endswith('.ts')}
        listed = get(f'{url}{HOUR_PATH}').json()
        assert set(listed) == expected
        assert {name: get(f'{url}/segments/{HOUR.path}/{name}').content for name in listed} == {
            each.name: each.body for each in (*theirs, *ours) if each.name in expected
        }
    assert not any('.m4s' in path or '.mp4' in path for path in asked)


@pytest.mark.parametrize('layout', ['segments', pytest.param('hour', marks=pytest.mark.slow)])
def test_mirror_verify_damage_restore(
    archive: Archive, tmp_path: Path, held: list[Piece], layout: str
) -> None:
    """In layout `hour` transport streams are joined, and fragments beside them are objects of their own."""
    pieces = [*held, *run_of(2, '2026-11-14T03:10:00')]
    store = fill(tmp_path / 'A', pieces)
    first = archive.mirror(store, '--layout', layout)
    assert first.wait() == 0, first.output
    assert {each.path for each in held} <= archive.paths()
    assert (f'{HOUR.path}/hour.ts' in archive.paths()) is (layout == 'hour')
    deep = archive.verify('--deep', '--store', store)
    assert deep.wait() == 0, deep.output
    assert '(7 read)' in deep.output
    manifest = json.loads(archive.read(f'{HOUR.path}/manifest.json'))
    assert {each['name'] for each in manifest['segments']} == {each.name for each in pieces}
    assert [hole['start'] for hole in manifest['holes']][:1] == ['2026-11-14T03:00:08Z']

    section = held[0]
    archive.put(section.path, b'x' * len(section.body))
    assert archive.verify('--deep').wait() == 1
    mended = archive.verify('--deep', '--repair', '--store', store)
    assert archive.read(section.path) == section.body, mended.output

    restored = archive.restore(tmp_path / 'B')
    assert restored.wait() == 0, restored.output
    assert run('diff', '-r', store / 'bus', tmp_path / 'B/bus').output == ''


def test_an_hour_of_fragments_becomes_one_mp4_and_late_ones_lie_beside(
    archive: Archive, tmp_path: Path, held: list[Piece]
) -> None:
    store, last = fill(tmp_path / 'A', held[:-1]), held[-1]
    assert archive.mirror(store, '--layout', 'hour').wait() == 0
    joined, playlist = f'{HOUR.path}/hour.mp4', f'{HOUR.path}/playlist.m3u8'
    assert archive.paths() == {joined, playlist, f'{HOUR.path}/manifest.json'}
    assert archive.head(joined)['ContentType'] == 'video/mp4'
    assert archive.read(joined) == b''.join(each.body for each in held[:-1])
    assert video.plays_cleanly(archive.public_url(joined)) == ''

    again = archive.mirror(fill(store, [last]), '--layout', 'hour')
    assert '1 segment put' in again.output
    assert archive.paths() == {joined, playlist, f'{HOUR.path}/manifest.json', last.path}
    size = len(held[0].body)
    assert f'#EXT-X-MAP:URI="hour.mp4",BYTERANGE="{size}@0"\n'.encode() in archive.read(playlist)
    assert f'#EXT-X-BYTERANGE:{len(held[1].body)}@{size}\nhour.mp4\n'.encode() in archive.read(playlist)
    assert video.plays_cleanly(archive.public_url(playlist)) == ''

    assert archive.verify('--deep', '--store', store).wait() == 0
    assert archive.restore(tmp_path / 'B').wait() == 0
    assert files_below(tmp_path / 'B') == files_below(store)


def test_the_bucket_tells_what_each_object_is_and_plays(
    archive: Archive, tmp_path: Path, held: list[Piece]
) -> None:
    assert archive.mirror(fill(tmp_path, held)).wait() == 0
    types = [archive.head(each.path)['ContentType'] for each in held[:2]]
    assert types == ['video/mp4', 'video/iso.segment']
    playlist = archive.read(f'{HOUR.path}/playlist.m3u8').decode()
    assert playlist.startswith('#EXTM3U\n#EXT-X-VERSION:7\n')
    assert playlist.count(f'#EXT-X-MAP:URI="{held[0].name.replace(":", "%3A")}"\n') == 1
    assert video.plays_cleanly(archive.public_url(f'{HOUR.path}/playlist.m3u8')) == ''


def test_fragments_play_from_the_live_playlists(archive: Archive, tmp_path: Path, made: Fragmented) -> None:
    pieces = recorded(made, datetime.now(UTC) - timedelta(seconds=30))
    with live(fill(tmp_path, pieces), archive):
        eventually(lambda: MASTER in archive.paths())
    assert archive.read(PLAYLIST).count(b'#EXT-X-MAP') == 1
    assert archive.read(PLAYLIST).count(b'.m4s\n') == 4
    assert video.plays_cleanly(archive.public_url(MASTER), seconds=4) == ''
