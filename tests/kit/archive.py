"""A bucket, what is in it, and the commands on it."""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.kit import s3
from tests.kit.process import Process, run


class Archive:
    """A bucket and the commands on it."""

    def __init__(self, server: str, url: str) -> None:
        self.url = url
        self._server = server
        self._client = s3.client(server)
        parts = urlsplit(url)
        self.bucket, self._prefix = parts.netloc, parts.path.strip('/')

    @property
    def flags(self) -> list[str]:
        return ['--bucket', self.url, '--endpoint-url', self._server]

    def mirror(self, store: Path, *args: str) -> Process:
        return run('backfiller', 'mirror', '--store', store, *self.flags, '--once', *args)

    def verify(self, *args: str | Path) -> Process:
        return run('backfiller', 'verify', *self.flags, *args)

    def restore(self, store: Path) -> Process:
        return run('backfiller', 'restore', '--store', store, *self.flags)

    def paths(self) -> set[str]:
        pages = self._client.get_paginator('list_objects_v2').paginate(Bucket=self.bucket)
        found = [each['Key'] for page in pages for each in page.get('Contents', ())]
        return {key.removeprefix(f'{self._prefix}/') for key in found}

    def head(self, path: str) -> Any:
        return self._client.head_object(Bucket=self.bucket, Key=f'{self._prefix}/{path}')

    def read(self, path: str) -> bytes:
        body: bytes = self._client.get_object(Bucket=self.bucket, Key=f'{self._prefix}/{path}')['Body'].read()
        return body

    def public_url(self, path: str) -> str:
        """Where a player finds the object, on a server that lets everybody read."""
        return f'{self._server}/{self.bucket}/{self._prefix}/{path}'

    def put(self, path: str, body: bytes, *, content_type: str = 'application/octet-stream') -> None:
        key = f'{self._prefix}/{path}'
        self._client.put_object(Bucket=self.bucket, Key=key, Body=body, ContentType=content_type)

    def delete(self, path: str) -> None:
        self._client.delete_object(Bucket=self.bucket, Key=f'{self._prefix}/{path}')
