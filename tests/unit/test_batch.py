"""Several segments as one stream: what is written is read, by `tarfile` too, and what lies is refused."""

import tarfile
from collections.abc import Iterable, Mapping
from io import BytesIO
from itertools import accumulate
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from common import batch, digest
from common.errors import BatchError
from common.segment import TYPES, is_name
from tests.kit.build import fragments, piece, run_of

LIMIT_BYTES = 10_000
NAME, OTHER = (each.name for each in run_of(2))
LONG = fragments(1)[1].name

names = st.from_regex(
    rf'[0-5][0-9]:[0-5][0-9](\.[0-9]{{1,6}})?-[0-9]{{1,6}}(\.[0-9]{{1,9}})?-({"|".join(TYPES)})'
    rf'-({digest.PATTERN}\.(ts|tombstone)|{digest.PATTERN}-{digest.PATTERN}\.(m4s|tombstone))'
    rf'|00:00-0-init-{digest.PATTERN}\.mp4',
    fullmatch=True,
    alphabet=st.characters(codec='ascii'),
)
sizes = st.one_of(st.sampled_from([0, 1, 511, 512, 513, 1024]), st.integers(0, 3000))
bodies = st.builds(lambda size, seed: (seed * 3000)[:size], sizes, st.binary(min_size=1, max_size=5))


def member(name: str, body: bytes) -> bytes:
    return batch.header(name, len(body)) + body + batch.padding(len(body))


def archive(held: Mapping[str, bytes]) -> bytes:
    return b''.join(member(*each) for each in held.items()) + batch.END


def reader(stream: bytes, block_sizes: Iterable[int] = ()) -> batch.ReadInto:
    """Reads the stream in pieces of at most these sizes, and then the rest of it."""
    source, sizes = BytesIO(stream), iter(block_sizes)
    return lambda buffer: source.readinto(buffer[: next(sizes, len(buffer))])


def read(stream: bytes, asked: Iterable[str], block_sizes: Iterable[int] = ()) -> dict[str, bytes]:
    """The members of a stream that is as agreed."""
    found = batch.members(reader(stream, block_sizes), set(asked), LIMIT_BYTES)
    return {each.name: bytes(each.body) for each in found}


def whole_before_the_error(stream: bytes, asked: Iterable[str]) -> dict[str, bytes]:
    """The members of a stream that raises BatchError."""
    whole: dict[str, bytes] = {}
    found = batch.members(reader(stream), set(asked), LIMIT_BYTES)
    with pytest.raises(BatchError):
        whole.update((each.name, bytes(each.body)) for each in found)
    return whole


def changed(head: bytes, offset: int, field: bytes) -> bytes:
    """The header with another field, and the checksum of that."""
    head = head[:offset] + field + head[offset + len(field) :]
    return head[:148] + f'{tarfile.calc_chksums(head)[0]:06o}\0 '.encode() + head[156:]


def with_size(field: bytes) -> bytes:
    return changed(batch.header(NAME, 1), 124, field)


def by_tarfile(form: int = tarfile.USTAR_FORMAT, **fields: object) -> bytes:
    """A header, or several, as Python writes them."""
    info = tarfile.TarInfo(NAME)
    for field, value in fields.items():
        setattr(info, field, value)
    return info.tobuf(form)


@given(st.dictionaries(names, bodies, max_size=5), st.lists(st.integers(1, 2000), max_size=20))
@example({NAME: b'x' * 511, OTHER: b''}, [512, 511, 1, 1, 511])
def test_what_was_written_is_read_however_the_stream_is_cut(
    held: dict[str, bytes], block_sizes: list[int]
) -> None:
    assert all(map(is_name, held))
    assert read(archive(held), held, block_sizes) == held
    assert len(archive(held)) == sum(
        batch.member_bytes(name, len(body)) for name, body in held.items()
    ) + len(batch.END)


