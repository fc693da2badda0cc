"""What a store does when the system refuses: which error is of one segment, and which of the whole store."""

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from common.disk import Disk
from common.errors import ListingError, SegmentError, SegmeshError, StoreError
from tests.kit.build import HOUR, Piece, files_below, fill, piece

NOBODY = 65534


@contextmanager
def forbidden(folder: Path) -> Iterator[None]:
    """For the length of the block the folder really cannot be entered or read by us, even if we are root."""
    folder.chmod(0)
    euid = os.geteuid()
    if euid == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(euid)
        folder.chmod(0o755)


def refuse(monkeypatch: pytest.MonkeyPatch, call: str, number: int) -> None:
    """Lets a system call fail with this error."""

    def refused(*args: Any, **kwargs: Any) -> Any:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, call, refused)


def write_to_a_full_device(monkeypatch: pytest.MonkeyPatch) -> None:
    """Temps are opened as usual, but what is written to them meets the kernel's own ENOSPC."""
    real = os.fdopen

    def fdopen(handle: int, *args: Any, **kwargs: Any) -> Any:
        full = os.open('/dev/full', os.O_WRONLY)
        os.dup2(full, handle)
        os.close(full)
        return real(handle, *args, **kwargs)

    monkeypatch.setattr(os, 'fdopen', fdopen)


def reason_of(call: Callable[[], object]) -> str:
    with pytest.raises(SegmentError) as caught:
        call()
    return caught.value.reason


def read_back(disk: Disk, each: Piece) -> bytes:
    with disk.open(each.segment) as file:
        return file.read()


def add(disk: Disk, each: Piece) -> int:
    return disk.add(each.segment, [each.body])


@pytest.fixture
def disk(store: Path) -> Disk:
    return Disk(store)


@pytest.mark.parametrize('number', [errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.EACCES, errno.EIO])
@pytest.mark.parametrize('call', ['open', 'fsync', 'rename', 'mkdir'])
def test_a_refused_call_is_of_the_store_or_of_the_one_segment(
    disk: Disk, store: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int
) -> None:
    of_the_store = number in (errno.ENOSPC, errno.EROFS, errno.EDQUOT) or call == 'open'
    before = piece('2026-11-14T05:00:00')
    add(disk, before)
    with monkeypatch.context() as broken:
        refuse(broken, call, number)
        with pytest.raises(SegmeshError, match=os.strerror(number)) as caught:
            add(disk, piece())
    assert isinstance(caught.value, StoreError) is of_the_store
    assert of_the_store or getattr(caught.value, 'reason', '') == 'unwritable'
    assert piece().path in str(caught.value)
    assert files_below(store) == {before.path: before.body}
    assert add(disk, piece())


@pytest.mark.parametrize('body', [b'short', b'x' * 1_000_000])
def test_a_device_that_is_full_is_a_store_error(
    disk: Disk, store: Path, monkeypatch: pytest.MonkeyPatch, body: bytes
) -> None:
    with monkeypatch.context() as broken:
        write_to_a_full_device(broken)
        with pytest.raises(StoreError, match='No space left'):
            add(disk, piece(body=body))
    assert files_below(store) == {}
    assert add(disk, piece(body=body)) == len(body)


def test_an_hour_that_we_may_not_enter_is_an_error_of_its_own(disk: Disk, store: Path) -> None:
    each = piece()
    fill(store, [each])
    with forbidden(store / each.hour.path):
        with pytest.raises(ListingError, match='cannot list'):
            disk.names(HOUR)
        assert reason_of(lambda: disk.open(each.segment)) == 'unreadable'
    assert read_back(disk, each) == each.body
