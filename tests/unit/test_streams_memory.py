"""What a node remembers of its registry over a restart."""

import stat
import tomllib
from pathlib import Path

import pytest

from backfiller.streams.memory import NAME, NOTHING, Memory, decode, encode
from backfiller.streams.registry import Look
from backfiller.streams.stream import Stream
from common.errors import UsageError
from tests.unit.test_stream import WHOLE

URL = 'redis://redis.internal'
LOOK = Look(
    {
        'bus': Stream.read('bus', tomllib.loads(WHOLE), 'x'),
        'tram': Stream.read('tram', {'url': 'http://o/tram', 'placement': {'replicas': 2}}, 'x'),
        'ferry': Stream.read('ferry', {'url': 'http://o/ferry'}, 'x'),
    },
    frozenset({'tram', 'ferry'}),
)


def test_what_was_kept_is_there_again(tmp_path: Path) -> None:
    assert Memory(tmp_path, URL).load() == NOTHING
    Memory(tmp_path, URL).keep(LOOK)
    assert Memory(tmp_path, URL).load() == LOOK
    assert Memory(tmp_path, 'streams.toml').load() == NOTHING


def test_only_its_owner_may_read_it_for_headers_may_be_secret(tmp_path: Path) -> None:
    Memory(tmp_path, URL).keep(LOOK)
    assert [path.name for path in tmp_path.iterdir()] == [NAME]
    assert stat.S_IMODE((tmp_path / NAME).stat().st_mode) == 0o600


def test_the_same_is_not_written_again(tmp_path: Path) -> None:
    memory = Memory(tmp_path, URL)
    memory.keep(LOOK)
    (tmp_path / NAME).unlink()
    memory.keep(LOOK)
    assert not (tmp_path / NAME).exists()


@pytest.mark.parametrize(
    'text',
    [
        b'',
        b'{',
        b'[]',
        b'{"registry": "redis://redis.internal"}',
        encode(LOOK, URL).replace(b'"http://o/tram"', b'"ftp://o/tram"'),
        encode(LOOK, URL).replace(b'"tram": {', b'"../up": {'),
        b'[' * 100_000,
        b'\xff',
    ],
)
def test_what_is_damaged_is_said_and_written_anew(
    tmp_path: Path, text: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / NAME).write_bytes(text)
    memory = Memory(tmp_path, URL)
    assert memory.load() == NOTHING
    assert f'{tmp_path / NAME} cannot be used' in caplog.text
    with pytest.raises((ValueError, UsageError)):
        decode(text, URL)
    memory.keep(LOOK)
    assert Memory(tmp_path, URL).load() == LOOK


def test_a_store_that_is_not_there_yet_is_made(tmp_path: Path) -> None:
    Memory(tmp_path / 'store', URL).keep(LOOK)
    assert Memory(tmp_path / 'store', URL).load() == LOOK


def test_a_store_that_cannot_be_written_is_said_once_and_tried_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / 'store').write_bytes(b'no folder')
    memory = Memory(tmp_path / 'store', URL)
    memory.keep(LOOK)
    memory.keep(LOOK)
    assert caplog.text.count('cannot write') == 1
    (tmp_path / 'store').unlink()
    memory.keep(LOOK)
    assert Memory(tmp_path / 'store', URL).load() == LOOK