@given(st.dictionaries(names, bodies, max_size=5))
def test_tarfile_reads_what_we_write(held: dict[str, bytes]) -> None:
    with tarfile.open(fileobj=BytesIO(archive(held)), mode='r:') as opened:
        found = {each.name: opened.extractfile(each) for each in opened}
        assert {name: file.read() for name, file in found.items() if file} == held
        assert all(each.isreg() and each.mode == 0o644 for each in opened.getmembers())


@given(st.dictionaries(names, bodies, max_size=5))
@example({LONG: b'x', NAME: b'y'})
def test_we_read_what_tarfile_writes(held: dict[str, bytes]) -> None:
    stream = BytesIO()
    with tarfile.open(fileobj=stream, mode='w', format=tarfile.PAX_FORMAT) as written:
        for name, body in held.items():
            info = tarfile.TarInfo(name)
            info.size = len(body)
            written.addfile(info, BytesIO(body))
    assert read(stream.getvalue(), held) == held


def test_we_read_real_files_that_tarfile_packed(tmp_path: Path) -> None:
    each, stream = piece(), BytesIO()
    (tmp_path / each.name).write_bytes(each.body)
    with tarfile.open(fileobj=stream, mode='w', format=tarfile.USTAR_FORMAT) as written:
        written.add(tmp_path / each.name, each.name)
    assert read(stream.getvalue(), [each.name]) == {each.name: each.body}


@pytest.mark.parametrize('size', [batch.BUFFER_BYTES - 1, batch.BUFFER_BYTES, 3 * batch.BUFFER_BYTES])
def test_members_larger_than_the_buffer_come_whole(size: int) -> None:
    held = {each.name: bytes([number]) * size for number, each in enumerate(run_of(3))}
    found = batch.members(reader(archive(held), [100] * 20), held, size)
    assert {each.name: bytes(each.body) for each in found} == held


def test_of_a_stream_cut_anywhere_the_whole_members_come_and_then_an_error() -> None:
    held = {each.name: b'x' * size for each, size in zip(run_of(4), (700, 0, 10, 512), strict=True)}
    stream = archive(held)
    ends = [
        end - len(batch.padding(len(body)))
        for end, body in zip(
            accumulate(batch.member_bytes(name, len(body)) for name, body in held.items()),
            held.values(),
            strict=True,
        )
    ]
    for cut in range(len(stream)):
        whole = dict(list(held.items())[: sum(end <= cut for end in ends)])
        assert whole_before_the_error(stream[:cut], held) == whole, cut


