"""Times and spans as people write them, and the clock."""

from datetime import UTC, datetime, timedelta

from dateutil.parser import isoparse

from common.errors import UsageError
from common.segment import shown

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def utc_now() -> datetime:
    """The clock that services hand to what needs one."""
    return datetime.now(UTC)


def parse_time(text: str) -> datetime:
    """An ISO 8601 time in UTC, with `Z`, `+00:00` or no zone; raises UsageError for anything else."""
    try:
        time = isoparse(text)
    except (ValueError, OverflowError):
        raise UsageError(f'{shown(text)} is not an ISO 8601 time such as 2026-11-14T03:07:26Z') from None
    if time.utcoffset():
        raise UsageError(f'{shown(text)} is not in UTC: use Z or no zone')
    return time.replace(tzinfo=UTC)


def iso(time: datetime) -> str:
    """A time as we write it: UTC, `Z`, with microseconds only where there are any."""
    return time.astimezone(UTC).replace(tzinfo=None).isoformat() + 'Z'


def since(text: str, now: datetime) -> datetime:
    """A time, or a number of hours before `now`; raises UsageError."""
    try:
        return now - timedelta(hours=float(text))
    except ValueError:
        return parse_time(text)
    except OverflowError:
        raise UsageError(f'{shown(text)} hours reach too far back') from None
