"""The JSON and the paths of the wire: what we write reads back, what anyone may send ends in one error."""

import json
from contextlib import suppress
from urllib.parse import unquote, urljoin

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common import wire
from common.errors import ListingError
from common.segment import Hour
from common.wire import HourSummary
from tests.kit.build import HOUR, piece

summaries = st.builds(HourSummary, st.integers(0, 10_000), st.from_regex('[0-9a-f]{64}', fullmatch=True))
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)

NO_JSON = [b'', b'<html>', b'\xff\xfe\xfd', b'["\xff"]', b'[', b'[' * 100_000, b'{"a":' * 50_000, b'9' * 5000]


@given(st.lists(st.text()))
def test_a_listing_reads_back(names: list[str]) -> None:
    assert wire.decode_listing(wire.encode_listing(names).encode()) == sorted(names)


@given(st.dictionaries(st.text(), summaries))
def test_summaries_read_back(answer: dict[str, HourSummary]) -> None:
    assert wire.decode_summaries(wire.encode_summaries(answer).encode()) == answer


@pytest.mark.parametrize('body', [b'[]', b'["2026-11-14T03"]', b'[1, null]'])
def test_a_plain_list_for_fingerprints_means_a_plain_peer(body: bytes) -> None:
    assert wire.decode_summaries(body) is None


@pytest.mark.parametrize(
    'body',
    [*NO_JSON, b'{}', b'null', b'"a"', b'1', b'NaN', b'[123]', b'["a", null]', b'[["a"]]'],
    ids=lambda value: ascii(value)[:40],
)
def test_a_listing_that_is_none_is_a_listing_error(body: bytes) -> None:
    with pytest.raises(ListingError) as caught:
        wire.decode_listing(body)
    assert str(caught.value).isascii()
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize(
    'body',
    [*NO_JSON, b'null', b'"a"', b'1', b'true',
     b'{"a": null}', b'{"a": 1}', b'{"a": []}', b'{"a": "b"}', b'{"a": {}}',
     b'{"a": {"segments": "1", "fingerprint": "f"}}', b'{"a": {"segments": 1, "fingerprint": null}}',
     b'{"a": {"segments": true, "fingerprint": "f"}}', b'{"a": {"segments": 1.5, "fingerprint": "f"}}'],
    ids=lambda value: ascii(value)[:40],
)  # fmt: skip
def test_fingerprints_that_are_none_are_a_listing_error(body: bytes) -> None:
    with pytest.raises(ListingError) as caught:
        wire.decode_summaries(body)
    assert str(caught.value).isascii()


@settings(deadline=None)
@given(st.one_of(st.binary(max_size=60), values.map(lambda value: json.dumps(value).encode())))
def test_any_body_is_an_answer_or_a_listing_error(body: bytes) -> None:
    with suppress(ListingError):
        assert all(isinstance(name, str) for name in wire.decode_listing(body))
    with suppress(ListingError):
        found = wire.decode_summaries(body)
        assert found is None or all(isinstance(each, HourSummary) for each in found.values())


def test_paths_are_built_level_by_level() -> None:
    assert wire.streams_path() == '/files'
    assert wire.variants_path('bus') == '/files/bus'
    assert wire.hours_path('bus', 'source') == '/files/bus/source'
    assert wire.names_path(HOUR) == '/files/bus/source/2026-11-14T03'


def test_the_path_of_a_segment_is_also_a_relative_reference() -> None:
    path = wire.segment_path(piece().segment)
    assert ':' not in path
    assert unquote(path) == f'/segments/{piece().path}'
    assert urljoin('http://node/playlist/', path.rpartition('/')[2]).startswith(
        'http://node/playlist/07%3A26'
    )


def test_paths_of_odd_labels_stay_below_files() -> None:
    hour = Hour.parse('-a.b_', 'x..y', '2026-11-14T03')
    assert wire.names_path(hour) == '/files/-a.b_/x..y/2026-11-14T03'
