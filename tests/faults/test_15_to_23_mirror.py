"""Faults 15 to 23: S3 fails, lies, forgets or knows less than it should; nothing false is called mirrored."""

import json
from contextlib import ExitStack
from itertools import chain
from pathlib import Path

import pytest

from tests.kit.build import HOUR, fill, run_of
from tests.kit.mirroring import Mirroring, large
from tests.kit.process import eventually, running
from tests.kit.strict_s3.server import strict_s3

PIECES = run_of(10)
LAYOUTS = pytest.mark.parametrize('layout', ['segments', pytest.param('hour', marks=pytest.mark.slow)])


def key(path: str) -> str:
    return f'archive/{path}'


def test_15_what_went_bad_here_never_reaches_s3(tmp_path: Path) -> None:
    store = fill(tmp_path, PIECES)
    (store / PIECES[4].path).write_bytes(PIECES[4].body[::-1])
    with strict_s3() as s3:
        outcome = Mirroring(s3, store).run()
        assert outcome.wait() == 1
        assert f'{PIECES[4].path} has {len(PIECES[4].body)} bytes whose SHA-256' in outcome.output
        assert not s3.asked('PutObject', key=key(PIECES[4].path))
        assert not s3.asked('PutObject', key='*/manifest.json')


@LAYOUTS
def test_16_a_store_that_is_too_busy_for_a_while_gets_everything(tmp_path: Path, layout: str) -> None:
    with strict_s3() as s3:
        mirroring = Mirroring(s3, fill(tmp_path, PIECES), layout)
        s3.fails('*', times=2, status=503, code='SlowDown', after=4)
        s3.fails('*', times=1, status=500, code='InternalError', after=8)
        outcome = mirroring.run()
        assert outcome.wait() == 0, outcome.output
        assert (s3.count('*', status=503), s3.count('*', status=500)) == (2, 1)
        mirroring.assert_whole()


@pytest.mark.parametrize('when', ['midway', 'done'])
def test_17_a_part_that_breaks_off_is_the_only_one_sent_again(tmp_path: Path, when: str) -> None:
    with strict_s3() as s3:
        mirroring = Mirroring(s3, fill(tmp_path, large(32)), 'hour')
        s3.drops('UploadPart', times=1, after=1, when=when)
        outcome = mirroring.run()
        assert outcome.wait() == 0, outcome.output
        assert len(s3.asked('UploadPart')) == 5
        mirroring.assert_whole()


@pytest.mark.parametrize('when', ['read', 'done'])
def test_17_a_success_that_is_an_error_inside_is_none(tmp_path: Path, when: str) -> None:
    with strict_s3() as s3:
        mirroring = Mirroring(s3, fill(tmp_path, large(10)), 'hour')
        s3.claims_success('CompleteMultipartUpload', times=1, when=when)
        outcome = mirroring.run()
        assert outcome.wait() == 0, outcome.output
        assert s3.count('CreateMultipartUpload') == 1
        mirroring.assert_whole()


@LAYOUTS
def test_17_an_answer_that_is_lost_was_perhaps_a_success(tmp_path: Path, layout: str) -> None:
    operation = 'PutObject' if layout == 'segments' else 'CompleteMultipartUpload'
    with strict_s3() as s3:
        mirroring = Mirroring(s3, fill(tmp_path, PIECES), layout)
        s3.drops(operation, key='*.ts', times=1, when='done')
        assert mirroring.run().wait() == 0
        mirroring.assert_whole()


@LAYOUTS
def test_19_a_bit_that_flips_in_the_bucket_is_found_and_sent_again(tmp_path: Path, layout: str) -> None:
    with strict_s3() as s3:
        mirroring = Mirroring(s3, fill(tmp_path, PIECES), layout)
        assert mirroring.run().wait() == 0
        s3.damage(key(PIECES[3].path if layout == 'segments' else f'{HOUR.path}/hour.ts'))
        assert mirroring.verify('--deep').wait() == 1
        assert mirroring.verify('--deep', '--repair', '--layout', layout).wait() == 0
        mirroring.assert_whole()


@LAYOUTS
def test_19_the_service_looks_again_and_sends_what_was_deleted(tmp_path: Path, layout: str) -> None:
    gone = key(PIECES[3].path if layout == 'segments' else f'{HOUR.path}/hour.ts')
    with strict_s3() as s3:
        mirroring = Mirroring(s3, fill(tmp_path, PIECES), layout)
        flags = ['--mirror-interval', '0.2', '--verify-interval', '0.5']
        with running('backfiller', *mirroring.service, *flags):
            eventually(lambda: key(f'{HOUR.path}/manifest.json') in s3.objects())
            s3.delete(gone)
            eventually(lambda: gone in s3.objects() and not (tmp_path / '.uploads.json').exists())
        mirroring.assert_whole()


@LAYOUTS
def test_19_the_service_reads_back_and_sends_again_what_flipped(tmp_path: Path, layout: str) -> None:
    damaged = key(PIECES[3].path if layout == 'segments' else f'{HOUR.path}/hour.ts')
    with strict_s3() as s3:
        mirroring = Mirroring(s3, fill(tmp_path, PIECES), layout)
        flags = ['--mirror-interval', '0.2', '--verify-interval', '0.5', '--verify-sample', '100']
        with running('backfiller', *mirroring.service, *flags) as process:
            eventually(lambda: key(f'{HOUR.path}/manifest.json') in s3.objects())
            whole = s3.object(damaged).body
            s3.damage(damaged)
            process.wait_for(f'WARNING .*{PIECES[3].name if layout == "segments" else HOUR.path}.* damaged')
            eventually(lambda: damaged in s3.objects() and s3.object(damaged).body == whole)
            eventually(lambda: not (tmp_path / '.uploads.json').exists())
        mirroring.assert_whole()


