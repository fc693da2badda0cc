"""Retention of a running node: old hours go to the bucket and from the disk, and do not come back."""

from datetime import timedelta
from pathlib import Path

import pytest

from common.times import utc_now
from tests.kit.build import Piece, files_below, fill, run_of
from tests.kit.invariants import listed
from tests.kit.process import backfiller, eventually, get, restreamer, run
from tests.kit.status import counted

OLD = [
    *run_of(6, '2020-02-28T23:00:00'),
    *run_of(6, '2020-02-29T00:00:00'),
    *run_of(6, '2020-02-29T00:00:00', variant='480p'),
]
NEW = run_of(6, '2020-03-02T00:00:00')
EVERYTHING = [*OLD, *NEW]
LITTLE = ('--keep-bytes', '1', '--retention-interval', '0.2')
OFTEN = ('--mirror-interval', '0.2', '--full-interval', '0.3')


def paths(pieces: list[Piece]) -> set[str]:
    return {each.path for each in pieces}


def some_passes_later(control: str) -> None:
    before = counted(control, 'passes_total', result='complete')
    eventually(lambda: counted(control, 'passes_total', result='complete') > before + 3)


def test_25_hours_go_when_they_are_mirrored_and_are_not_fetched_back_from_who_still_has_them(
    tmp_path: Path, s3_url: str, bucket_url: str
) -> None:
    ours, theirs = fill(tmp_path / 'B', EVERYTHING), fill(tmp_path / 'A', EVERYTHING)
    bucket = ['--bucket', bucket_url, '--endpoint-url', s3_url]
    with restreamer(theirs) as peer:
        with backfiller(ours, '--peer', peer, *bucket, *LITTLE, *OFTEN) as (process, control):
            eventually(lambda: listed(ours) == paths(NEW))
            eventually(lambda: counted(control, 'hours_released_total') == 3)
            assert counted(control, 'released_bytes_total') == sum(len(each.body) for each in OLD)
            assert process.output.count(': let go of ') == 3
            process.wait_for(r'let go of bus/480p/2020-02-29T00: 6 segments, \d+ bytes; more than keep_bytes')
            asked = counted(peer, 'http_requests_total', endpoint='listings.segments')
            some_passes_later(control)
            assert counted(peer, 'http_requests_total', endpoint='listings.segments') == asked
            told = get(f'{control}/status').json()['retention']
            assert told['horizon'] == {'bus/480p': '2020-02-29T00', 'bus/source': '2020-02-29T00'}
            assert (told['hours_released'], told['waiting_hours'], told['last_error']) == (3, 0, None)
            assert told['lacking_bytes'] > 0, 'the newest day stays, whatever the limit'
            assert counted(control, 'store_free_bytes') > 0
            assert counted(control, 'segments_missing') == 0
            assert process.stop() == 0, process.output
        again = run('backfiller', 'run', '--store', ours, '--peer', peer, '--once')
        assert (again.wait(), again.lines[-1]) == (0, '0 segments, 0 bytes fetched')
        assert counted(peer, 'segments_served_total') == 0
    assert listed(ours) == paths(NEW)
    assert run('backfiller', 'verify', *bucket, '--store', ours).wait() == 0
    assert run('backfiller', 'restore', *bucket, '--store', ours).wait() == 0
    assert listed(ours) == paths(EVERYTHING)


def test_what_is_past_keep_is_not_fetched_either(tmp_path: Path) -> None:
    recent = run_of(4, f'{utc_now() - timedelta(hours=50):%Y-%m-%dT%H:%M:%S}')
    with restreamer(fill(tmp_path / 'A', [*OLD, *recent])) as peer:
        flags = ['--peer', peer, '--keep', '3d', '--keep-unmirrored', 'false', '--once']
        outcome = run('backfiller', 'run', '--store', tmp_path / 'B', *flags)
    assert outcome.wait() == 0, outcome.output
    assert set(files_below(tmp_path / 'B')) == paths(recent)


@pytest.mark.parametrize('command', [('backfiller', 'run'), ('segmesh', 'node')])
def test_limits_without_a_bucket_are_refused_with_what_to_do(
    tmp_path: Path, command: tuple[str, str]
) -> None:
    outcome = run(*command, '--store', tmp_path, '--keep', '14d')
    assert outcome.wait() == 2
    assert 'give the bucket, --bucket s3://BUCKET/PREFIX, or --keep-unmirrored false' in outcome.lines[-1]
