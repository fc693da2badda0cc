"""A bucket of small objects in memory, as the live layout and push see it."""

import hashlib
from collections.abc import Callable
from typing import NamedTuple, cast

from backfiller.mirror.bucket import Bucket, Text
from common.errors import SegmentError, StoreError
from common.place import Chunks, verified
from common.segment import Segment


class Object(NamedTuple):
    """What is kept of an object."""

    body: bytes
    content_type: str
    cache_control: str

    @property
    def text(self) -> str:
        return self.body.decode()


class Objects:
    """Objects by their paths; `order` is that of the puts, `asked` how many requests there were."""

    url = 's3://b/p'

    def __init__(self) -> None:
        self.there: dict[str, Object] = {}
        self.order: list[str] = []
        self.asked = 0
        self.fails: Callable[[str], bool] = lambda _: False
        self.before_put: Callable[[], None] = lambda: None

    @property
    def bucket(self) -> Bucket:
        return cast(Bucket, self)

    def get_version(self, path: str) -> Text | None:
        self.asked += 1
        found = self.there.get(path)
        return Text(found.text, hashlib.md5(found.body).hexdigest()) if found else None

    def get_text(self, path: str) -> str | None:
        found = self.get_version(path)
        return found.text if found else None

    def replace_text(
        self, path: str, text: str, *, over: Text | None, content_type: str, cache_control: str
    ) -> bool:
        meddle, self.before_put = self.before_put, lambda: None
        meddle()
        if self.get_version(path) != over:
            return False
        self.put_file(path, text.encode(), content_type=content_type, cache_control=cache_control)
        return True

    def put_file(self, path: str, body: bytes, *, content_type: str, cache_control: str) -> None:
        self.asked += 1
        if self.fails(path):
            raise StoreError(f'{path} is refused')
        self.there[path] = Object(body, content_type, cache_control)
        self.order.append(path)

    def sha256_of(self, path: str) -> str | None:
        self.asked += 1
        found = self.there.get(path)
        return hashlib.sha256(found.body).hexdigest() if found else None

    def add(self, segment: Segment, chunks: Chunks) -> int:
        self.asked += 1
        if self.fails(segment.path):
            raise SegmentError('refused', f'{segment.path} is refused')
        body = b''.join(verified(segment, chunks))
        self.put_file(segment.path, body, content_type='video/mp2t', cache_control='immutable')
        return len(body)

    def delete(self, path: str) -> None:
        del self.there[path]
