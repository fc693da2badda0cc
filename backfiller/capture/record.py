"""Records one variant: load the playlist -> what is new -> download -> add -> report."""

import time
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from gevent.event import Event
from gevent.pool import Pool

from backfiller.capture.clock import Clock
from backfiller.capture.download import Downloader
from backfiller.capture.keep import Keeper
from backfiller.capture.origin import LookUpError, bare
from backfiller.capture.pauses import SHORTEST_SECONDS, load_seconds, patience_for, pause_seconds
from backfiller.capture.piece import Piece, State
from backfiller.capture.places import Place, Places, parsed
from backfiller.capture.report import Report
from backfiller.capture.window import Window
from backfiller.loop import Backoff, Loop
from common.errors import ListingError, SegmentError, SourceError, StoreError
from common.hls.playlist_reader import MediaPlaylist
from common.skips import Skip
from common.times import utc_now

AT_ONCE = 6
"""So many segments are under way together; one that hangs holds up neither the others nor the playlist."""

FIRST_RETRY_SECONDS = 0.5
MOST_RETRY_SECONDS = 2.0
LOOK_UP_AFTER = 3
"""So many loads that failed in a row, and the playlist is looked for elsewhere."""

TRIES_TO_THE_END = 5
LOADS_TO_THE_END = 10
FIRST_RETURN_SECONDS = 60.0
MOST_RETURN_SECONDS = 1800.0
LOOK_TWICE_TARGETS = 3
STALLED_SECONDS = 30.0
RENEW_SECONDS = 1.0
UNKNOWN_TARGET_SECONDS = 2.0
_HOPELESS = ('size', 'name')


