"""The text of HLS playlists (RFC 8216 section 4, and its bis): lines, numbers, attributes, variables, URIs.

What cannot be read raises ValueError, which says why. Time and memory are linear in what is given: text can
grow without bound neither by variables, nor by a long URL that all others are relative to.
"""

import re
from collections.abc import Iterator, Mapping
from urllib.parse import SplitResult, parse_qsl, quote, urljoin, urlsplit

from common.errors import ListingError
from common.segment import shown

LONGEST_URI = 16_384
MOST_CHARACTERS = 64 * 1024 * 1024
"""Of all URIs of a playlist together, and of all that variables put in: the largest playlist four times."""

_LINE = re.compile('[^\r\n]+')
_ATTRIBUTE = re.compile(r'\s*+([^\s=,"]++)\s*+=\s*+(?:"([^"]*+)"|([^",]*+))\s*+(?:,|\Z)')
_NO_ATTRIBUTE = re.compile('[^",]*+(?:,|\\Z)')
_REFERENCE = re.compile(r'\{\$([a-zA-Z0-9_-]+)\}')
_WHOLE = re.compile('-?[0-9]{1,20}')
_DECIMAL = re.compile(r'[0-9]{1,20}(?:\.[0-9]{0,60})?|\.[0-9]{1,60}')
_CONTROL = re.compile('[\x00-\x1f\x7f-\x9f]')
_NO_HOST = re.compile(r'[\s"<>\\^`{|}]')
_PLAIN = re.compile(r"[A-Za-z0-9._~!#$%&'()*+,/:;=?@\[\]-]+")
_FILE_NAME = re.compile(r'[A-Za-z0-9_-][A-Za-z0-9._-]*(?:\?[A-Za-z0-9._=&%-]+)?')
"""What most playlists consist of, and what needs no thought."""

_LEFT_AS_IT_IS = "!#$%&'()*+,/:;=?@[]~"
_SECRET = re.compile(r'(?<=//)[^/\s"\']*@|\?[^\s"\']*')
"""What comes before the host of a URL, and its query."""

_SECONDS_A_DAY = 86_400
_LONGEST_MESSAGE = 200


def decoded(body: bytes) -> str:
    """The text of a playlist; what is not UTF-8 costs no more than the lines that it stands in."""
    return body.decode('utf-8', 'surrogateescape')


def lines(text: str) -> Iterator[str]:
    """The lines after the first, without blanks; raises ListingError if the first does not say #EXTM3U."""
    found = filter(None, (each.group().strip() for each in _LINE.finditer(text.removeprefix('\ufeff'))))
    first = next(found, '')
    if first != '#EXTM3U' and not first.startswith(('#EXTM3U ', '#EXTM3U\t')):
        raise ListingError(f'{shown(text, 60)} is not a playlist: it does not start with #EXTM3U')
    return found


def without_secrets(text: str) -> str:
    """The text without the passwords and tokens of the URLs in it."""
    return _SECRET.sub('', text)


def quoted(line: str, limit: int = 120) -> str:
    """A line of a playlist, or what of it matters, as it may stand in a log."""
    return shown(without_secrets(line), limit)


def told(error: ValueError) -> str:
    """What it says, safe and short enough for a log line: not all of them are ours."""
    text = str(error)
    return text if len(text) <= _LONGEST_MESSAGE and text.isascii() and text.isprintable() else shown(text)


def whole(text: str) -> int:
    """A whole number of at most 64 bits; some origins have negative ones."""
    text = text.strip()
    if not _WHOLE.fullmatch(text) or abs(int(text)) >= 2**64:
        raise ValueError(f'{shown(text, 40)} is no whole number')
    return int(text)


def decimal(text: str) -> float:
    """A decimal number that is not negative."""
    text = text.strip()
    if not _DECIMAL.fullmatch(text):
        raise ValueError(f'{shown(text, 40)} is no decimal number')
    return float(text)


def seconds(text: str) -> float:
    """At least a microsecond, and less than a day."""
    if not 1e-6 <= decimal(text) < _SECONDS_A_DAY:
        raise ValueError(f'{shown(text, 40)} is no duration in seconds')
    return decimal(text)


