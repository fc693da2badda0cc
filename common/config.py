"""Settings from flags, environment, a TOML file and defaults, in this order of precedence.

A section is a frozen dataclass whose fields are made by `option`. From these fields come the flags, the
names of the environment variables, the keys of the file, the commented sample and the checks, so none of
them can drift from the others. Every wrong value is a UsageError that says where it stands, what is
allowed, and what was found.
"""

import json
import textwrap
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import MISSING, Field, field, fields
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from common.errors import UsageError
from common.kinds import EACH, Kind
from common.quantities import span_text
from common.segment import shown

S = TypeVar('S')


def option(default: Any, kind: Kind, help: str, *, flag: str = '', env: str = '') -> Any:  # noqa: A002
    """A field of a section; `flag` is for lists, whose flag is given once for each value.

    `flag` and `env` are also for names that say enough only together with the section's.
    """
    return field(default=default, metadata={'kind': kind, 'help': help, 'flag': flag, 'env': env})


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
    return each.metadata['env'] or f'SEGMESH_{each.name.upper()}'


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
