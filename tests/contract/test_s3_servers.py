"""`backfiller mirror`, `verify` and `restore` against each real S3 server, over HTTPS."""

from pathlib import Path

import certifi
import pytest

from tests.kit import s3
from tests.kit.build import files_below, fill, run_of, tombstone_of
from tests.kit.process import run
from tests.kit.s3_servers import EACH, Servers


@pytest.mark.parametrize('layout', ['segments', pytest.param('hour', marks=pytest.mark.slow)])
@pytest.mark.parametrize('server', EACH)
def test_a_store_comes_back_from_the_bucket_as_it_was(
    s3_servers: Servers, tmp_path: Path, server: str, layout: str
) -> None:
    withdrawn, *kept = [*run_of(5), *run_of(3, variant='480p'), *run_of(2, '2026-11-14T04:10:00')]
    store = fill(tmp_path / 'A', kept)
    (store / tombstone_of(withdrawn).path).touch()
    url = s3_servers.url(server, 'https')
    flags = ['--bucket', s3.new_bucket(url), '--endpoint-url', url]

    mirrored = run('backfiller', 'mirror', '--store', store, *flags, '--layout', layout, '--once')
    assert mirrored.wait() == 0, mirrored.output
    assert mirrored.lines[-2:] == ['3 hours mirrored', '10 segments put']
    verified = run('backfiller', 'verify', '--store', store, *flags)
    assert verified.lines[-1] == '3 hours, 10 segments, 0 problems'
    restored = run('backfiller', 'restore', '--store', tmp_path / 'B', *flags)
    assert restored.wait() == 0, restored.output
    assert files_below(tmp_path / 'B') == files_below(store)


def test_a_certificate_that_is_not_trusted_is_said_at_once(s3_servers: Servers, tmp_path: Path) -> None:
    flags = ['--bucket', 's3://archive/x', '--endpoint-url', s3_servers.url('ministack', 'https')]
    outcome = run('backfiller', 'verify', *flags, env={'AWS_CA_BUNDLE': certifi.where()}, timeout=5)
    assert outcome.wait() == 1
    (told,) = outcome.lines
    assert told.endswith(': the certificate of the server is not trusted: renew it, or set AWS_CA_BUNDLE')
