"""`verify --deep`, `--repair` and `--json`: bytes are read, and what is wrong is sent again."""

import json
from pathlib import Path

import pytest

from tests.kit.archive import Archive
from tests.kit.build import HOUR, fill, run_of

PIECES = run_of(20)


@pytest.fixture
def archive(s3_url: str, bucket_url: str) -> Archive:
    return Archive(s3_url, bucket_url)


def damage(archive: Archive, path: str, place: int) -> None:
    """Another byte at this place of an object of the same size."""
    body = bytearray(archive.read(path))
    body[place] ^= 1
    archive.put(path, bytes(body))


def damaged(archive: Archive, layout: str) -> str:
    """The object in which the fourth segment is damaged."""
    if layout == 'segments':
        damage(archive, PIECES[3].path, 5)
        return PIECES[3].path
    damage(archive, f'{HOUR.path}/hour.ts', sum(len(each.body) for each in PIECES[:3]) + 5)
    return f'{HOUR.path}/hour.ts'


@pytest.mark.parametrize('layout', ['segments', pytest.param('hour', marks=pytest.mark.slow)])
def test_damage_of_the_same_size_is_found_by_reading_and_repaired(
    archive: Archive, tmp_path: Path, layout: str
) -> None:
    store = fill(tmp_path, PIECES)
    archive.mirror(store, '--layout', layout)
    damaged(archive, layout)
    assert archive.verify().wait() == 0
    found = archive.verify('--deep')
    assert found.wait() == 1
    assert f'{PIECES[3].path} has {len(PIECES[3].body)} bytes whose SHA-256 is' in found.output
    assert '1 hour, 20 segments (20 read), 1 problem' in found.output
    repaired = archive.verify('--deep', '--repair', '--store', store, '--layout', layout)
    assert repaired.wait() == 0, repaired.output
    assert archive.verify('--deep', '--store', store).wait() == 0


@pytest.mark.parametrize('layout', ['segments', pytest.param('hour', marks=pytest.mark.slow)])
def test_what_is_damaged_and_not_held_here_stays(archive: Archive, tmp_path: Path, layout: str) -> None:
    archive.mirror(fill(tmp_path / 'A', PIECES), '--layout', layout)
    path = damaged(archive, layout)
    other = fill(tmp_path / 'B', PIECES[5:])
    assert archive.verify('--deep', '--repair', '--store', other, '--layout', layout).wait() == 1
    assert path in archive.paths()


def test_repair_sends_what_is_missing_or_cut_short(archive: Archive, tmp_path: Path) -> None:
    store = fill(tmp_path, PIECES)
    archive.mirror(store)
    archive.delete(PIECES[3].path)
    archive.put(PIECES[7].path, b'short')
    repaired = archive.verify('--repair', '--store', store)
    assert repaired.wait() == 0, repaired.output
    assert archive.verify('--deep').wait() == 0


def test_a_sample_is_read_and_the_report_comes_as_json(archive: Archive, tmp_path: Path) -> None:
    archive.mirror(fill(tmp_path, PIECES))
    archive.delete(PIECES[3].path)
    outcome = archive.verify('--deep', '--sample', '25', '--json')
    assert outcome.wait() == 1
    report = json.loads(outcome.output)
    assert (report['hours'], report['segments'], report['read'], report['problems']) == (1, 20, 5, 1)
    (hour,) = report['found']
    assert hour['problems'] == [
        {'kind': 'missing', 'path': PIECES[3].path, 'message': f'{PIECES[3].path} is missing'}
    ]


@pytest.mark.parametrize(
    ('flags', 'told'),
    [(['--sample', '5'], 'give --deep too'), (['--rate', '5'], 'give --deep too'), (['--repair'], '--store')],
)
def test_options_that_make_no_sense_alone_are_refused(archive: Archive, flags: list[str], told: str) -> None:
    outcome = archive.verify(*flags)
    assert outcome.wait() == 2
    assert told in outcome.output
