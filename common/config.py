"""Settings from flags, environment, a TOML file and defaults, in this order of precedence.

A section is a frozen dataclass whose fields are made by `option`. From these fields come the flags, the
names of the environment variables, the keys of the file, the commented sample and the checks, so none of
them can drift from the others. Every wrong value is a UsageError that says where it stands, what is
allowed, and what was found.
"""

import json
import textwrap
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, field, fields
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import SplitResult, urlsplit

from common.errors import SegmentError, UsageError
from common.quantities import parse_size, parse_span, span_text
from common.segment import check_label, shown

S = TypeVar('S')

SHORTEST_INTERVAL = 0.1
EACH = 'a list, each '


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of value: what to call it, what is allowed, and how to read it from text (ValueError if not)."""

    metavar: str
    allowed: str
    parse: Callable[[str], Any]
    many: bool = False


def option(default: Any, kind: Kind, help: str, *, flag: str = '') -> Any:  # noqa: A002
    """A field of a section; `flag` is for lists, whose flag is given once for each value."""
    return field(default=default, metadata={'kind': kind, 'help': help, 'flag': flag})


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


TEXT = Kind('TEXT', 'text', str)
PATH = Kind('PATH', 'a path', Path)
SECONDS = Kind('SECONDS', 'a number of seconds, 0 or more', _number)
INTERVAL = Kind('SECONDS', f'a number of seconds, {SHORTEST_INTERVAL} or more', _interval)
SWITCH = Kind('true|false', 'true or false', _switch)
COUNT = Kind('N', 'a whole number, 0 or more', _count)
SIZE = Kind('BYTES', 'a whole number of bytes, or of K, M, G or T (powers of 1000) such as 500G', parse_size)
SPAN = Kind('SPAN', 'hours, days or weeks such as 36h, 14d or 2w, up to 100 years', parse_span)
ADDRESS = Kind('HOST:PORT', 'HOST:PORT', _address)
URL = Kind('URL', 'an http or https URL without a password or query', _url)
BUCKET = Kind('s3://BUCKET/PREFIX', 's3://BUCKET/PREFIX', _bucket)
LABEL = Kind('NAME', '1 to 100 of A-Z a-z 0-9 . _ - without a leading dot', _label)
ORIGIN = Kind('STREAM=URL', 'STREAM=URL with an http or https URL', _origin)


class Settings:
    """The effective settings: `settings.section(Node).store`."""

    def __init__(
        self,
        *,
        flags: Mapping[str, Any],
        environ: Mapping[str, str],
        file: Path | None,
        sections: Sequence[type],
    ) -> None:
        self._flags = flags
        self._environ = environ
        self._file = file
        self._toml = load(file, sections) if file else {}

    def section(self, section: type[S]) -> S:
        """An instance of the section; raises UsageError for a value that is not allowed."""
        return section(**{each.name: self._value(section, each) for each in options(section)})

    def is_given(self, section: type, name: str) -> bool:
        """Whether a flag, the environment or the file sets the option at all."""
        each = next(each for each in options(section) if each.name == name)
        return any(found is not None for _, found in self._given(section, each))

    def _value(self, section: type, each: 'Field[Any]') -> Any:
        for where, found in self._given(section, each):
            if found is not None:
                return read(each.metadata['kind'], found, where)
        return each.default

    def _given(self, section: type, each: 'Field[Any]') -> Iterator[tuple[str, Any]]:
        flag = self._flags.get(each.name)
        yield flag_of(each), None if flag == () else flag
        text = self._environ.get(env_of(each))
        yield env_of(each), text.split() if text is not None and each.metadata['kind'].many else text
        where = f'{self._file}: [{section_name(section)}] {each.name}'
        yield where, self._toml.get(section_name(section), {}).get(each.name)


def options(section: type) -> Iterator['Field[Any]']:
    """The fields of a section."""
    for each in fields(section):
        if each.default is MISSING:
            raise TypeError(f'{section.__name__}.{each.name} has no default')
        yield each


def section_name(section: type) -> str:
    return section.__name__.lower()


def flag_of(each: 'Field[Any]') -> str:
    return each.metadata['flag'] or '--' + each.name.replace('_', '-')


def env_of(each: 'Field[Any]') -> str:
    return f'SEGMESH_{each.name.upper()}'


def read(kind: Kind, found: Any, where: str) -> Any:
    """A value as its kind; raises UsageError naming `where` it stands."""
    if not kind.many:
        return _read_one(kind, found, where)
    if not isinstance(found, list | tuple):
        raise UsageError(f'{where}: {shown(str(found))} is not {kind.allowed}')
    return tuple(_read_one(kind, each, where) for each in found)


def _read_one(kind: Kind, found: Any, where: str) -> Any:
    text = str(found).lower() if isinstance(found, bool) else str(found)
    if isinstance(found, dict | list):
        raise UsageError(f'{where}: {shown(text)} is not {kind.allowed}')
    try:
        return kind.parse(text)
    except (ValueError, KeyError):
        allowed = kind.allowed.removeprefix(EACH)
        raise UsageError(f'{where}: {shown(text)} is not allowed: give {allowed}') from None


def load(file: Path, sections: Sequence[type]) -> dict[str, dict[str, Any]]:
    """The tables of a TOML file; raises UsageError for a key that no section has."""
    try:
        tables = tomllib.loads(file.read_text('utf-8'))
    except OSError as error:
        raise UsageError(f'cannot read the config {file}: {error.strerror}') from error
    except ValueError as error:
        raise UsageError(f'{file} is not TOML: {error}') from None
    known = {section_name(section): {each.name for each in options(section)} for section in sections}
    for name, table in tables.items():
        _check_known(f'{file}: the section [{name}]', [name], known)
        if not isinstance(table, dict):
            raise UsageError(f'{file}: [{name}] is a section, not a value')
        _check_known(f'{file}: [{name}]', table, known[name])
    return tables


def _check_known(where: str, found: Iterable[str], known: Iterable[str]) -> None:
    unknown = sorted(set(found) - set(known))
    if unknown:
        allowed = ', '.join(sorted(known))
        raise UsageError(f'{where}: {", ".join(unknown)} is not known; there are {allowed}')


def sample(sections: Sequence[type]) -> str:
    """Every option, commented, with its default: the text of deploy/node.sample.toml."""
    blocks = [
        """# Every option of a segmesh node with its default.
