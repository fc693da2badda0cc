"""Where the variants of a stream are: its sources in order of preference, and what their masters say now."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

from backfiller.capture import choice
from backfiller.capture.download import Downloader
from backfiller.capture.origin import Text, naming
from backfiller.capture.recipe import ALL, BEST, Recipe
from common.errors import ListingError, SourceError
from common.hls import master_reader, playlist_reader, text
from common.hls.playlist_reader import MediaPlaylist
from common.offload import offload

MASTER_SECONDS = 10.0
LONG_CHARACTERS = 64 * 1024
FRESH_SECONDS = 1.0
"""Several variants that fail together look at a master once."""


@dataclass(frozen=True, slots=True)
class Place:
    """A media playlist: where it is, and what its master defined for it; `source` counts from 0."""

    source: int
    url: str
    variables: Mapping[str, str] = field(default_factory=dict, compare=False)


Found = dict[str, tuple[Place, ...]]


class Places:
    """The places of one recipe's variants; `downloaders` are those of its sources."""

    def __init__(
        self, recipe: Recipe, downloaders: list[Downloader], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.recipe = recipe
        self.downloaders = downloaders
        self._clock = clock
        self._seen: dict[int, tuple[float, Found]] = {}

    def adopt(self, recipe: Recipe, downloaders: list[Downloader]) -> None:
        """Other sources behind the first, which stays as it is with its cookies and keys."""
        self.recipe = recipe
        self.downloaders = [*self.downloaders[:1], *downloaders[1:]]
        self._seen.clear()

    def look_up(self, source: int) -> Found:
        """Variant -> its places at that source; raises SourceError or ListingError."""
        at, found = self._seen.get(source, (float('-inf'), {}))
        if self._clock() - at > FRESH_SECONDS:
            found = self._look_up(source)
            self._seen[source] = self._clock(), found
        return found

    def find(self) -> Found:
        """The variants of the first source that answers; raises SourceError or ListingError if none does."""
        errors: list[SourceError | ListingError] = []
        for source in range(len(self.recipe.sources)):
            try:
                return self.look_up(source)
            except (SourceError, ListingError) as error:
                errors.append(error)
        raise SourceError('; '.join(map(str, errors)))

    def next_after(self, place: Place, variant: str) -> Place:
        """Where else the variant may be: a new URL at the same source, or else at the next one that has it.

        The same place if there is no other.
        """
        count = len(self.recipe.sources)
        for step in range(count):
            source = (place.source + step) % count
            offered = self._offered(source, variant)
            if source != place.source and offered:
                return offered[0]
            if source == place.source and (other := _another(offered, place)):
                return other
        return place

    def preferred(self, variant: str) -> Place | None:
        """The variant's place at the first source, if that has it now."""
        return next(iter(self._offered(0, variant)), None)

    def renewed(self, place: Place, variant: str) -> Place:
        """The same place by the URL that its master gives now."""
        offered = self._offered(place.source, variant)
        return next((each for each in offered if _path(each) == _path(place)), next(iter(offered), place))

    def _offered(self, source: int, variant: str) -> tuple[Place, ...]:
        try:
            return self.look_up(source).get(variant, ())
        except (SourceError, ListingError):
            return ()

    def _look_up(self, source: int) -> Found:
        url = self.recipe.sources[source]
        read = self.downloaders[source].origin.text(url, MASTER_SECONDS)
        with naming(read.url):
            text.lines(read.text)  # a page is no playlist of any kind
            if not master_reader.is_master(read.text):
                return {self._only_name(): (Place(source, url),)}
            master = master_reader.parse_master(read.text, read.url)
        return {
            name: tuple(Place(source, each, master.variables) for each in urls)
            for name, urls in choice.chosen(master, self.recipe.variants).items()
        }

    def _only_name(self) -> str:
        """A media playlist is one variant, of the name that was asked for."""
        return next((name for name in self.recipe.variants if name not in (ALL, BEST)), choice.SOURCE)


def parsed(read: Text, place: Place) -> MediaPlaylist:
    """What its playlist says; raises ListingError. A long one is read in the thread pool: others go on."""
    parse = partial(playlist_reader.parse_media, read.text, read.url, place.variables)
    with naming(read.url):
        return parse() if len(read.text) < LONG_CHARACTERS else offload(parse)


def _another(offered: tuple[Place, ...], place: Place) -> Place | None:
    """A new URL for the same playlist, or else the one to fall back on."""
    if place in offered:
        after = offered.index(place) + 1
        return offered[after] if after < len(offered) else None
    return next((each for each in offered if _path(each) == _path(place)), next(iter(offered), None))


def _path(place: Place) -> str:
    """Without the query, in which tokens are."""
    return place.url.partition('?')[0]
