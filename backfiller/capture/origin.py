"""A live HLS origin (RFC 8216): its playlists and the bytes of its segments."""

from collections.abc import Iterable
from dataclasses import dataclass

from backfiller.capture import mpegts
from backfiller.client import Client, FetchError
from common import master_reader, playlist, playlist_reader, playlist_text
from common.errors import SegmentError, SourceError
from common.place import MAX_SEGMENT_BYTES


@dataclass(frozen=True)
class Origin:
    """The playlist at `url`, master or media."""

    url: str
    client: Client

    def variants(self, default: str) -> dict[str, str]:
        """Variant name -> URL of its media playlist; a media playlist is one variant named `default`."""
        text, url = self._text(self.url)
        if not master_reader.is_master(text):
            return {default: self.url}
        return variant_names(master_reader.parse_master(text, url).variants)

    def load(self, url: str) -> playlist_reader.MediaPlaylist:
        """A media playlist as it stands now; raises SourceError or ListingError."""
        text, url = self._text(url)
        return playlist_reader.parse_media(text, url)

    def body(self, entry: playlist_reader.Entry, deadline_seconds: float) -> bytes:
        """The bytes of one segment; raises SegmentError."""
        try:
            reply = self.client.get(
                entry.uri, limit_bytes=MAX_SEGMENT_BYTES, deadline_seconds=deadline_seconds
            )
        except FetchError as error:
            raise SegmentError(error.reason, str(error)) from error
        if reply.status != 200:
            raise SegmentError('missing', f'{entry.uri} answered {reply.status}')
        if not reply.body:
            raise SegmentError('truncated', f'{entry.uri} is empty')
        if not mpegts.is_transport_stream(reply.body):
            raise SegmentError('refused', f'{entry.uri} is no MPEG transport stream')
        return reply.body

    def _text(self, url: str) -> tuple[str, str]:
        """The text of a playlist, and the URL it came from in the end."""
        try:
            reply = self.client.get(url, limit_bytes=playlist_reader.MAX_BYTES, encoding='gzip')
        except FetchError as error:
            raise SourceError(str(error)) from error
        if reply.status != 200:
            raise SourceError(f'{url} answered {reply.status}')
        return playlist_text.decoded(reply.body), reply.url


def variant_names(variants: Iterable[playlist.VariantStream]) -> dict[str, str]:
    """Names for the variants of a master playlist: `source` is the best, the others go by their height."""
    named: dict[str, str] = {}
    for variant in sorted(variants, key=lambda each: -each.bandwidth):
        name = 'source' if not named else f'{variant.resolution[1]}p' if variant.resolution else ''
        if not name or name in named:
            name = f'{name or "v"}-{variant.bandwidth // 1000}k'
        named.setdefault(name, variant.uri)
    return named