class BaseUrl:
    """The URL of a playlist, which the URIs in it are relative to."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._folder = _encoded(urljoin(url, 'x'))[:-1]
        self._schemes = ('http', 'https', urlsplit(url).scheme)
        self._left = MOST_CHARACTERS

    def absolute(self, uri: str) -> str:
        """The URL that is meant, percent-encoded but for its host: of HTTP, or of our own scheme.

        Raises ListingError if all of them together are too long.
        """
        if not uri or len(uri) > LONGEST_URI or _CONTROL.search(uri):
            raise ValueError('its URI is empty, too long, or has control characters')
        url = self._folder + uri if _FILE_NAME.fullmatch(uri) else self._joined(uri)
        self._left -= len(url)
        if self._left < 0:
            raise ListingError('the URIs of the playlist are too long, all together')
        return url

    def _joined(self, uri: str) -> str:
        url = _encoded(urljoin(self._url, uri))
        parts = urlsplit(url)
        if parts.scheme not in self._schemes:
            raise ValueError(f'its URI is neither relative nor HTTP, but {shown(parts.scheme, 20)}')
        if not _names_host(parts):
            raise ValueError(f'{quoted(f"//{parts.netloc}", 40)} is no host')
        return url


def _names_host(parts: SplitResult) -> bool:
    """Raises ValueError for a port that is none."""
    if _NO_HOST.search(parts.netloc) or parts.port == 0:
        return False
    return bool(parts.hostname) or parts.scheme not in ('http', 'https')


def _encoded(url: str) -> str:
    if _PLAIN.fullmatch(url):
        return url
    parts = urlsplit(url)
    quoted = {
        each: quote(getattr(parts, each), safe=_LEFT_AS_IT_IS, errors='surrogateescape')
        for each in ('path', 'query', 'fragment')
    }
    return parts._replace(**quoted).geturl()


class Variables:
    """What EXT-X-DEFINE has defined so far; `imported` are those of the master playlist."""

    def __init__(self, base_url: str, imported: Mapping[str, str]) -> None:
        self.values: dict[str, str] = {}
        self._query = dict(parse_qsl(urlsplit(base_url).query, keep_blank_values=True))
        self._imported = imported
        self._left = MOST_CHARACTERS

    def define(self, attributes: Mapping[str, str]) -> None:
        """Takes the attributes of one EXT-X-DEFINE; what has no value stays undefined."""
        if 'NAME' in attributes:
            self.values[attributes['NAME']] = attributes.get('VALUE', '')
            return
        kind = 'QUERYPARAM' if 'QUERYPARAM' in attributes else 'IMPORT'
        known = self._query if kind == 'QUERYPARAM' else self._imported
        name = attributes.get(kind, '')
        if name not in known:
            raise ValueError(f'there is no {shown(name, 40)} to take')
        self.values[name] = known[name]

    def put_in(self, text: str) -> str:
        """The text with the values in place of the references to them; raises ListingError for too many."""
        if '{$' not in text:
            return text
        room = LONGEST_URI

        def value(reference: re.Match[str]) -> str:
            nonlocal room
            found = self.values.get(reference[1])
            if found is None:
                raise ValueError(f'no EXT-X-DEFINE defines {shown(reference[1], 40)}')
            room -= len(found)
            if room < 0:
                raise ValueError('its variables make it too long')
            return found

        result = _REFERENCE.sub(value, text)
        self._left -= LONGEST_URI - room
        if self._left < 0:
            raise ListingError('the variables of the playlist make it too long')
        return result

    def attributes(self, text: str) -> dict[str, str]:
        """An attribute list (RFC 8216 section 4.2) with variables put in; quotes are taken off.

        What lies between two commas and is no attribute is left out; without its second quote nothing is.
        """
        found: dict[str, str] = {}
        at = 0
        while at < len(text):
            each = _ATTRIBUTE.match(text, at)
            if each:
                found[each[1]] = each[3].strip() if each[2] is None else self.put_in(each[2])
            else:
                each = _NO_ATTRIBUTE.match(text, at)
            if not each:
                raise ValueError(f'{quoted(text[at:], 40)} is no list of attributes')
            at = each.end()
        return found
