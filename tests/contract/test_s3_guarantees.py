"""What each S3 server checks and keeps: the table of docs/s3.md, row by row, over HTTP and HTTPS."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from backfiller.mirror.bucket import Bucket
from backfiller.mirror.s3 import Border, new_client
from common import digest
from common.errors import SegmentError, SourceError, StoreError
from tests.kit import s3
from tests.kit.build import HOUR, piece, run_of
from tests.kit.s3_servers import EACH, SCHEMES, SERVERS, Servers

PAGE = Path(__file__).parents[2] / 'docs/s3.md'
SECTION = '## What each checks and keeps'
OTHER = b'other bytes'


@dataclass(frozen=True)
class Archive:
    """A bucket of its own on a server."""

    url: str
    bucket: Bucket
    client: Any

    def put(self, key: str, **arguments: Any) -> Any:
        return self.client.put_object(Bucket=self.bucket.calls.name, Key=key, **arguments)

    def refuses(self, key: str, **arguments: Any) -> bool:
        """Whether the object is neither accepted nor kept."""
        before = self.bytes_of(key)
        try:
            self.put(key, **arguments)
        except ClientError:
            assert self.bytes_of(key) == before
            return True
        return False

    def bytes_of(self, key: str) -> bytes | None:
        try:
            body: bytes = self.client.get_object(Bucket=self.bucket.calls.name, Key=key)['Body'].read()
        except self.client.exceptions.NoSuchKey:
            return None
        return body


def refuses_another_sha256(archive: Archive) -> bool:
    return archive.refuses('key', Body=b'bytes', ChecksumSHA256=digest.to_base64(digest.sha256([OTHER])))


def refuses_what_changed_on_the_way(archive: Archive) -> bool:
    def change(request: Any, **_: Any) -> None:
        request.body = OTHER

    archive.client.meta.events.register('before-send.s3.PutObject', change)
    return archive.refuses('key', Body=b'right bytes')


def tells_the_sha256(archive: Archive) -> bool:
    content = digest.to_base64(digest.sha256([b'bytes']))
    archive.put('key', Body=b'bytes', ChecksumSHA256=content)
    head = archive.client.head_object(Bucket=archive.bucket.calls.name, Key='key', ChecksumMode='ENABLED')
    return bool(head.get('ChecksumSHA256') == content)


def keeps_type_and_metadata(archive: Archive) -> bool:
    only = piece()
    archive.bucket.add(only.segment, [only.body])
    head = archive.client.head_object(Bucket=archive.bucket.calls.name, Key=f'archive/{only.path}')
    metadata = {name.lower(): value for name, value in head['Metadata'].items()}
    return (head['ContentType'], head.get('CacheControl'), metadata.get('sha256')) == (
        'video/mp2t',
        'public, max-age=31536000, immutable',
        digest.to_hex(only.segment.hash),
    )


def refuses_a_wrong_secret_key(archive: Archive) -> bool:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv('AWS_SECRET_ACCESS_KEY', 'wrong')
        stranger = new_client(archive.url, 'when_required')
    try:
        stranger.put_object(Bucket=archive.bucket.calls.name, Key='key', Body=b'bytes')
    except ClientError:
        return True
    return False


def answers_a_range_with_a_part(archive: Archive) -> bool:
    archive.put('key', Body=b'0123456789')
    answer = archive.client.get_object(Bucket=archive.bucket.calls.name, Key='key', Range='bytes=2-4')
    return (answer['ResponseMetadata']['HTTPStatusCode'], answer['Body'].read()) == (206, b'234')


def refuses_to_overwrite(archive: Archive) -> bool:
    archive.put('key', Body=b'bytes')
    return archive.refuses('key', Body=OTHER, IfNoneMatch='*')


def works_with_checksums_of_boto3(archive: Archive) -> bool:
    bucket = Bucket(s3.client(archive.url, checksums='when_supported'), archive.bucket.url)
    one, other = run_of(2)
    try:
        for each in (one, other):
            bucket.add(each.segment, [each.body])
        bucket.put_text('note', 'told', content_type='text/plain', cache_control='no-cache')
        found = [b''.join(chunks) for _, chunks in bucket.read([one.segment, other.segment])]
    except (SegmentError, StoreError):
        return False
    return (
        bucket.get_text('note') == 'told' and found == [one.body, other.body] and len(bucket.names(HOUR)) == 2
    )


PROBES: dict[str, Callable[[Archive], bool]] = {
    'refuses bytes of another SHA-256': refuses_another_sha256,
    'refuses bytes that changed on the way': refuses_what_changed_on_the_way,
    'refuses a wrong secret key': refuses_a_wrong_secret_key,
    'tells the SHA-256 that came with an object': tells_the_sha256,
    'keeps type, caching and metadata': keeps_type_and_metadata,
    'answers a range with a part': answers_a_range_with_a_part,
    'refuses to overwrite (`If-None-Match`)': refuses_to_overwrite,
    'works with `s3_checksums = "when_supported"`': works_with_checksums_of_boto3,
}
RESTART = 'keeps objects over a restart'


def table() -> dict[tuple[str, str], str]:
    """The page's table: the cell for each row and server."""
    section = PAGE.read_text().partition(SECTION)[2].partition('\n## ')[0]
    lines = [line for line in section.splitlines() if line.startswith('|')]
    (_, *servers), _, *rows = [[cell.strip() for cell in line.split('|')[1:-1]] for line in lines]
    return {(row, server): cell for row, *cells in rows for server, cell in zip(servers, cells, strict=True)}


TOLD = table()


def test_the_page_tells_of_every_server_and_guarantee() -> None:
    assert set(TOLD) == {(row, server) for row in (*PROBES, RESTART) for server in SERVERS}
    assert set(TOLD.values()) <= {'yes', 'no', 'over HTTP'}


@pytest.mark.parametrize('row', PROBES)
@pytest.mark.parametrize('scheme', SCHEMES)
@pytest.mark.parametrize('server', EACH)
def test_the_server_does_what_the_page_says(s3_servers: Servers, row: str, scheme: str, server: str) -> None:
    url = s3_servers.url(server, scheme)
    client = s3.client(url)
    archive = Archive(url, Bucket(client, s3.new_bucket(url)), client)
    told = TOLD[row, server]
    assert PROBES[row](archive) == (told == 'yes' or (told == 'over HTTP' and scheme == 'http'))


@pytest.mark.parametrize('server', EACH)
def test_objects_outlive_a_restart_where_the_page_says_so(tmp_path: Path, server: str) -> None:
    only = piece()
    with SERVERS[server](tmp_path / server) as url:
        name = s3.new_bucket(url)
        Bucket(s3.client(url), name).add(only.segment, [only.body])
    with SERVERS[server](tmp_path / server) as url:
        bucket = Bucket(s3.client(url), name, border=Border(name, tries=1))
        try:
            kept = bucket.names(HOUR) == {only.name}
        except SourceError:
            kept = False
    assert kept == (TOLD[RESTART, server] == 'yes')


@pytest.mark.parametrize('server', EACH)
def test_a_missing_bucket_is_no_missing_object(s3_servers: Servers, server: str) -> None:
    bucket = Bucket(s3.client(s3_servers.url(server)), 's3://no-such-bucket/archive')
    for look in (lambda: list(bucket.hours()), lambda: bucket.get_text('note')):
        with pytest.raises(SourceError, match='the bucket does not exist'):
            look()
