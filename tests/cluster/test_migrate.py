"""`backfiller migrate` from web servers that go wrong in all sorts of ways to a strict S3 server."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit import origin as web
from tests.kit.migrating import Migrating
from tests.kit.origin import Origin, put_video
from tests.kit.strict_s3.server import StrictS3, strict_s3


@pytest.fixture
def s3() -> Iterator[StrictS3]:
    with strict_s3() as server:
        yield server


@pytest.fixture
def origin() -> Iterator[Origin]:
    with web.origin() as made:
        yield made


def test_all_that_links_lead_to_is_in_the_bucket_as_it_was(
    s3: StrictS3, origin: Origin, tmp_path: Path
) -> None:
    urls = [put_video(origin, f'/shows/{name}', variants=('hi', 'lo')) for name in ('one', 'two')]
    migrating = Migrating(s3, tmp_path, urls)
    report = migrating.run()
    assert [report.status(url) for url in urls] == ['done', 'done']
    assert {f'/{key}': body for key, body in migrating.objects().items()} == origin.files
    kept = s3.object('archive/shows/one/hi/s0.ts')
    assert kept.headers['content-type'] == 'video/mp2t'
    assert (
        s3.object('archive/shows/one/master.m3u8').headers['content-type'] == 'application/vnd.apple.mpegurl'
    )
    assert (report.said['sent'], report.said['missing']) == (len(origin.files), 0)
