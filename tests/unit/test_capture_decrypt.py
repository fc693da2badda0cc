"""AES-128 as RFC 8216 uses it."""

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from backfiller.capture.decrypt import REMEMBERED, Keys, decrypt, vector
from common.errors import SegmentError
from common.hls.parts import Key

SECRET = bytes(range(16))
IV = bytes(range(16, 32))


def encrypted(clear: bytes) -> bytes:
    encryptor = Cipher(AES(SECRET), CBC(IV)).encryptor()
    return encryptor.update(clear) + encryptor.finalize()


@pytest.mark.parametrize('size', [0, 1, 15, 16, 17, 1880])
def test_the_padding_goes(size: int) -> None:
    clear = b'x' * size
    pad = 16 - size % 16
    assert decrypt(encrypted(clear + bytes([pad]) * pad), SECRET, IV) == clear


def test_of_what_broke_off_the_blocks_are_kept() -> None:
    assert decrypt(encrypted(b'x' * 64)[:40], SECRET, IV, is_whole=False) == b'x' * 32


@pytest.mark.parametrize(
    ('content', 'reason'),
    [
        (b'', 'truncated'),
        (b'x' * 17, 'truncated'),
        (encrypted(b'x' * 16), 'encrypted'),
        (encrypted(b'x' * 15 + b'\x00'), 'encrypted'),
        (encrypted(b'x' * 14 + b'\x03\x02'), 'encrypted'),
    ],
)
def test_what_does_not_fit_is_refused(content: bytes, reason: str) -> None:
    with pytest.raises(SegmentError) as caught:
        decrypt(content, SECRET, IV)
    assert caught.value.reason == reason


def test_the_vector_is_the_sequence_number_unless_one_is_told() -> None:
    assert vector(Key('AES-128', 'k', None), 0x1234) == bytes(14) + b'\x12\x34'
    assert vector(Key('AES-128', 'k', IV), 5) == IV


def test_each_key_is_fetched_once_until_it_does_not_fit() -> None:
    asked: list[str] = []

    def fetch(uri: str) -> bytes:
        asked.append(uri)
        return SECRET

    keys = Keys(fetch)
    one = Key('AES-128', 'one', None)
    assert keys.get(one) == keys.get(one) == SECRET
    assert asked == ['one']
    keys.forget(one)
    keys.get(one)
    assert asked == ['one', 'one']
    for number in range(REMEMBERED):
        keys.get(Key('AES-128', str(number), None))
    keys.get(one)
    assert asked[-1] == 'one'


@pytest.mark.parametrize(
    ('method', 'secret'), [('SAMPLE-AES', SECRET), ('AES-128', b'short'), ('AES-128', b'')]
)
def test_other_methods_and_keys_are_refused(method: str, secret: bytes) -> None:
    with pytest.raises(SegmentError) as caught:
        Keys(lambda _: secret).get(Key(method, 'k', None))
    assert caught.value.reason == 'encrypted'
