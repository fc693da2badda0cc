"""HTTP to servers that nobody vouches for: those that playlists and lists of links name."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from backfiller.client import Client, Credentials, any_http, same_origin
from backfiller.engines import Rich
from backfiller.guard import Guard
from backfiller.pace import Wait, no_cap

_NOTHING: Mapping[str, str] = MappingProxyType({})
_SECRET = ('authorization', 'cookie')


def new_client(
    given: Iterable[str],
    *,
    allow: Iterable[str] = (),
    headers: Mapping[str, str] = _NOTHING,
    deadline_seconds: float,
    pace: Wait = no_cap,
) -> Client:
    """A client that keeps cookies, and is led to no address around us but by name.

    `given` are the URLs that a person gave, whose servers may be anywhere; `allow` are further such hosts, as
    `HOST` or `HOST:PORT`. `headers` go to every server, but Authorization and Cookie only to the given ones.
    """
    given = tuple(given)
    return Client(
        deadline_seconds=deadline_seconds,
        may_redirect=any_http,
        engine=Rich(Guard.of(given, allow)),
        pace=pace,
        credentials=_shown(given, headers),
    )


def _shown(given: tuple[str, ...], headers: Mapping[str, str]) -> Credentials:
    public = {name: value for name, value in headers.items() if name.lower() not in _SECRET}

    def shown(url: str) -> Mapping[str, str]:
        return headers if any(same_origin(each, url) for each in given) else public

    return shown
