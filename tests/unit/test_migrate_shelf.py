"""By what an object is known again, and with what it is put."""

from datetime import UTC, datetime

import pytest

from backfiller.migrate.shelf import MOST_SOURCE_CHARACTERS, Held, Origins, headers_of
from backfiller.mirror.objects import Head, Sums

DATE = 'Sat, 14 Nov 2026 03:00:00 GMT'
BODY = b'some bytes'


def held(**metadata: str) -> Held:
    sums = Sums.of(BODY)
    said = {name.replace('_', '-'): value for name, value in metadata.items()}
    return Held.of(Head(len(BODY), sums.md5, datetime(2026, 11, 14, tzinfo=UTC), said))


@pytest.mark.parametrize(
    ('known', 'etag', 'modified', 'is_same'),
    [
        (Origins('s', '"a"', DATE), '"a"', '', True),
        (Origins('s', '"a"', DATE), '"b"', DATE, False),
        (Origins('s', '"a"', DATE), '', DATE, False),
        (Origins('s', '', DATE), '"a"', DATE, False),
        (Origins('s', '', DATE), '', DATE, True),
        (Origins('s', '', DATE), '', '', False),
        (Origins('s'), '', '', False),
    ],
)
def test_when_a_server_says_that_nothing_changed(
    known: Origins, etag: str, modified: str, is_same: bool
) -> None:
    assert known.says_the_same(etag, modified) is is_same


def test_the_server_is_asked_by_the_best_that_it_gave() -> None:
    assert Origins('s', '"a"', DATE).conditions() == {'If-None-Match': '"a"'}
    assert Origins('s', '', DATE).conditions() == {'If-Modified-Since': DATE}
    assert Origins('s').conditions() == {}


@pytest.mark.parametrize('etag', ['"a\x00"', '"ä"', ' "a"', '"a  b"', '"' + 'a' * 300 + '"'])
def test_what_metadata_cannot_hold_is_left_out(etag: str) -> None:
    assert Origins('s', etag).metadata() == {'source': 's'}


def test_a_long_source_is_known_by_its_hash() -> None:
    source = 'h/' + 'a' * MOST_SOURCE_CHARACTERS
    said = Origins(source).metadata()['source']
    assert len(said) < 100
    assert held(source=said).is_of(source)
    assert not held(source=said).is_of(source + 'b')


def test_bytes_are_compared_by_the_sha256_or_else_by_an_etag_that_is_their_md5() -> None:
    sums, other = Sums.of(BODY), Sums.of(b'other byte')
    assert held(sha256=sums.sha256).has(sums, len(BODY))
    assert held().has(sums, len(BODY))
    assert not held(sha256=other.sha256).has(sums, len(BODY))
    assert not held().has(other, len(BODY))
    assert not held(sha256=sums.sha256).has(sums, 9)


@pytest.mark.parametrize(
    ('key', 'said', 'kind'),
    [
        ('a/s.ts', 'text/plain', 'video/mp2t'),
        ('a/S.TS', '', 'video/mp2t'),
        ('a/s.vtt', 'binary/octet-stream', 'text/vtt'),
        ('a/k.bin', 'application/octet-stream', 'application/octet-stream'),
        ('a/segment', 'video/mp4', 'video/mp4'),
        ('a/segment', 'video/ü', 'application/octet-stream'),
    ],
)
def test_the_type_is_that_of_the_name_or_what_the_server_said(key: str, said: str, kind: str) -> None:
    assert headers_of(key, said)['ContentType'] == kind
