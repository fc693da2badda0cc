"""Where an HLS playlist (RFC 8216) names something else: every URI in it, and where in the text it stands."""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

_LINE = re.compile(r'[^\r\n]+')
_ATTRIBUTE = re.compile('(?<![A-Z0-9-])([A-Z0-9-]+)=("[^"]*"|[^",]*)')


class Line(NamedTuple):
    """A line that is not blank: a URI, whose `tag` is empty, or a tag (or comment) with what it says.

    If it `names` something, that is `uri`, which is text[start:end] and may be empty.
    """

    tag: str
    value: str
    names: bool = False
    uri: str = ''
    start: int = 0
    end: int = 0


def lines(text: str) -> Iterator[Line]:
    """The lines in their order."""
    for found in _LINE.finditer(text, len('\ufeff') if text.startswith('\ufeff') else 0):
        line = found[0].strip()
        start = found.start() + len(found[0]) - len(found[0].lstrip())
        if line.startswith('#'):
            yield _tag(line, start)
        elif line:
            yield Line('', line, True, line, start, start + len(line))


def attributes(value: str) -> Mapping[str, str]:
    """An attribute list (RFC 8216 section 4.2), without the quotes."""
    return {name: quoted.strip('"') for name, quoted in _ATTRIBUTE.findall(value)}


def _tag(line: str, start: int) -> Line:
    """Of a tag that is not known to have attributes, too: a URI is in quotes, and so is nothing else."""
    tag, _, value = line.partition(':')
    at = len(tag) + 1
    for found in _ATTRIBUTE.finditer(line, at):
        if found[1] == 'URI' and found[2].startswith('"'):
            return Line(
                tag, value, True, found[2][1:-1], start + found.start(2) + 1, start + found.end(2) - 1
            )
    return Line(tag, value)
