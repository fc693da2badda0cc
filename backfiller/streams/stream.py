"""A stream to record: what stands of it in a registry, a TOML table or a Redis hash, and what it means.

    sources    URLs of its playlist in order of preference; or `url`, the only one
    variants   names, or "best", or "all" (the default)
    headers    sent with each request
    allow      hosts, or HOST:PORT, that its playlists may lead to although they are not public
    state      "run" (the default) or "stop"
    placement  "all" (the default), a list of node names, or {replicas = N}
    derive     variants that are made of the source: [{name = "360p", height = 360, video_bitrate = "600k"}]

In a Redis hash every value is text, so lists and tables are JSON there. What is wrong is said in logs and in
/status, without what may be secret: headers, and passwords and tokens in URLs.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from backfiller.capture.choice import SOURCE
from backfiller.capture.origin import bare
from backfiller.capture.recipe import ALL, BEST, Recipe
from backfiller.derive.derived import Derived, read_all
from backfiller.streams.placing import EVERYWHERE, Placement
from common import config, kinds
from common.errors import UsageError
from common.segment import shown

KEYS = ('url', 'sources', 'variants', 'headers', 'allow', 'state', 'placement', 'derive')

_LISTS = ('sources', 'variants', 'headers', 'allow', 'placement', 'derive')
_STATES = kinds.one_of('run', 'stop')
_FIELD_NAME = re.compile("[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")  # RFC 9110, 5.6.2
_FIELD_VALUE = re.compile('[\t\x20-\x7e]{0,8000}')


_VARIANTS = kinds.many(kinds.LABEL)
_HOSTS = kinds.many(kinds.HOST)


@dataclass(frozen=True, slots=True)
class Stream:
    """What is to be recorded, whether it is now, where, and what is made of it."""

    recipe: Recipe
    run: bool = True
    placement: Placement = EVERYWHERE
    derive: tuple[Derived, ...] = ()

    @property
    def name(self) -> str:
        return self.recipe.stream

    @property
    def source(self) -> str:
        """The first source as it may be shown: without what may be secret in it."""
        parts = urlsplit(self.recipe.sources[0])
        return parts._replace(netloc=parts.netloc.rpartition('@')[2], query='', fragment='').geturl()

    @property
    def best(self) -> str:
        """The variant that others are derived of: `source`, or the first that is recorded by name."""
        return _best(self.recipe)

    @classmethod
    def read(cls, name: str, table: Any, where: str) -> 'Stream':
        """The stream of that name from its table; raises UsageError that says `where` what is wrong."""
        config.read(kinds.LABEL, name, f'{where}: the name')
        if not isinstance(table, Mapping):
            raise UsageError(f'{where} is not a table: give {", ".join(KEYS)} below [{name}]')
        if unknown := sorted(set(table) - set(KEYS)):
            raise UsageError(f'{where}: {shown(unknown[0])} is not known; there are {", ".join(KEYS)}')
        recipe = _recipe(name, table, where)
        recorded = (_best(recipe), *recipe.variants)
        return cls(
            recipe,
            run=config.read(_STATES, table.get('state', 'run'), f'{where} state') == 'run',
            placement=Placement.read(table.get('placement', 'all'), f'{where} placement'),
            derive=read_all(table.get('derive', []), f'{where} derive', sources=dict.fromkeys(recorded)),
        )


def encoded(table: Mapping[str, Any]) -> dict[str, str]:
    """The fields of a Redis hash for a table."""
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in table.items()}


def decoded(fields: Mapping[str, str], where: str) -> dict[str, Any]:
    """The table for the fields of a Redis hash; raises UsageError for JSON that is none."""
    return {key: _value(key, text, where) for key, text in fields.items()}


def _value(key: str, text: str, where: str) -> Any:
    if key not in _LISTS or text[:1] not in ('[', '{'):
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f'{where} {key} is not JSON: {error}') from None


def _recipe(name: str, table: Mapping[str, Any], where: str) -> Recipe:
    return Recipe(
        name,
        _sources(table, where),
        _variants(table.get('variants', [ALL]), f'{where} variants'),
        _headers(table.get('headers', {}), f'{where} headers'),
        config.read(_HOSTS, table.get('allow', []), f'{where} allow'),
    )


def _best(recipe: Recipe) -> str:
    named = [name for name in recipe.variants if name not in (ALL, BEST)]
    return SOURCE if not named or SOURCE in named else named[0]


def _sources(table: Mapping[str, Any], where: str) -> tuple[str, ...]:
    if ('url' in table) == ('sources' in table):
        raise UsageError(f'{where}: give url, or sources with a list of URLs in order of preference')
    if 'url' in table:
        return (_url(table['url'], f'{where} url'),)
    sources = table['sources']
    if not isinstance(sources, list) or not sources:
        raise UsageError(f'{where} sources: give a list of at least one URL')
    return tuple(dict.fromkeys(_url(each, f'{where} sources') for each in sources))


def _url(found: Any, where: str) -> str:
    """Of a playlist; what is wrong with it is said without its password and query."""
    try:
        url: str = kinds.PLAYLIST.parse(found if isinstance(found, str) else '')
    except ValueError:
        allowed = kinds.PLAYLIST.allowed
        raise UsageError(f"{where}: '{bare(str(found))}' is not allowed: give {allowed}") from None
    return url


def _variants(found: Any, where: str) -> tuple[str, ...]:
    if found in (ALL, BEST):
        return (found,)
    names: tuple[str, ...] = config.read(_VARIANTS, found, where)
    if not names or (len(names) > 1 and {ALL, BEST} & set(names)):
        raise UsageError(f'{where}: give names of variants, or "{BEST}" alone, or "{ALL}" alone')
    return tuple(dict.fromkeys(names))


def _headers(found: Any, where: str) -> tuple[tuple[str, str], ...]:
    if not isinstance(found, Mapping):
        raise UsageError(f'{where}: give a table such as {{Referer = "https://..."}}')
    for name, value in found.items():
        if not _FIELD_NAME.fullmatch(name):
            raise UsageError(f'{where}: {shown(name)} is no name of an HTTP header')
        if not isinstance(value, str) or not _FIELD_VALUE.fullmatch(value):
            raise UsageError(f'{where}: the value of {name} is not one line of ASCII text')
    return tuple(found.items())