class Recorder:
    """One variant of a stream on its way into a store."""

    def __init__(
        self,
        places: Places,
        place: Place,
        keeper: Keeper,
        report: Report,
        *,
        variant: str,
        known_until: datetime | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.report = report
        self.wake = Event()
        self._places = places
        self._place = place
        self._variant = variant
        self._keeper = keeper
        self._clock = clock
        self._window = Window(Clock(), known_until)
        self._pool = Pool(AT_ONCE)
        self._loop = Loop(
            f'capture {report.label}',
            self.poll,
            backoff=Backoff(FIRST_RETRY_SECONDS, MOST_RETRY_SECONDS),
            wake=self.wake,
        )
        self._tried: set[Piece] = set()
        self._failures = 0
        self._is_expired = False
        self._to_the_end = False
        self._text = ''
        self._offered: MediaPlaylist | None = None
        self._seen_there: int | None = None
        self._left_at: dict[int, int | None] = {}
        self._renewed_at = self._return_at = self._look_again_at = clock()
        self._return_seconds = FIRST_RETURN_SECONDS
        report.uses(place)

    def run(self) -> None:
        """Goes on until killed; the next recorder cannot know what this one leaves behind."""
        try:
            self._loop.run()
        finally:
            self._pool.kill()
            self._skip(self._window.leave_behind())

    def run_to_the_end(self) -> list[str]:
        """Goes on until the playlist has ended, and all of it was tried; returns what is left undone."""
        self._to_the_end = True
        try:
            while not self._is_done(self._loop.turn()):
                pass
        finally:
            self._pool.kill()
        self._skip(self._window.give_up())
        undone = [f'{self.report.label}: {count} {cause}' for cause, count in self.report.holes.items()]
        if self._failures:
            undone.append(f'{self.report.label}: the playlist could not be loaded to its end')
        return undone

    @property
    def source(self) -> int:
        """Which of the sources is recorded now."""
        return self._place.source

    def status(self) -> dict[str, Any]:
        return self.report.status()

    @property
    def is_troubled(self) -> bool:
        return self._loop.is_troubled

    def poll(self) -> float:
        """One load of the playlist, and what follows from it; returns the seconds until the next.

        Raises SourceError or ListingError.
        """
        self._tried.clear()
        self._tend()
        self._go_elsewhere()
        began = self._clock()
        offered = self._load()
        load = self._window.load(offered, began, utc_now())
        self.report.loaded(load, wrong_clock=self._window.clock.is_wrong)
        if load.restarted:
            self._downloader.forget()
        self._skip(load.skips)
        self._tend()
        self._note_stall(offered, began)
        pause = pause_seconds(offered, changed=load.changed)
        return max(pause - (self._clock() - began), SHORTEST_SECONDS)

    def _is_done(self, pause: float) -> bool:
        """Whether nothing more will come; else waits for as long as it takes."""
        if self._failures:
            self.wake.wait(pause)
            return self._failures >= LOADS_TO_THE_END
        if self._offered is None or not self._offered.ended:
            self.wake.wait(pause)
            self.wake.clear()
            return False
        self._pool.join()
        if not self._window.due():
            return True
        self.wake.wait(FIRST_RETRY_SECONDS)
        return False

    @property
    def _downloader(self) -> Downloader:
        return self._places.downloaders[self._place.source]

    @property
    def _target_seconds(self) -> float:
        return self._offered.target_duration if self._offered else UNKNOWN_TARGET_SECONDS

    def _load(self) -> MediaPlaylist:
        """The playlist as it stands now; one that cannot be had is looked for elsewhere. Raises as `poll`."""
        try:
            read = self._downloader.origin.text(self._place.url, load_seconds(self._target_seconds))
            if self._offered is None or read.text != self._text:
                self._offered = parsed(read, self._place)
                self._text = read.text
        except (SourceError, ListingError) as error:
            self._failures += 1
            self.report.load_failed(error)
            if isinstance(error, LookUpError) or self._failures % LOOK_UP_AFTER == 0:
                self._use(self._places.next_after(self._place, self._variant))
            raise
        self._failures = 0
        return self._offered

    def _use(self, place: Place) -> None:
        if place == self._place:
            return
        if place.source != self._place.source:
            self._window.switch()
            self._return_at, self._seen_there = self._clock() + self._return_seconds, None
        self._place, self._offered = place, None
        self.report.uses(place)

    def _go_elsewhere(self) -> None:
        """For fresh tokens, or back to the source that is preferred."""
        now = self._clock()
        has_ended = self._offered is not None and self._offered.ended
        if (self._is_expired or has_ended) and now - self._renewed_at > RENEW_SECONDS:
            self._is_expired, self._renewed_at = False, now
            self._use(self._places.renewed(self._place, self._variant))
        if self._place.source and now >= self._return_at:
            self._return_at = now + self._return_seconds
            preferred = self._places.preferred(self._variant)
            if preferred and self._goes_on(preferred, now):
                self._return_seconds = min(2 * self._return_seconds, MOST_RETURN_SECONDS)
                self._use(preferred)

    def _goes_on(self, place: Place, now: float) -> bool:
        """Whether other segments are there than at the look before; the second look comes soon."""
        newest = self._newest_at(place)
        before, self._seen_there = self._seen_there, newest
        if before is None:
            self._return_at = now + LOOK_TWICE_TARGETS * self._target_seconds
        return None not in (before, newest) and before != newest

    def _newest_at(self, place: Place) -> int | None:
        """The number of the newest segment there, if that is live."""
        try:
            read = self._places.downloaders[place.source].origin.text(
                place.url, load_seconds(self._target_seconds)
            )
            return _newest_of(parsed(read, place))
        except (SourceError, ListingError):
            return None

    def _note_stall(self, offered: MediaPlaylist, now: float) -> None:
        """A playlist that does not change any more may go on at another URL."""
        stalls = not offered.ended and self._window.is_stalled(now, offered.target_duration)
        self.report.stalled(holds=stalls)
        if stalls and now >= self._look_again_at:
            self._look_again_at = now + STALLED_SECONDS
            self._left_at[self._place.source] = _newest_of(offered)
            self._use(self._livelier())

    def _livelier(self) -> Place:
        """Another URL, but no source that stands where it stood: without times it would be taken again."""
        place = self._place
        for _ in self._places.downloaders:
            place = self._places.next_after(place, self._variant)
            if place.source == self._place.source:
                return place
            if self._newest_at(place) not in (None, self._left_at.get(place.source)):
                return place
        return self._place

    def _tend(self) -> None:
        """Gives up what cannot be had any more, and begins what was not tried since the last load.

        What never was comes first: segments that hang again and again take no place of others.
        """
        self._skip(self._window.expire(self._clock()))
        for piece in sorted(self._window.due(), key=lambda each: each.tries > 0):
            if self._pool.full():
                return
            if piece not in self._tried:
                self._tried.add(piece)
                self._window.begin(piece)
                self._pool.spawn(self._try, piece)

    def _try(self, piece: Piece) -> None:
        """Also an error that nobody foresaw costs this try alone."""
        Loop(self.report.label, partial(self._take, piece), backoff=Backoff(1, 1)).turn()
        if piece.state is State.IN_FLIGHT:
            self._failed(piece, 'unexpected', 'see the log')
        self._tend()

    def _take(self, piece: Piece) -> float:
        try:
            patience = patience_for(self._target_seconds)
            kept = self._keeper.keep(piece, self._downloader, patience)
        except SegmentError as error:
            self._failed(piece, error.reason, str(error))
        except StoreError as error:
            self._failed(piece, 'unwritable', str(error))
        else:
            self.report.kept(kept)
            if kept.cause:
                told = (
                    f'{bare(piece.entry.uri)} was cut off or is damaged: kept as it is, and asked for again'
                )
                self._failed(piece, kept.cause, told)
            else:
                self._window.take(piece)
        return 0.0

    def _failed(self, piece: Piece, cause: str, message: str) -> None:
        self.report.failed(piece, cause, message)
        if cause == 'expired' and self._clock() - self._renewed_at > max(RENEW_SECONDS, self._target_seconds):
            self._is_expired = True
            self.wake.set()
        is_last = self._to_the_end and piece.tries >= TRIES_TO_THE_END
        final = cause in _HOPELESS or is_last
        self._skip(self._window.fail(piece, cause, self._clock(), final=final))

    def _skip(self, skips: Sequence[Skip]) -> None:
        self.report.skipped(skips, utc_now())


def _newest_of(offered: MediaPlaylist) -> int | None:
    """The number of its newest segment; None if it has none, or has ended."""
    return offered.entries[-1].sequence if offered.entries and not offered.ended else None
