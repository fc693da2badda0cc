"""Clients and buckets on the S3 servers of the tests."""

import os
import uuid
from functools import cache
from typing import Any

import botocore.session

from backfiller.mirror import s3

CREDENTIALS = {
    'AWS_ACCESS_KEY_ID': 'test:tester',  # ACCOUNT:USER, as Swift names them
    'AWS_SECRET_ACCESS_KEY': 'test-secret',
    'AWS_REGION': 'us-east-1',
    'AWS_EC2_METADATA_DISABLED': 'true',
}


def share_descriptions() -> None:
    """Has botocore read its description of S3 once; reading takes ten times what else a client takes."""
    botocore.session.create_loader = cache(botocore.session.create_loader)


def client(url: str, *, page: int | None = None, checksums: str = 'when_required') -> Any:
    """The client that the product makes; given a page, it asks for so many names at a time."""
    os.environ.update(CREDENTIALS)
    made = s3.new_client(url, checksums)
    if page:
        asked = 'provide-client-params.s3.ListObjectsV2'
        made.meta.events.register(asked, lambda params, **_: {**params, 'MaxKeys': page})
    return made


def new_bucket(url: str) -> str:
    """`s3://NAME/archive`, a prefix in a bucket of its own."""
    name = f'b{uuid.uuid4().hex}'
    client(url).create_bucket(Bucket=name)
    return f's3://{name}/archive'
