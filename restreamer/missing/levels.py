"""How much of each minute is there, as one character a minute: what a canvas paints. Pure.

`0` to `9` is floor(9 * covered share), but 9 only when nothing is missing and 0 only when nothing is there;
`-` is not known, and `.` lies outside of what was recorded.
"""

from collections import defaultdict
from datetime import datetime, timedelta

from common.timeline import TOLERANCE, Interval
from common.times import EPOCH
from restreamer.missing.spans import Spans, cut

LEVELS = '0123456789'
MINUTE = timedelta(minutes=1)

_NOTHING, _WHOLE, _UNKNOWN, _OUTSIDE = b'09-.'


def whole_minutes(within: Interval) -> Interval:
    """The minutes that the interval touches."""
    return Interval(minute_of(within.start), next_minute(within.end))


def minute_of(time: datetime) -> datetime:
    return time - (time - EPOCH) % MINUTE


def next_minute(time: datetime) -> datetime:
    """The time itself if it is one."""
    return time + (EPOCH - time) % MINUTE


def levels(within: Interval, window: Interval | None, missing: Spans, unknown: Spans) -> str:
    """A character for each minute of `within` (whole minutes); what is missing is so in the `window`."""
    row = bytearray([_OUTSIDE]) * ((within.end - within.start) // MINUTE)
    for span in cut((window,), within) if window else ():
        _fill(row, within, whole_minutes(span), _WHOLE)
        _mark(row, within, span, cut(missing, span))
    for span in cut(unknown, within):
        _fill(row, within, whole_minutes(span), _UNKNOWN)
    return row.decode()


def _mark(row: bytearray, within: Interval, window: Interval, missing: Spans) -> None:
    """Whole minutes at once, and those that are missing in part by how much of them is."""
    lost: defaultdict[int, timedelta] = defaultdict(timedelta)
    for hole in missing:
        inner = Interval(next_minute(hole.start), minute_of(hole.end))
        if inner.start < inner.end:
            _fill(row, within, inner, _NOTHING)
        for edge in {whole_minutes(hole).start, whole_minutes(hole).end - MINUTE}:
            if not inner.start <= edge < inner.end:
                here = min(hole.end, edge + MINUTE) - max(hole.start, edge)
                lost[(edge - within.start) // MINUTE] += here
    for number, length in lost.items():
        start = within.start + number * MINUTE
        part = min(window.end, start + MINUTE) - max(window.start, start)
        row[number] = ord(_level(length, part))


def _level(lost: timedelta, part: timedelta) -> str:
    """Of a minute, or a part of one, of which something is missing."""
    if part - lost <= TOLERANCE:
        return LEVELS[0]
    return LEVELS[min(max(int(9 * (1 - lost / part)), 1), 8)]


def _fill(row: bytearray, within: Interval, minutes: Interval, level: int) -> None:
    first, last = ((time - within.start) // MINUTE for time in (minutes.start, minutes.end))
    row[first:last] = bytes([level]) * (last - first)