REFUSED = {
    'a name that was not asked for': batch.header(piece('2026-11-14T03:59:59').name, 0),
    'more than the limit': batch.header(NAME, LIMIT_BYTES + 1),
    'an absolute name': batch.header(f'/{NAME}', 1),
    'a name that leads out': batch.header(f'../{NAME}', 1),
    'a name in a folder': batch.header(f'./{NAME}', 1),
    'a name that goes on after its end': changed(batch.header(NAME, 1), len(NAME), b'\0x'),
    'a name that is not ASCII': changed(batch.header(NAME, 1), 0, 'ü'.encode()),
    'no name': changed(batch.header(NAME, 1), 0, bytes(100)),
    'a file that names a link': by_tarfile(linkname='/etc/passwd'),
    'a folder to be put before the name': changed(batch.header(NAME, 1), 345, b'..'),
    'a folder of zeros to be put before the name': changed(batch.header(NAME, 1), 345, b'0'),
    'a device number': by_tarfile(type=tarfile.CHRTYPE, devmajor=1, devminor=3),
    'the magic of GNU tar': by_tarfile(tarfile.GNU_FORMAT),
    'no magic': changed(batch.header(NAME, 1), 257, bytes(8)),
    'a long name of GNU tar': by_tarfile(tarfile.GNU_FORMAT, name=f'{"x/" * 60}{NAME}'),
    'an extended header for a name': by_tarfile(tarfile.PAX_FORMAT, pax_headers={'path': '../x'}),
    'an extended header for a size': by_tarfile(tarfile.PAX_FORMAT, pax_headers={'size': '5'}),
    'an extended header for all': tarfile.TarInfo.create_pax_global_header({'comment': 'x'}),
    'a size to the base of 256': with_size(b'\x80' + bytes(10) + b'\x01'),
    'a negative size to the base of 256': with_size(b'\xff' * 12),
    'a negative size': with_size(b'-0000000001\0'),
    'a size with a sign': with_size(b'+0000000001\0'),
    'a size with spaces before': with_size(b'          1\0'),
    'a size with a space inside': with_size(b'00000 00001\0'),
    'a size with an underscore': with_size(b'0000_000001\0'),
    'a size that is not octal': with_size(b'00000000008\0'),
    'no size': with_size(bytes(12)),
    'a bad checksum': batch.header(NAME, 1)[:148] + b'000001\0 ' + batch.header(NAME, 1)[156:],
    'no checksum': batch.header(NAME, 1)[:148] + bytes(8) + batch.header(NAME, 1)[156:],
    'text': b'<html>' * 200,
    'a long name that was not asked for': batch.header(LONG.replace('full', 'partial'), 1),
    'a long name without a member': batch.header(LONG, 1)[:1024] + batch.header(LONG, 1)[:1024],
    'a long name for another member': batch.header(LONG, 1)[:1024] + batch.header(NAME, 1),
    'a long name of another length': changed(batch.header(LONG, 1)[:512], 124, b'00000000200')
    + batch.header(LONG, 1)[512:],
    'a long name and a size': batch.header(LONG, 1).replace(b'.m4s\n' + bytes(7), b'.m4s\n9 size=5\n', 1),
    'only the beginning of a long name': batch.header(LONG, 1)[1024:],
    'one end marker of two': bytes(512) + batch.header(NAME, 1),
    'nothing': b'',
    **{f'a member of type {kind!a}': by_tarfile(type=kind.encode()) for kind in '\x001234567gxXLKSDVA'},
}


@pytest.mark.parametrize('case', REFUSED)
def test_what_is_no_plain_file_that_was_asked_for_is_refused(case: str) -> None:
    good = {OTHER: b'good'}
    stream = member(OTHER, b'good') + REFUSED[case] + b'x' + bytes(2047)
    assert whole_before_the_error(stream, [NAME, OTHER, LONG]) == good


def test_a_name_may_not_come_twice() -> None:
    stream = member(NAME, b'first') + member(NAME, b'second') + batch.END
    assert whole_before_the_error(stream, [NAME]) == {NAME: b'first'}


@pytest.mark.parametrize('end', [b'', bytes(512), bytes(1023), bytes(1023) + b'x'])
def test_an_end_that_is_missing_or_wrong_is_refused(end: bytes) -> None:
    assert whole_before_the_error(member(NAME, b'good') + end, [NAME]) == {NAME: b'good'}


@given(st.sampled_from([NAME, LONG]), st.integers(0, 1535), st.integers(0, 255))
def test_a_header_with_any_other_byte_is_refused(name: str, offset: int, value: int) -> None:
    head = batch.header(name, 1)
    damaged = head[: offset % len(head)] + bytes([value]) + head[offset % len(head) + 1 :]
    if head != damaged and offset % len(head) not in range(len(head) - 364, len(head) - 356):
        assert whole_before_the_error(damaged + b'x' + bytes(511) + batch.END, [name]) == {}


@given(st.binary(min_size=512, max_size=2048))
def test_garbage_is_refused(stream: bytes) -> None:
    if stream[:1024].strip(b'\0'):
        assert whole_before_the_error(stream, [NAME]) == {}


def test_a_stream_of_zeros_is_an_empty_archive_and_ends() -> None:
    taken: list[int] = []

    def zeros(buffer: memoryview) -> int:
        taken.append(len(buffer))
        buffer[:512] = bytes(512)
        return 512

    assert list(batch.members(zeros, [NAME], LIMIT_BYTES)) == []
    assert len(taken) == 2


def test_a_stream_that_goes_on_after_its_end_is_left_there() -> None:
    assert read(archive({NAME: b'x'}) + b'more' * 10, [NAME]) == {NAME: b'x'}
