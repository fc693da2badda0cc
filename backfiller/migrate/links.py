"""The list of links: one URL of a playlist a line; blank lines and those that start with `#` say nothing."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urldefrag, urlsplit

from common.segment import shown

MOST_CHARACTERS = 4000
_ODD = re.compile('[\x00-\x20\x7f-\xa0\\\\"<>\ufffd]')


@dataclass(frozen=True, slots=True)
class Link:
    """A line of the list, counted from 1. Where `refused` says why, the line is no link, and made safe."""

    line: int
    url: str
    refused: str = ''


def parse(body: bytes) -> list[Link]:
    """Every link once, in its order, and every line that is none."""
    found: dict[str, Link] = {}
    for link in _links(body.decode('utf-8-sig', 'replace')):
        found.setdefault(link.url if not link.refused else f'{link.line} {link.url}', link)
    return list(found.values())


def _links(text: str) -> Iterator[Link]:
    for number, line in enumerate(text.split('\n'), 1):
        line = line.strip()
        if line and not line.startswith('#'):
            why = _why_not(line)
            yield Link(number, shown(line), why) if why else Link(number, urldefrag(line).url)


def _why_not(line: str) -> str:
    """Why the line is no link; empty if it is one."""
    if len(line) > MOST_CHARACTERS:
        return f'it has more than {MOST_CHARACTERS} characters'
    if _ODD.search(line):
        return 'it has characters that no URL has: encode them as %XX'
    try:
        parts = urlsplit(line)
        port = parts.port
    except ValueError as error:
        return f'it is no URL: {shown(str(error))[1:-1]}'
    if parts.scheme not in ('http', 'https') or not parts.hostname or port == 0:
        return 'it is no URL: write http://HOST/PATH or https://HOST/PATH'
    if '@' in parts.netloc:
        return 'it has a password in it: give --header "Authorization: ..." instead'
    return ''
