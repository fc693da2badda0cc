"""The bucket as a source: what no peer has, or could bring, comes from a mirror, and nothing else does."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.kit.build import Piece, assert_whole, files_below, fill, run_of
from tests.kit.mirroring import Mirroring, large
from tests.kit.process import Process, backfiller, eventually, get, restreamer, run
from tests.kit.status import ask_for_pass, counted
from tests.kit.strict_s3.server import StrictS3, strict_s3

HOURS = [*run_of(20, '2026-11-14T02:00:00'), *run_of(20)]
LAYOUTS = pytest.mark.parametrize('layout', ['segments', pytest.param('hour', marks=pytest.mark.slow)])


@pytest.fixture
def s3() -> Iterator[StrictS3]:
    with strict_s3() as server:
        yield server


def mirrored(s3: StrictS3, store: Path, pieces: list[Piece], layout: str = 'segments') -> list[str]:
    """The flags by which a backfiller reads the mirror of these pieces."""
    mirroring = Mirroring(s3, fill(store, pieces), layout)
    assert mirroring.run().wait() == 0
    s3.calls.clear()
    return ['--source', mirroring.url, '--endpoint-url', s3.url]


def once(store: Path, *flags: str) -> Process:
    return run('backfiller', 'run', '--store', store, '--once', *flags)


def read_from(s3: StrictS3) -> set[str]:
    """The segments that were asked of the bucket one by one."""
    return {call.key.removeprefix('archive/') for call in s3.asked('GetObject') if call.key.endswith('.ts')}


@LAYOUTS
def test_an_empty_node_without_peers_gets_everything_back(s3: StrictS3, tmp_path: Path, layout: str) -> None:
    pieces = [*large(30), *HOURS]
    source = mirrored(s3, tmp_path / 'A', pieces, layout)
    outcome = once(tmp_path / 'B', *source)
    assert outcome.wait() == 0, outcome.output
    assert f'{len(pieces)} segments' in outcome.output
    assert run('diff', '-r', '-x', '.*', tmp_path / 'A', tmp_path / 'B').output == ''
    assert not [call for call in s3.calls if call.method not in ('GET', 'HEAD')]


def test_only_what_no_peer_has_is_read_from_the_bucket(s3: StrictS3, tmp_path: Path) -> None:
    source = mirrored(s3, tmp_path / 'A', HOURS)
    with restreamer(fill(tmp_path / 'peer', HOURS[5:])) as peer:
        outcome = once(tmp_path / 'B', '--peer', peer, *source)
        again = once(tmp_path / 'B', '--peer', peer, *source)
    assert outcome.wait() == 0, outcome.output
    assert files_below(tmp_path / 'B') == {each.path: each.body for each in HOURS}
    assert read_from(s3) == {each.path for each in HOURS[:5]}
    assert again.wait() == 0
    assert '0 segments, 0 bytes fetched' in again.output


def test_what_is_damaged_at_the_only_peer_comes_from_the_bucket(s3: StrictS3, tmp_path: Path) -> None:
    source = mirrored(s3, tmp_path / 'A', HOURS)
    theirs = fill(tmp_path / 'peer', HOURS)
    (theirs / HOURS[7].path).write_bytes(b'damaged')
    with restreamer(theirs) as peer:
        outcome = once(tmp_path / 'B', '--peer', peer, *source)
    assert outcome.wait() == 0, outcome.output
    assert files_below(tmp_path / 'B') == {each.path: each.body for each in HOURS}
    assert read_from(s3) == {HOURS[7].path}


def test_a_damaged_manifest_costs_its_hour_alone(s3: StrictS3, tmp_path: Path) -> None:
    source = mirrored(s3, tmp_path / 'A', HOURS, 'hour')
    bucket, prefix = source[1].removeprefix('s3://').split('/')
    key = f'{prefix}/{HOURS[0].hour.path}/manifest.json'
    s3.client().put_object(Bucket=bucket, Key=key, Body=b'{')
    outcome = once(tmp_path / 'B', *source)
    assert outcome.wait() == 1
    assert 'manifest.json is damaged' in outcome.output
    assert files_below(tmp_path / 'B') == {each.path: each.body for each in HOURS[20:]}


def test_a_bucket_that_is_not_there_leaves_the_peers_alone(s3: StrictS3, tmp_path: Path) -> None:
    with restreamer(fill(tmp_path / 'peer', HOURS)) as peer:
        nowhere = ['--source', 's3://nowhere/archive', '--endpoint-url', s3.url]
        outcome = once(tmp_path / 'B', '--peer', peer, *nowhere)
    assert outcome.wait() == 1
    assert 's3://nowhere/archive: the bucket does not exist' in outcome.output
    assert files_below(tmp_path / 'B') == {each.path: each.body for each in HOURS}


def test_a_service_fetches_what_no_peer_has_and_asks_for_no_quiet_hour_twice(
    s3: StrictS3, tmp_path: Path
) -> None:
    source = mirrored(s3, tmp_path / 'A', HOURS)
    with (
        restreamer(fill(tmp_path / 'peer', HOURS[3:])) as peer,
        backfiller(tmp_path / 'B', '--peer', peer, *source) as (_, control),
    ):
        told = eventually(lambda: of_source(control, source[1]).get('last_pass'))
        assert (told['kind'], told['fetched'], told['left']) == ('full', 3, 0)
        assert counted(control, 'segments_backfilled_total', remote=source[1]) == 3
        assert read_from(s3) == {each.path for each in HOURS[:3]}
        ask_for_pass(control, peer)
        eventually(lambda: of_source(control, source[1])['last_pass']['kind'] == 'asked')
        folders, hours = 3, 2
        assert s3.count('ListObjectsV2') == 2 * folders + hours
    assert_whole(tmp_path / 'B')


def of_source(control: str, url: str) -> dict[str, Any]:
    found: dict[str, Any] = get(f'{control}/status').json()['sources'][url]
    return found
