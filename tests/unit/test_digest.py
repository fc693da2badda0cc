"""The digests, against hashlib by hand and against each other."""

import base64
import hashlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common import digest

EMPTY = '47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU'


def test_the_digest_of_nothing_is_the_known_one() -> None:
    assert digest.sha256([]) == EMPTY
    assert digest.to_hex(EMPTY) == hashlib.sha256(b'').hexdigest()


@given(st.lists(st.binary()))
def test_chunks_do_not_matter(chunks: list[bytes]) -> None:
    assert digest.sha256(chunks) == digest.from_bytes(hashlib.sha256(b''.join(chunks)).digest())


@given(st.binary(min_size=32, max_size=32))
def test_every_form_leads_back(raw: bytes) -> None:
    text = digest.from_bytes(raw)
    assert re.fullmatch(digest.PATTERN, text)
    assert digest.to_bytes(text) == raw
    assert digest.to_hex(text) == raw.hex()
    assert base64.b64decode(digest.to_base64(text), validate=True) == raw


@pytest.mark.parametrize('last', 'BCDFGHJKLNOPRSTVWXZabdefhijlmnpqrtuvxyz1235679-_')
def test_another_spelling_of_the_last_bits_is_no_digest(last: str) -> None:
    assert not re.fullmatch(digest.PATTERN, EMPTY[:-1] + last)


@given(st.sets(st.text(st.characters(min_codepoint=32, max_codepoint=0x2FFF)), min_size=1), st.randoms())
def test_a_fingerprint_is_that_of_the_sorted_lines_in_any_order(names: set[str], random: object) -> None:
    by_hand = hashlib.sha256()
    for line in sorted(name.encode() for name in names):
        by_hand.update(line + b'\n')
    shuffled = list(names)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert digest.fingerprint(shuffled) == digest.fingerprint(iter(names)) == by_hand.hexdigest()


def test_an_empty_hour_has_the_fingerprint_of_nothing() -> None:
    assert digest.fingerprint([]) == hashlib.sha256().hexdigest()


def test_one_name_more_is_another_fingerprint() -> None:
    assert digest.fingerprint(['a', 'b']) != digest.fingerprint(['a'])
    assert digest.fingerprint(['ab']) != digest.fingerprint(['a', 'b'])


def test_bytes_from_the_disk_that_are_no_utf_8_have_a_fingerprint() -> None:
    assert digest.fingerprint(['\udcff']) == hashlib.sha256(b'\xff\n').hexdigest()
