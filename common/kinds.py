"""Kinds of settings: what each is called, what is allowed, and how it is read from text."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from common.errors import SegmentError
from common.quantities import parse_size, parse_span
from common.segment import check_label

SHORTEST_INTERVAL = 0.1
EACH = 'a list, each '
_HOST = re.compile(r'(?:[0-9A-Za-z._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?')


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of value: what to call it, what is allowed, and how to read it from text (ValueError if not)."""

    metavar: str
    allowed: str
    parse: Callable[[str], Any]
    many: bool = False


def many(kind: Kind) -> Kind:
    return Kind(kind.metavar, EACH + kind.allowed, kind.parse, many=True)


def optional(kind: Kind, empty: Any = '') -> Kind:
    """A kind that may also be empty text, which is read as `empty`."""
    return Kind(kind.metavar, f'{kind.allowed}, or empty', lambda text: kind.parse(text) if text else empty)


def one_of(*words: str) -> Kind:
    def parse(text: str) -> str:
        if text not in words:
            raise ValueError
        return text

    return Kind('|'.join(words), ' or '.join(words), parse)


def _number(text: str) -> float:
    number = float(text)
    if not 0 <= number < 1e10:
        raise ValueError
    return number


def _interval(text: str) -> float:
    number = _number(text)
    if number < SHORTEST_INTERVAL:
        raise ValueError
    return number


def _percent(text: str) -> float:
    number = float(text)
    if not 0 <= number <= 100:
        raise ValueError
    return number


def _switch(text: str) -> bool:
    return {'true': True, 'false': False}[text.lower()]


def _count(text: str) -> int:
    if not text.isascii() or not text.isdecimal():
        raise ValueError
    return int(text)


def _address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(':')
    if not colon or _count(port) > 65535:
        raise ValueError
    return host.strip('[]') or '0.0.0.0', int(port)  # noqa: S104 (asked for by leaving the host out)


def _host(text: str) -> str:
    if not _HOST.fullmatch(text):
        raise ValueError
    return text


def _url(text: str) -> str:
    parts = _http(text)
    if parts.query or parts.fragment or parts.username is not None:  # the last would get into logs
        raise ValueError
    return text.rstrip('/')


def _http(text: str) -> SplitResult:
    parts = urlsplit(text)
    if parts.scheme not in ('http', 'https') or not parts.hostname or parts.port == 0:
        raise ValueError
    return parts


def _origin(text: str) -> tuple[str, str]:
    stream, _, url = text.partition('=')
    _http(url)
    return _label(stream), url


def _source(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme != 'file':
        _http(text)
    elif parts.netloc not in ('', 'localhost') or not parts.path.startswith('/') or parts.query:
        raise ValueError
    return text


def _registry(text: str) -> str:
    """A URL of Redis without a password, or a path, of which a URL of anything else is none."""
    parts = urlsplit(text)
    if parts.scheme not in ('redis', 'rediss'):
        if '://' in text or not text:
            raise ValueError
    elif not parts.hostname or parts.port == 0 or parts.query or parts.fragment or parts.password is not None:
        raise ValueError
    elif parts.path.strip('/'):
        _count(parts.path[1:])
    return text


def _label(text: str) -> str:
    try:
        return check_label('it', text)
    except SegmentError as error:
        raise ValueError(str(error)) from None


def _bucket(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme != 's3' or not parts.netloc or parts.query or parts.fragment:
        raise ValueError
    return text.rstrip('/')


NETWORK = Kind('NETWORK', 'an address such as 192.0.2.1 or a network such as 10.0.0.0/8', ip_network)
TEXT = Kind('TEXT', 'text', str)
PATH = Kind('PATH', 'a path', Path)
SECONDS = Kind('SECONDS', 'a number of seconds, 0 or more', _number)
INTERVAL = Kind('SECONDS', f'a number of seconds, {SHORTEST_INTERVAL} or more', _interval)
PERCENT = Kind('PERCENT', 'a number from 0 to 100', _percent)
SWITCH = Kind('true|false', 'true or false', _switch)
COUNT = Kind('N', 'a whole number, 0 or more', _count)
SIZE = Kind('BYTES', 'a whole number of bytes, or of K, M, G or T (powers of 1000) such as 500G', parse_size)
SPAN = Kind('SPAN', 'hours, days or weeks such as 36h, 14d or 2w, up to 100 years', parse_span)
ADDRESS = Kind('HOST:PORT', 'HOST:PORT', _address)
HOST = Kind('HOST[:PORT]', 'HOST or HOST:PORT', _host)
URL = Kind('URL', 'an http or https URL without a password or query', _url)
BUCKET = Kind('s3://BUCKET/PREFIX', 's3://BUCKET/PREFIX', _bucket)
LABEL = Kind('NAME', '1 to 100 of A-Z a-z 0-9 . _ - without a leading dot', _label)
ORIGIN = Kind('STREAM=URL', 'STREAM=URL with an http or https URL', _origin)
PLAYLIST = Kind('URL', 'an http or https URL, or file:///PATH', _source)
REGISTRY = Kind(
    'FILE|redis://HOST',
    'the path of a file, or redis://HOST:PORT/DB or rediss://... without a password',
    _registry,
)