TO_MEND = {
    'ExpiredToken': (400, 'the session token has expired: renew the credentials'),
    'RequestTimeTooSkewed': (403, "this machine's clock is wrong: set it by NTP"),
    'NoSuchBucket': (404, 'the bucket does not exist: make it, or correct its name'),
}


@pytest.mark.parametrize('code', TO_MEND)
def test_20_what_an_operator_has_to_mend_is_one_line_and_few_requests(tmp_path: Path, code: str) -> None:
    status, told = TO_MEND[code]
    with strict_s3() as s3:
        mirroring = Mirroring(s3, fill(tmp_path, PIECES))
        s3.fails('*', status=status, code=code)
        with running('backfiller', *mirroring.service, '--mirror-interval', '1') as process:
            process.wait_for(told)
            assert len(s3.calls) <= 3
            s3.recovers()
            eventually(lambda: key(f'{HOUR.path}/manifest.json') in s3.objects())
            assert sum(told in line for line in process.lines) <= 2, process.output
        mirroring.assert_whole()


def test_20_a_token_that_expires_in_the_middle_of_an_hour_is_one_line_too(tmp_path: Path) -> None:
    told = TO_MEND['ExpiredToken'][1]
    with strict_s3() as s3:
        mirroring = Mirroring(s3, fill(tmp_path, run_of(100)))
        s3.fails('PutObject', status=400, code='ExpiredToken', after=20)
        with running('backfiller', *mirroring.service, '--mirror-interval', '60') as process:
            process.wait_for(told)
        assert len([line for line in process.lines if ' INFO ' not in line]) == 1, process.output


@LAYOUTS
@pytest.mark.parametrize('conditional', ['ignored', 'refused'])
def test_21_a_store_that_knows_less_is_found_out_and_said(
    tmp_path: Path, layout: str, conditional: str
) -> None:
    with strict_s3() as s3:
        s3.conditional, s3.checksums = conditional, 'ignored'
        mirroring = Mirroring(s3, fill(tmp_path, PIECES), layout)
        outcome = mirroring.run()
        assert outcome.wait() == 0, outcome.output
        assert outcome.output.count('it does not check SHA-256') == 1
        assert outcome.output.count('it does not honour If-None-Match') == 1
        mirroring.assert_whole()


def test_21_what_such_a_store_damages_is_found_by_reading(tmp_path: Path) -> None:
    with strict_s3() as s3:
        s3.checksums = 'ignored'
        mirroring = Mirroring(s3, fill(tmp_path, PIECES))
        s3.flips_a_bit('PutObject', key=key(PIECES[3].path), times=1)
        mirroring.run()
        assert PIECES[3].path in mirroring.verify('--deep').output
        assert mirroring.verify('--deep', '--repair').wait() == 0


def test_22_three_nodes_that_mirror_the_same_hours_write_each_object_once(tmp_path: Path) -> None:
    hours = [f'2026-11-14T0{hour}:00:00' for hour in range(6)]
    pieces = list(chain.from_iterable(run_of(10, hour) for hour in hours))
    with strict_s3() as s3, ExitStack() as stack:
        url = s3.new_bucket()
        nodes = [Mirroring(s3, fill(tmp_path / name, pieces), url=url) for name in 'ABC']
        for number, node in enumerate(nodes):
            flags = ['--node-id', f'node{number}', '--mirror-interval', '2']
            stack.enter_context(running('backfiller', *node.service, *flags))
        wanted = {key(f'{each.hour.path}/manifest.json') for each in pieces}
        eventually(lambda: wanted <= s3.objects().keys())
        for path in wanted | {key(each.path) for each in pieces}:
            assert s3.count('PutObject', key=path) == 1, path
        nodes[0].assert_whole()


@LAYOUTS
def test_22_a_manifest_that_another_node_writes_in_between_is_not_overwritten(
    tmp_path: Path, layout: str
) -> None:
    ours, theirs = PIECES[:6], PIECES[4:]
    with strict_s3() as s3:
        mirroring = Mirroring(s3, fill(tmp_path / 'A', ours), layout)
        other = Mirroring(s3, fill(tmp_path / 'B', theirs), url=mirroring.url)
        others = []
        s3.calls_back(
            'PutObject', lambda _: others.append(other.run()), key='*/manifest.json', times=1, when='read'
        )
        outcome = mirroring.run()
        assert outcome.wait() == 0, outcome.output
        assert [each.wait() for each in others] == [0]
        told = json.loads(s3.object(key(f'{HOUR.path}/manifest.json')).body)
        assert s3.count('PutObject', key='*/manifest.json', status=412) == 1
        assert {each['name'] for each in told['segments']} == {each.name for each in PIECES}
        mirroring.assert_whole()
        other.assert_whole()


@LAYOUTS
def test_23_of_a_late_segment_only_itself_and_the_descriptions_are_sent(tmp_path: Path, layout: str) -> None:
    *early, late = PIECES
    with strict_s3() as s3:
        mirroring = Mirroring(s3, fill(tmp_path, early), layout)
        with running('backfiller', *mirroring.service, '--mirror-interval', '0.2'):
            eventually(lambda: key(f'{HOUR.path}/manifest.json') in s3.objects())
            before = len(s3.calls)
            fill(tmp_path, [late])
            eventually(lambda: s3.count('PutObject', key='*/manifest.json') == 2)
            put = [each.key for each in s3.calls[before:] if each.operation in ('PutObject', 'UploadPart')]
        assert put == [
            key(path) for path in (late.path, f'{HOUR.path}/playlist.m3u8', f'{HOUR.path}/manifest.json')
        ]
        mirroring.assert_whole()
