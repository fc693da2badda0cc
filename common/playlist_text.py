"""The text of HLS playlists (RFC 8216 section 4, and its bis): lines, attributes, variables, URIs.

Whatever cannot be read raises ValueError, which says why; time and memory are linear in what is given.
"""

import re
from collections.abc import Iterator, Mapping
from urllib.parse import parse_qsl, quote, urljoin, urlsplit

from common.errors import ListingError
from common.segment import shown

LONGEST_URI = 16_384
"""In characters, as in a request that servers take; longer ones could multiply by variables."""

_LINE = re.compile('[^\r\n]+')
_ATTRIBUTE = re.compile(r'[ \t]*([^\s=,"]+)[ \t]*=[ \t]*(?:"([^"]*)"|([^",]*))[ \t]*(?:,|\Z)')
_REFERENCE = re.compile(r'\{\$([a-zA-Z0-9_-]+)\}')
_WHOLE = re.compile('-?[0-9]{1,20}')
_DECIMAL = re.compile(r'[0-9]+(?:\.[0-9]*)?|\.[0-9]+')
_CONTROL = re.compile('[\x00-\x1f\x7f-\x9f]')
_READABLE = ''.join(map(chr, range(0x21, 0x7F)))
_SECONDS_A_DAY = 86_400
_SCHEMES = ('http', 'https')


def lines(text: str) -> Iterator[str]:
    """The lines after the first, without blanks; raises ListingError if the first does not say #EXTM3U."""
    found = filter(None, (each.group().strip() for each in _LINE.finditer(text.removeprefix('\ufeff'))))
    if next(found, '').partition(' ')[0] != '#EXTM3U':
        raise ListingError(f'{shown(text, 60)} is not a playlist: it does not start with #EXTM3U')
    return found


def decoded(body: bytes) -> str:
    """The text of a playlist; bytes that are not UTF-8 cost no more than the lines that they stand in."""
    return body.decode('utf-8', 'surrogateescape')


def whole(text: str) -> int:
    """A whole number of at most 64 bits; some origins have negative ones."""
    text = text.strip()
    if not _WHOLE.fullmatch(text) or abs(int(text)) >= 2**64:
        raise ValueError(f'{shown(text, 40)} is no whole number')
    return int(text)


def seconds(text: str) -> float:
    """More than none, and less than a day."""
    text = text.strip()
    if not _DECIMAL.fullmatch(text) or not 0 < float(text) < _SECONDS_A_DAY:
        raise ValueError(f'{shown(text, 40)} is no duration in seconds')
    return float(text)


def absolute(base_url: str, uri: str) -> str:
    """The URL that is meant, percent-encoded but for its host; of HTTP, or of the same scheme as the base."""
    if not uri or len(uri) > LONGEST_URI or _CONTROL.search(uri):
        raise ValueError('its URI is empty, too long, or has control characters')
    url = urljoin(base_url, uri)
    parts = urlsplit(url)
    if parts.scheme not in (*_SCHEMES, urlsplit(base_url).scheme):
        raise ValueError(f'its URI is neither HTTP nor relative, but {shown(parts.scheme, 20)}')
    if url.isascii() and ' ' not in url:
        return url
    return parts._replace(path=_encoded(parts.path), query=_encoded(parts.query)).geturl()


def _encoded(text: str) -> str:
    return quote(text, safe=_READABLE, errors='surrogateescape')


class Variables:
    """What EXT-X-DEFINE has defined so far; `imported` are those of the master playlist."""

    def __init__(self, base_url: str, imported: Mapping[str, str]) -> None:
        self.values: dict[str, str] = {}
        self._query = dict(parse_qsl(urlsplit(base_url).query, keep_blank_values=True))
        self._imported = imported

    def define(self, attributes: Mapping[str, str]) -> None:
        """Takes the attributes of one EXT-X-DEFINE."""
        if 'NAME' in attributes:
            self.values[attributes['NAME']] = attributes.get('VALUE', '')
        for kind, known in (('QUERYPARAM', self._query), ('IMPORT', self._imported)):
            if attributes.get(kind) in known:
                self.values[attributes[kind]] = known[attributes[kind]]

    def put_in(self, text: str) -> str:
        """The text with the values in place of the references to them."""
        if '{$' not in text:
            return text
        length = 0

        def value(reference: re.Match[str]) -> str:
            nonlocal length
            name = reference[1]
            if name not in self.values:
                raise ValueError(f'it refers to {shown(name, 40)}, which no EXT-X-DEFINE defines')
            length += len(self.values[name])
            if length > LONGEST_URI:
                raise ValueError('its variables make it too long')
            return self.values[name]

        return _REFERENCE.sub(value, text)

    def attributes(self, text: str) -> dict[str, str]:
        """An attribute list (RFC 8216 section 4.2) with variables put in; quotes are taken off."""
        found: dict[str, str] = {}
        at = 0
        while at < len(text):
            each = _ATTRIBUTE.match(text, at)
            if not each:
                raise ValueError(f'{shown(text[at:], 40)} is no list of attributes')
            name, quoted, plain = each.groups()
            found[name] = plain.strip() if quoted is None else self.put_in(quoted)
            at = each.end()
        return found
