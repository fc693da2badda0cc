"""Fault 18: SIGKILL at any moment of mirroring. The next run ends it, and leaves nothing of ours open."""

import signal
from pathlib import Path

import pytest

from tests.kit.build import HOUR, fill
from tests.kit.mirroring import Mirroring, large
from tests.kit.moments import moments
from tests.kit.process import running
from tests.kit.strict_s3.server import strict_s3

OBJECT = f'archive/{HOUR.path}/hour.ts'


@pytest.mark.slow
@pytest.mark.parametrize(('layout', 'pieces'), [('segments', 12), ('hour', 50)])
def test_18_killed_at_any_moment_the_next_run_ends_it(tmp_path: Path, layout: str, pieces: int) -> None:
    store = fill(tmp_path / 'store', large(pieces))
    with strict_s3() as s3:
        whole = Mirroring(s3, store, layout)
        assert whole.run().wait() == 0
        calls, parts = len(s3.calls), s3.count('UploadPart')
        for moment in moments(f'mirror killed, layout {layout}', calls):
            mirroring = Mirroring(s3, store, layout)
            mirroring.killed_at(moment)
            outcome = mirroring.run()
            assert outcome.wait() == 0, f'killed at call {moment}: {outcome.output}'
            assert s3.count('UploadPart', bucket=mirroring.bucket_name, status=200) <= parts + 1
            mirroring.assert_whole()


def test_18_parts_that_are_there_are_not_sent_again(tmp_path: Path) -> None:
    with strict_s3() as s3:
        mirroring = Mirroring(s3, fill(tmp_path / 'store', large(58)), 'hour')
        with running('backfiller', *mirroring.command) as process:
            s3.calls_back('UploadPart', lambda _: process.stop(signal.SIGKILL), after=5, times=1, when='done')
            process.wait()
        s3.recovers()
        (upload,) = s3.uploads()
        there, sent = set(upload.parts), s3.count('UploadPart', status=200)
        assert there
        assert mirroring.run().wait() == 0
        parts = -(-58 * 950_000 // 8_388_608)
        assert s3.count('UploadPart', status=200) - sent <= parts - len(there) + 1
        mirroring.assert_whole()


def test_18_an_upload_is_known_again_even_if_its_id_never_arrived(tmp_path: Path) -> None:
    with strict_s3() as s3:
        mirroring = Mirroring(s3, fill(tmp_path / 'store', large(8)), 'hour')
        with running('backfiller', *mirroring.command) as process:
            s3.calls_back('CreateMultipartUpload', lambda _: process.stop(signal.SIGKILL), times=1)
            process.wait()
        s3.recovers()
        assert len(s3.uploads()) == 1
        assert mirroring.run().wait() == 0
        mirroring.assert_whole()


def test_18_an_upload_that_ended_unheard_is_forgotten(tmp_path: Path) -> None:
    with strict_s3() as s3:
        mirroring = Mirroring(s3, fill(tmp_path / 'store', large(8)), 'hour')
        with running('backfiller', *mirroring.command) as process:
            s3.calls_back(
                'CompleteMultipartUpload', lambda _: process.stop(signal.SIGKILL), times=1, when='done'
            )
            process.wait()
        s3.recovers()
        assert OBJECT in s3.objects()
        assert mirroring.run().wait() == 0
        assert s3.count('CreateMultipartUpload') == 1
        mirroring.assert_whole()


def test_18_uploads_of_others_are_left_alone(tmp_path: Path) -> None:
    with strict_s3() as s3:
        mirroring = Mirroring(s3, fill(tmp_path / 'store', large(8)), 'hour')
        bucket = mirroring.bucket_name
        theirs = {
            s3.client().create_multipart_upload(Bucket=bucket, Key=key)['UploadId']
            for key in (OBJECT, 'archive/somebody/else.bin')
        }
        mirroring.killed_at(12)
        assert mirroring.run().wait() == 0
        assert {upload.id for upload in s3.uploads()} == theirs
