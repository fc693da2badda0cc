"""A real S3 server as a process, and clients and buckets on it."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from backfiller.mirror import s3
from deploy.demo.cluster import free_port, s3_server_environment
from tests.kit.process import eventually, get, running

CREDENTIALS = {
    'AWS_ACCESS_KEY_ID': 'test',
    'AWS_SECRET_ACCESS_KEY': 'test-secret',
    'AWS_REGION': 'us-east-1',
    'AWS_EC2_METADATA_DISABLED': 'true',
}


@contextmanager
def s3_server(folder: Path, port: int | None = None) -> Iterator[str]:
    """A ministack that keeps its objects in the folder; its URL. It refuses bytes of another SHA-256."""
    port = port or free_port()
    url = f'http://127.0.0.1:{port}'
    with running('ministack', env=s3_server_environment(folder, port)) as process:
        eventually(lambda: _answers(url) or process._ended())
        yield url


def client(url: str) -> Any:
    os.environ.update(CREDENTIALS)
    return s3.new_client(url, 'when_required')


def new_bucket(url: str) -> str:
    """`s3://NAME/archive`, a prefix in a bucket of its own."""
    name = f'b{uuid.uuid4().hex}'
    client(url).create_bucket(Bucket=name)
    return f's3://{name}/archive'


def _answers(url: str) -> bool:
    try:
        get(url)
    except OSError:
        return False
    return True
