"""The master playlist of a stream in the bucket: the variants that are live, with their bit rates."""

from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial

from gevent.lock import BoundedSemaphore

from backfiller.live import layout
from backfiller.live.layout import RECENT, Variant
from backfiller.mirror.bucket import Bucket, Text
from common.errors import ListingError, StoreError
from common.hls import master_reader, playlist
from common.hls.live import LiveWindow
from common.hls.playlist import VariantStream

TRIES = 5
HIGHEST_RATE = 10**12


class LiveMaster:
    """The master of one stream, shared by its variants; written only when they or their rates change."""

    def __init__(self, bucket: Bucket, stream: str, clock: Callable[[], datetime]) -> None:
        self._bucket = bucket
        self._stream = stream
        self._clock = clock
        self._rates: dict[str, int] = {}
        self._written: dict[str, int] = {}
        self._lock = BoundedSemaphore(1)

    def note(self, variant: str, bits_per_second: int) -> None:
        """The variant has a live playlist, and segments of this rate."""
        self._rates[variant] = max(self._rates.get(variant, 0), rounded_up(bits_per_second))

    def drop(self, variant: str) -> None:
        """The variant is not live now."""
        self._rates.pop(variant, None)

    def bring_up_to_date(self) -> None:
        """Writes it if what it says has changed, and any variant is live; raises SourceError, StoreError."""
        with self._lock:
            if self._rates and self._rates != self._written:
                self._write(dict(self._rates))

    def _write(self, rates: dict[str, int]) -> None:
        path = layout.master_path(self._stream)
        for _ in range(TRIES):
            there = self._bucket.get_version(path)
            text = self._text(rates, there)
            if (there and there.text == text) or layout.put_playlist(self._bucket, path, text, there):
                self._written = rates
                return
        raise StoreError(f'{self._bucket.url}: others write {path} all the time')

    def _text(self, rates: dict[str, int], there: Text | None) -> str:
        """Names our variants, and those of other nodes that are live."""
        named = dict(_named(there.text)) if there else {}
        others = {name: rate for name, rate in named.items() if name not in rates and self._is_live(name)}
        ours = {name: max(rate, named.get(name, 0)) for name, rate in rates.items()}
        return playlist.master(
            VariantStream(layout.variant_uri(name), rate) for name, rate in {**others, **ours}.items()
        )

    def _is_live(self, name: str) -> bool:
        variant = Variant(self._stream, name)
        text = self._bucket.get_text(layout.media_path(variant))
        try:
            window = LiveWindow.read(text or '', partial(layout.segment_of, variant))
        except ListingError:
            return False
        return bool(window.segments) and window.segments[-1].end >= self._clock() - RECENT


def rounded_up(rate: int) -> int:
    """To two digits, so that the master does not change with each segment."""
    step: int = 10 ** max(0, len(str(rate)) - 2)
    return -(-rate // step) * step


def _named(text: str) -> Iterator[tuple[str, int]]:
    """The variants of a master that are laid out as ours are, with their rates."""
    try:
        found = master_reader.parse_master(text, '')
    except ListingError:
        return
    for each in found.variants:
        name = layout.variant_of(each.uri)
        if name and 0 < each.bandwidth < HIGHEST_RATE:
            yield name, each.bandwidth
