"""Times as people write them: ISO 8601 in UTC, or hours ago, or a clear refusal."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import UsageError
from common.times import iso, parse_time, since, utc_now
from tests.kit.build import at

NOW = at('2026-11-14T03:07:26.5')


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_written_time_reads_back(time: datetime) -> None:
    assert parse_time(iso(time)) == time


@pytest.mark.parametrize(
    'text',
    [
        '2026-11-14T03:07:26.5Z',
        '2026-11-14T03:07:26.5',
        '2026-11-14T03:07:26.500000+00:00',
        '20261114T030726.5Z',
    ],
)
def test_utc_may_be_written_in_several_ways(text: str) -> None:
    assert parse_time(text) == NOW
    assert parse_time(text).tzinfo is UTC


@pytest.mark.parametrize('text', ['2026-11-14T03:07+01:00', '2026-11-14T03:07-0030'])
def test_another_zone_is_refused_by_name(text: str) -> None:
    with pytest.raises(UsageError, match='is not in UTC'):
        parse_time(text)


@pytest.mark.parametrize(
    'text',
    ['', 'yesterday', '2026-13-01', '2026-02-29', '2026-11-14T25:00', '2026-11-14T03:07:26+99:00',
     '9999-12-31T24:00', '2026-11-14T03:07\n', '\u0662026-11-14', '2026-11-14T03:07:26Z;',
     '\0', '-', 'nan', 'P1D'],
)  # fmt: skip
def test_what_is_no_time_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError, match='is not an ISO 8601 time') as caught:
        parse_time(text)
    assert str(caught.value).isascii()


@settings(deadline=None)
@given(st.one_of(st.text(max_size=30), st.from_regex(r'[0-9TZW:+\-.,]{1,30}', fullmatch=True)))
def test_any_text_is_a_time_in_utc_or_a_usage_error(text: str) -> None:
    for reading in (parse_time, lambda given: since(given, NOW)):
        with suppress(UsageError):
            assert reading(text).tzinfo is UTC


@pytest.mark.parametrize(('text', 'ago'), [('3', 3), ('0.5', 0.5), ('0', 0), ('72', 72)])
def test_since_counts_hours_back(text: str, ago: float) -> None:
    assert since(text, NOW) == NOW - timedelta(hours=ago)


def test_since_takes_a_time_as_well() -> None:
    assert since('2026-11-14T03:07:26.5Z', NOW) == NOW


@pytest.mark.parametrize('text', ['1e300', 'inf', '-inf', '99999999', '-99999999', 'nan', 'recently'])
def test_since_refuses_what_leads_nowhere(text: str) -> None:
    with pytest.raises(UsageError):
        since(text, NOW)


@pytest.mark.parametrize(
    ('time', 'text'),
    [(NOW, '2026-11-14T03:07:26.500000Z'), (at('2026-11-14T03:00:00'), '2026-11-14T03:00:00Z')],
)
def test_times_are_written_with_z(time: datetime, text: str) -> None:
    assert iso(time) == text
    assert iso(time.astimezone()) == text


def test_the_clock_is_in_utc() -> None:
    assert utc_now().tzinfo is UTC