# Precedence: flag, environment, this file, default.
"""
    ]
    for section in sections:
        lines = [f'[{section_name(section)}]']
        for each in options(section):
            kind = each.metadata['kind']
            text = f'{each.metadata["help"]} Allowed: {kind.allowed}. Environment: {env_of(each)}.'
            lines += ['', *textwrap.wrap(text, 100, initial_indent='# ', subsequent_indent='# ')]
            lines.append(f'# {each.name} = {toml_value(each.default)}')
        blocks.append('\n'.join(lines) + '\n')
    return '\n'.join(blocks)


def effective(settings: Settings, sections: Sequence[type]) -> str:
    """The settings in force as TOML."""
    blocks = []
    for section in sections:
        values: Any = settings.section(section)
        lines = [f'{each.name} = {toml_value(getattr(values, each.name))}' for each in options(section)]
        blocks.append('\n'.join([f'[{section_name(section)}]', *lines]) + '\n')
    return '\n'.join(blocks)


def toml_value(value: Any) -> str:
    """A setting as TOML text that reads back as the same setting."""
    match value:
        case None:
            return '""'
        case bool():
            return str(value).lower()
        case int() | float():
            return str(int(value)) if value == int(value) else repr(value)
        case timedelta():
            return toml_value(span_text(value))
        case (str() as host, int() as port):
            return toml_value(f'[{host}]:{port}' if ':' in host else f'{host}:{port}')
        case (str() as stream, str() as url) if '://' in url and '://' not in stream:
            return toml_value(f'{stream}={url}')
        case tuple():
            return '[' + ', '.join(map(toml_value, value)) + ']'
        case _:
            return json.dumps(str(value), ensure_ascii=False).replace('\x7f', '\\u007f')
