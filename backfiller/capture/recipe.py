"""What is to be recorded: a stream, where it can be had, and which of its variants are taken."""

from dataclasses import dataclass

ALL = 'all'
BEST = 'best'


@dataclass(frozen=True, slots=True)
class Recipe:
    """One stream to record.

    `sources` are http, https or file URLs of playlists, in order of preference. `variants` are names, or
    `best`, or `all`. `headers` go with each request; Authorization and Cookie only to the sources' own
    servers. `allow` names hosts, or HOST:PORT, that playlists may lead to although they are not public.
    """

    stream: str
    sources: tuple[str, ...]
    variants: tuple[str, ...] = (ALL,)
    headers: tuple[tuple[str, str], ...] = ()
    allow: tuple[str, ...] = ()
