"""Sizes and spans of time as people write them in settings: `500G`, `14d`."""

import re
from datetime import timedelta

LONGEST_SPAN = timedelta(days=36_500)

_BYTES = {'': 1, 'K': 10**3, 'M': 10**6, 'G': 10**9, 'T': 10**12}
_HOURS = {'h': 1, 'd': 24, 'w': 168}


def parse_size(text: str) -> int:
    """Bytes, or as many K, M, G or T, which are powers of 1000; raises ValueError for anything else."""
    match = re.fullmatch('([0-9]{1,18})([KMGT]?)', text)
    if not match:
        raise ValueError
    return int(match[1]) * _BYTES[match[2]]


def parse_span(text: str) -> timedelta:
    """So many h, d or w, more than none and up to LONGEST_SPAN; raises ValueError for anything else."""
    match = re.fullmatch('([0-9]{1,6})([hdw])', text)
    span = timedelta(hours=int(match[1]) * _HOURS[match[2]]) if match else timedelta()
    if not timedelta() < span <= LONGEST_SPAN:
        raise ValueError
    return span


def span_text(span: timedelta) -> str:
    """A span of whole hours as `parse_span` reads it."""
    days, rest = divmod(span, timedelta(days=1))
    return f'{span // timedelta(hours=1)}h' if rest else f'{days}d'
