"""The store on disk: what is listed and read, what is never followed, and what is never kept."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from common.disk import Disk
from common.errors import SegmentError
from common.segment import Segment
from tests.kit.build import HOUR, Piece, assert_whole, files_below, fill, piece, run_of, tombstone_of

LEVELS = ['bus', 'bus/source', 'bus/source/2026-11-14T03']


def reason_of(call: Callable[[], object]) -> str:
    with pytest.raises(SegmentError) as caught:
        call()
    return caught.value.reason


def read(disk: Disk, segment: Segment) -> bytes:
    (_, chunks), = disk.read([segment])  # fmt: skip
    return b''.join(chunks)


def add(disk: Disk, each: Piece) -> int:
    return disk.add(each.segment, [each.body])


@pytest.fixture
def disk(store: Path) -> Disk:
    return Disk(store)


def test_streams_variants_and_hours_are_listed_in_order(disk: Disk, store: Path) -> None:
    fill(store, [piece(stream='tram'), piece('2026-11-14T04:00:00'), piece(), piece(variant='480p')])
    assert disk.streams() == ['bus', 'tram']
    assert disk.variants('bus') == ['480p', 'source']
    assert [hour.text for hour in disk.hours_of('bus', 'source')] == ['2026-11-14T03', '2026-11-14T04']
    assert len(list(disk.hours())) == 4


def test_a_store_that_is_not_there_is_empty(disk: Disk) -> None:
    assert (disk.streams(), disk.variants('bus'), disk.hours_of('bus', 'source')) == ([], [], [])
    assert (disk.names(HOUR), disk.sizes(HOUR), disk.sweep()) == (set(), {}, 0)


def test_hidden_and_odd_names_are_not_listed(disk: Disk, store: Path) -> None:
    each = piece()
    fill(store, [each])
    odd = ['.' + each.name, each.name + '~', each.name + '.tmp', 'playlist.m3u8', ' ', 'x.tombstone', 'a\nb']
    for name in odd:
        (store / each.hour.path / name).write_bytes(each.body)
    Path(os.fsdecode(os.fsencode(store / each.hour.path) + b'/\xff.ts')).touch()
    for level, folders in (
        ('', ['.temp', '.git', 'a b']),
        ('bus', ['.x', 'a\n']),
        ('bus/source', ['2026-13-01T00', '.2026-11-14T05']),
    ):
        for folder in folders:
            (store / level / folder).mkdir()
    (store / 'file').touch()
    assert list(disk.hours()) == [HOUR]
    assert disk.streams() == ['bus']
    assert disk.names(HOUR) == set(disk.sizes(HOUR)) == {each.name}


def test_sizes_are_those_of_what_is_listed(disk: Disk, store: Path) -> None:
    kept, withdrawn = run_of(2)
    fill(store, [kept, withdrawn])
    disk.add(tombstone_of(withdrawn), [])
    assert disk.sizes(HOUR) == {kept.name: len(kept.body), tombstone_of(withdrawn).name: 0}


def test_a_withdrawn_segment_cannot_be_opened_and_its_tombstone_can(disk: Disk) -> None:
    each = piece()
    add(disk, each)
    disk.add(tombstone_of(each), [])
    assert reason_of(lambda: disk.open(each.segment)) == 'missing'
    assert reason_of(lambda: read(disk, each.segment)) == 'missing'
    assert read(disk, tombstone_of(each)) == b''


def test_a_large_segment_is_read_in_blocks(disk: Disk) -> None:
    each = piece(body=bytes(range(256)) * 4000)
    add(disk, each)
    ((_, chunks),) = disk.read([each.segment])
    assert max(map(len, blocks := list(chunks))) < len(each.body)
    assert b''.join(blocks) == each.body


def test_more_than_the_limit_is_not_kept(store: Path) -> None:
    assert reason_of(lambda: add(Disk(store, limit_bytes=10), piece(body=b'x' * 11))) == 'size'
    assert add(Disk(store, limit_bytes=10), piece(body=b'x' * 10)) == 10


@pytest.mark.parametrize('level', LEVELS)
def test_a_linked_folder_is_neither_listed_nor_read_nor_written_through(
    disk: Disk, store: Path, tmp_path: Path, level: str
) -> None:
    outside, each, other = tmp_path / 'outside', piece(), piece('2026-11-14T03:30:00')
    fill(outside, [each])
    before = files_below(outside)
    (store / level).parent.mkdir(parents=True)
    (store / level).symlink_to(outside / level)
    assert list(disk.hours()) == []
    assert (disk.names(HOUR), disk.sizes(HOUR)) == (set(), {})
    assert reason_of(lambda: disk.open(each.segment)) == 'missing'
    assert reason_of(lambda: add(disk, other)) == 'unwritable'
    assert files_below(outside) == before


@pytest.mark.parametrize('target', ['secret', 'nowhere'])
def test_a_linked_file_is_neither_listed_nor_read_and_gives_way(
    disk: Disk, store: Path, tmp_path: Path, target: str
) -> None:
    each, secret = piece(), tmp_path / 'secret'
    secret.write_bytes(b'not ours')
    disk.path(each.segment).parent.mkdir(parents=True)
    disk.path(each.segment).symlink_to(tmp_path / target)
    assert reason_of(lambda: disk.open(each.segment)) == 'missing'
    assert disk.names(HOUR) == set()
    assert disk.sizes(HOUR) == {}
    add(disk, each)
    assert secret.read_bytes() == b'not ours'
    assert_whole(store)


def test_a_folder_named_like_a_segment_is_not_held(disk: Disk) -> None:
    disk.path(piece().segment).mkdir(parents=True)
    assert disk.names(HOUR) == set()


def test_a_linked_temp_folder_is_not_swept_through(disk: Disk, store: Path, tmp_path: Path) -> None:
    (outside := tmp_path / 'outside').mkdir()
    (outside / 'file').write_bytes(b'not ours')
    store.mkdir()
    (store / '.temp').symlink_to(outside)
    assert disk.sweep() == 0
    assert files_below(outside) == {'file': b'not ours'}
