"""Records one stream: finds its variants, and records each for as long as it takes."""

import logging
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import gevent
from gevent.event import Event

from backfiller.capture import folder
from backfiller.capture.download import Downloader
from backfiller.capture.folder import FolderOrigin
from backfiller.capture.keep import Keeper
from backfiller.capture.metrics import CaptureMetrics
from backfiller.capture.origin import HttpOrigin, Origin, bare
from backfiller.capture.places import Found, Places
from backfiller.capture.position import known_until
from backfiller.capture.recipe import ALL, BEST, Recipe
from backfiller.capture.record import Recorder
from backfiller.capture.report import Report
from backfiller.loop import Backoff, Loop
from backfiller.outside import new_client
from common.errors import ListingError, SourceError
from common.offload import OffloadedDisk, offload
from common.place import MAX_SEGMENT_BYTES
from common.skips import Skips

log = logging.getLogger(__name__)

DEADLINE_SECONDS = 30.0
FIRST_RETRY_SECONDS = 0.5
MOST_RETRY_SECONDS = 2.0
LOOK_SECONDS = 60.0
"""Between two looks for variants that were not there before."""

MOST_VARIANTS = 100
"""Of a stream, also of one whose master names others at each look: more are not recorded."""

TRIES_TO_THE_END = 5


class Session:
    """One stream on its way into a store, by its recipe."""

    def __init__(
        self,
        recipe: Recipe,
        store: OffloadedDisk,
        metrics: CaptureMetrics,
        *,
        limit_bytes: int = MAX_SEGMENT_BYTES,
    ) -> None:
        self.recipe = recipe
        self._store = store
        self._metrics = metrics
        self._skips = Skips(store.disk.root)
        self._limit_bytes = limit_bytes
        self._places = Places(recipe, _downloaders(recipe, limit_bytes))
        self._recorders: dict[str, Recorder] = {}
        self._greenlets: list[gevent.Greenlet[[], Any]] = []
        self._wake = Event()
        self._missing: set[str] = set()
        self._loop = Loop(
            f'capture {recipe.stream}',
            self._look,
            backoff=Backoff(FIRST_RETRY_SECONDS, MOST_RETRY_SECONDS),
            wake=self._wake,
        )

    def run(self) -> None:
        """Records until killed. An origin that is away is asked again every few seconds."""
        watching = [gevent.spawn(folder.watch, path, self._note_change) for path in self._folders()]
        try:
            self._loop.run()
        finally:
            gevent.killall([*self._greenlets, *watching])

    def run_to_the_end(self) -> list[str]:
        """Records until every playlist has ended; returns what is left undone."""
        try:
            found = self._find_to_the_end()
            made = [self._recorder(variant, found) for variant in found]
            self._greenlets = [gevent.spawn(each.run_to_the_end) for each in made]
            gevent.joinall(self._greenlets, raise_error=True)
            return [undone for each in self._greenlets for undone in each.get()]
        finally:
            gevent.killall(self._greenlets)

    def status(self) -> dict[str, Any]:
        """As it stands in /status, by variant."""
        return {variant: recorder.status() for variant, recorder in self._recorders.items()}

    @property
    def is_troubled(self) -> bool:
        """Whether a variant, or the look for them, ended last in an error that nobody foresaw."""
        return self._loop.is_troubled or any(each.is_troubled for each in self._recorders.values())

    def adopt(self, recipe: Recipe) -> bool:
        """Whether it goes on by this recipe now: it does if only sources differ that it does not record."""
        first = replace(recipe, sources=recipe.sources[:1])
        is_elsewhere = any(each.source for each in self._recorders.values())
        if first != replace(self.recipe, sources=self.recipe.sources[:1]) or is_elsewhere:
            return False
        self.recipe = recipe
        self._places.adopt(recipe, _downloaders(recipe, self._limit_bytes))
        return True

    def _look(self) -> float:
        """Begins to record what is not recorded yet; raises SourceError or ListingError if nothing is."""
        try:
            found = self._places.find()
        except (SourceError, ListingError):
            if not self._recorders:
                raise
            return LOOK_SECONDS  # the recorders say so themselves
        self._tell_missing(found)
        new = [variant for variant in found if variant not in self._recorders]
        room = MOST_VARIANTS - len(self._recorders)
        if len(new) > room:
            log.warning('%s: only %d variants are recorded', self.recipe.stream, MOST_VARIANTS)
        if begun := new[:room]:
            log.info(
                'recording %s as %s: %s', bare(self.recipe.sources[0]), self.recipe.stream, ', '.join(begun)
            )
        for variant in begun:  # one that cannot begin leaves none behind that nobody would end
            self._greenlets.append(gevent.spawn(self._recorder(variant, found).run))
        return LOOK_SECONDS

    def _tell_missing(self, found: Found) -> None:
        """Says once which of the variants that were asked for are not offered."""
        missing = {name for name in self.recipe.variants if name not in (ALL, BEST, *found, *self._missing)}
        if missing:
            log.warning('%s has no variant %s', self.recipe.stream, ', '.join(sorted(missing)))
        self._missing |= missing

    def _find_to_the_end(self) -> Found:
        for _ in range(TRIES_TO_THE_END - 1):
            with suppress(SourceError, ListingError):
                return self._places.find()
            gevent.sleep(MOST_RETRY_SECONDS)
        return self._places.find()

    def _recorder(self, variant: str, found: Found) -> Recorder:
        stream = self.recipe.stream
        report = Report(stream, variant, self._metrics, self._skips)
        recorder = Recorder(
            self._places,
            found[variant][0],
            Keeper(self._store, stream, variant, report.second_try),
            report,
            variant=variant,
            known_until=offload(known_until, self._store.disk, self._skips, stream, variant),
        )
        self._recorders[variant] = recorder
        return recorder

    def _folders(self) -> list[Path]:
        """Those of the sources that lie on this machine."""
        origins = [downloader.origin for downloader in self._places.downloaders]
        return [origin.root for origin in origins if isinstance(origin, FolderOrigin)]

    def _note_change(self) -> None:
        for recorder in self._recorders.values():
            recorder.wake.set()
        if not self._recorders:
            self._wake.set()


def _http_origin(recipe: Recipe, limit_bytes: int) -> HttpOrigin:
    client = new_client(
        [url for url in recipe.sources if not folder.is_file(url)],
        allow=recipe.allow,
        headers=dict(recipe.headers),
        deadline_seconds=DEADLINE_SECONDS,
    )
    return HttpOrigin(client, limit_bytes)


def _downloaders(recipe: Recipe, limit_bytes: int) -> list[Downloader]:
    http = _http_origin(recipe, limit_bytes)
    return [Downloader(_origin(url, http)) for url in recipe.sources]


def _origin(url: str, http: HttpOrigin) -> Origin:
    return FolderOrigin(url, http) if folder.is_file(url) else http
