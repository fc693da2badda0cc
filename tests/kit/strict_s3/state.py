"""What the server holds, and how strict it is about it: settings, buckets, objects, open uploads."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import count
from typing import Literal
from uuid import uuid4

from tests.kit import s3 as kit
from tests.kit.strict_s3.answers import refusal
from tests.kit.strict_s3.calls import Call

MIN_PART_BYTES = 5 * 1024 * 1024


@dataclass(frozen=True)
class Object:
    """A stored object; the ETag has its quotes, `headers` are those that a GET gives back, in lower case."""

    body: bytes
    etag: str
    last_modified: datetime
    headers: dict[str, str] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)
    checksums: dict[str, str] = field(default_factory=dict)
    checksum_type: str = 'FULL_OBJECT'


@dataclass(frozen=True)
class Part:
    """A part of an open upload."""

    number: int
    body: bytes
    etag: str
    last_modified: datetime
    checksum: str = ''


@dataclass
class Upload:
    """A multipart upload, neither completed nor aborted; `algorithm` is empty if it has no checksums."""

    id: str
    key: str
    initiated: datetime
    headers: dict[str, str]
    metadata: dict[str, str]
    algorithm: str = ''
    checksum_type: str = 'COMPOSITE'
    parts: dict[int, Part] = field(default_factory=dict)


@dataclass
class Bucket:
    """Objects by their keys, and uploads by their ids."""

    name: str
    objects: dict[str, Object] = field(default_factory=dict)
    uploads: dict[str, Upload] = field(default_factory=dict)


@dataclass
class World:
    """The settings, which a test may change at any time, and all that is stored.

    Where a bucket may be named and is not, it is the one that was made last. With `public`, everybody may get
    objects.
    """

    conditional: Literal['yes', 'ignored', 'refused'] = 'yes'
    checksums: Literal['yes', 'ignored'] = 'yes'
    multipart: bool = True
    public: bool = False
    page_size: int = 1000
    min_part_bytes: int = MIN_PART_BYTES
    region: str = 'us-east-1'
    access_keys: set[str] = field(default_factory=lambda: {'test', kit.CREDENTIALS['AWS_ACCESS_KEY_ID']})
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    buckets: dict[str, Bucket] = field(default_factory=dict)
    _numbers: 'count[int]' = field(default_factory=count)

    def new_bucket(self) -> str:
        """`s3://NAME/archive`, a prefix in a bucket of its own."""
        name = f'b{uuid4().hex}'
        self.buckets[name] = Bucket(name)
        return f's3://{name}/archive'

    def objects(self, bucket: str = '') -> dict[str, Object]:
        """All objects by their keys."""
        return self.bucket(bucket).objects

    def object(self, key: str, *, bucket: str = '') -> Object:
        return self.objects(bucket)[key]

    def uploads(self, bucket: str = '') -> list[Upload]:
        """The open uploads, the oldest first."""
        return list(self.bucket(bucket).uploads.values())

    def damage(self, key: str, *, bucket: str = '') -> None:
        """Flips a bit of the object in its store, which S3 does not notice."""
        objects = self.objects(bucket)
        objects[key] = replace(objects[key], body=flipped(objects[key].body))

    def replace(self, key: str, body: bytes, *, bucket: str = '') -> None:
        """Puts another object in its place, with neither metadata nor checksums."""
        assert key in self.objects(bucket)
        self.objects(bucket)[key] = Object(body, etag(body), self.clock())

    def delete(self, key: str, *, bucket: str = '') -> None:
        """Takes the object away."""
        del self.objects(bucket)[key]

    def bucket(self, name: str = '') -> Bucket:
        return self.buckets[name] if name else next(reversed(self.buckets.values()))

    def bucket_of(self, call: Call) -> Bucket:
        """The bucket that the call names; refuses if there is none."""
        if call.bucket not in self.buckets:
            raise refusal(404, 'NoSuchBucket', 'there is no such bucket', BucketName=call.bucket)
        return self.buckets[call.bucket]

    def upload_of(self, call: Call) -> Upload:
        """The open upload that the call names; refuses if there is none, or it is of another key."""
        upload = self.bucket_of(call).uploads.get(call.query['uploadId'])
        if not upload or upload.key != call.key:
            raise refusal(404, 'NoSuchUpload', 'there is no such upload; it may be completed or aborted')
        return upload

    def next_upload_id(self) -> str:
        """Ids that sort as the uploads were begun."""
        return f'{next(self._numbers):08d}-{uuid4().hex}'


def etag(body: bytes) -> str:
    return f'"{hashlib.md5(body).hexdigest()}"'


def flipped(body: bytes) -> bytes:
    """The bytes with one bit in their middle changed."""
    middle = len(body) // 2
    return body[:middle] + bytes(byte ^ 1 for byte in body[middle : middle + 1]) + body[middle + 1 :]
