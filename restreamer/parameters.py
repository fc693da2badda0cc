"""What may stand in a URL's path and query. Anything else is a 400 that names the parameter."""

from datetime import datetime, timedelta
from typing import Any

from flask import request
from werkzeug.exceptions import BadRequest
from werkzeug.routing import BaseConverter

from common.errors import SegmentError, UsageError
from common.segment import ONE_HOUR, check_label, hour_start, shown
from common.timeline import Interval
from common.times import iso, parse_time

LONGEST_RANGE = timedelta(days=31)
YEARS = range(2, 9999)


class _Checked(BaseConverter):
    regex = '[^/]+'

    def to_python(self, value: str) -> str:
        try:
            self.check(value)
        except SegmentError as error:
            raise BadRequest(str(error)) from None
        return value

    def check(self, value: str) -> Any:
        raise NotImplementedError


class _Stream(_Checked):
    def check(self, value: str) -> Any:
        return check_label('stream', value)


class _Variant(_Checked):
    def check(self, value: str) -> Any:
        return check_label('variant', value)


class _Hour(_Checked):
    def check(self, value: str) -> Any:
        return hour_start(value)


CONVERTERS: dict[str, type[BaseConverter]] = {'stream': _Stream, 'variant': _Variant, 'hour': _Hour}


def flag(name: str) -> bool:
    """A query parameter that is `true` or `false`, or missing, which is false."""
    text = request.args.get(name, 'false')
    if text not in ('true', 'false'):
        raise BadRequest(f'{name}: {shown(text)} is not true or false')
    return text == 'true'


def time(name: str) -> datetime | None:
    """A query parameter that is an ISO 8601 time in UTC, or None if it is missing."""
    text = request.args.get(name)
    if text is None:
        return None
    try:
        found = parse_time(text)
    except UsageError as error:
        raise BadRequest(f'{name}: {error}') from None
    if found.year not in YEARS:
        raise BadRequest(f'{name}: {shown(text)} is not in the years {YEARS[0]} to {YEARS[-1]}')
    return found


def interval(now: datetime, length: timedelta = ONE_HOUR) -> Interval:
    """From `start`, or for a `length`, up to `end`, or to now; neither empty nor unreasonably long."""
    end = time('end') or now
    start = time('start') or end - length
    if start >= end:
        raise BadRequest(f'start: {iso(start)} is not before the end, {iso(end)}')
    if end - start > LONGEST_RANGE:
        raise BadRequest(f'start: at most {LONGEST_RANGE.days} days may lie between start and end')
    return Interval(start, end)
