"""What an S3 store really does, tried with a small object: stores answer 200 to what they ignore."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from backfiller.mirror.objects import Objects
from common import digest
from common.errors import SegmentError

FOLDER = '.probe/'
BODY = b'segmesh asks what this store does\n'
OTHER = b'segmesh asks what this store does.\n'


@dataclass(frozen=True)
class Guarantees:
    """Whether a store refuses bytes of another SHA-256 than stands beside them, and honours If-None-Match."""

    checks_sha256: bool = True
    conditional: bool = True

    def weaker(self) -> Iterator[str]:
        """What is not guaranteed, and what is done instead."""
        if not self.checks_sha256:
            yield 'it does not check SHA-256: each ETag is compared with the MD5 of what was sent'
        if not self.conditional:
            yield 'it does not honour If-None-Match: nodes that mirror the same hour may send it twice'


def probe(calls: Objects, node_id: str) -> Guarantees:
    """Tries it out; raises SourceError or StoreError if the bucket is of no use at all."""
    path = FOLDER + node_id
    calls.put(path, BODY)
    try:
        return Guarantees(
            checks_sha256=_refuses(calls, path, ChecksumSHA256=digest.to_base64(digest.sha256([OTHER]))),
            conditional=_refuses(calls, path, IfNoneMatch='*'),
        )
    finally:
        with suppress(SegmentError):  # a store that lets nobody delete keeps it, which does no harm
            calls.delete(path)


def _refuses(calls: Objects, path: str, **arguments: str) -> bool:
    """Whether the store says no for the right reason: one that does not know how says something else."""
    try:
        calls.put(path, BODY, **arguments)
    except SegmentError as error:
        return error.reason in ('hash', 'conflict')
    return False
