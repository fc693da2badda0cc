"""The bytes of one segment: asked for a second time when the first try is slow, decrypted and looked at."""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import gevent

from backfiller.capture import body as bodies
from backfiller.capture import decrypt
from backfiller.capture.body import FULL, PARTIAL, SUSPECT, Body
from backfiller.capture.origin import KEY_LIMIT_BYTES, Origin, Raw, bare
from common.errors import SegmentError
from common.hls.parts import Init, Key
from common.hls.playlist_reader import Entry
from common.offload import offload

KEY_SECONDS = 10.0
SECTION_SECONDS = 60.0
REMEMBERED_SECTIONS = 16
WORTH_ASKING_AGAIN = ('truncated', 'unreachable', 'deadline')
"""After other failures another try at once would fare no better."""


@dataclass(frozen=True, slots=True)
class Patience:
    """After `soft_seconds` a second try starts, after `deadline_seconds` both have had their time."""

    soft_seconds: float
    deadline_seconds: float


class Sections:
    """Init sections that were fetched, each for a while: an encoder that starts again may use a URL again."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: OrderedDict[Init, tuple[float, bytes]] = OrderedDict()

    def get(self, init: Init) -> bytes | None:
        at, found = self._known.get(init, (float('-inf'), None))
        return found if self._clock() - at < SECTION_SECONDS else None

    def put(self, init: Init, content: bytes) -> None:
        self._known.pop(init, None)
        self._known[init] = self._clock(), content
        if len(self._known) > REMEMBERED_SECTIONS:
            self._known.popitem(last=False)


class Downloader:
    """Fetches what the playlists of one origin name."""

    def __init__(self, origin: Origin) -> None:
        self.origin = origin
        self._keys = decrypt.Keys(self._key)
        self._sections = Sections()

    def fetch(self, entry: Entry, patience: Patience, tell_second: Callable[[], None] = lambda: None) -> Body:
        """The clear bytes, whole or not; raises SegmentError if there are none of use.

        `tell_second` is called if there is a second try.
        """

        def ask() -> Raw:
            return self.origin.bytes_of(entry.uri, entry.part, patience.deadline_seconds)

        raw = _first_whole(ask, patience, tell_second)
        is_sure = raw.is_sure or bool(raw.trouble) or _is_the_same(ask, raw)
        bodies.check_answer(entry.uri, raw.content)
        content = self._clear(entry.key, entry.sequence, raw)
        return judged(entry, content, is_whole=not raw.trouble, is_sure=is_sure)

    def section(self, entry: Entry, patience: Patience) -> bytes:
        """The init section that the segment needs; raises SegmentError."""
        init = entry.init
        if init is None:
            raise SegmentError('missing', f'{bare(entry.uri)} needs no init section')
        found = self._sections.get(init)
        if found is None or entry.discontinuity:
            raw = self.origin.bytes_of(init.uri, init.part, patience.deadline_seconds)
            if raw.trouble or not raw.content:
                raise SegmentError('truncated', raw.trouble or f'{bare(init.uri)} is empty')
            found = self._clear(init.key, entry.sequence, raw)
            bodies.check_kind(init.uri, found, is_fragment=True)
            self._sections.put(init, found)
        return found

    def forget(self) -> None:
        """The origin began anew: what was fetched once may be another thing now."""
        self._sections = Sections()

    def _clear(self, key: Key | None, sequence: int, raw: Raw) -> bytes:
        if key is None:
            return raw.content
        iv = decrypt.vector(key, sequence)
        try:
            return offload(decrypt.decrypt, raw.content, self._keys.get(key), iv, is_whole=not raw.trouble)
        except SegmentError:
            self._keys.forget(key)
            raise

    def _key(self, uri: str) -> bytes:
        raw = self.origin.bytes_of(uri, None, KEY_SECONDS)
        if raw.trouble or len(raw.content) > KEY_LIMIT_BYTES:
            raise SegmentError('encrypted', raw.trouble or f'the key at {bare(uri)} is none')
        return raw.content


def judged(entry: Entry, content: bytes, *, is_whole: bool, is_sure: bool) -> Body:
    """What the bytes are; raises SegmentError if they are of no use."""
    is_fragment = entry.init is not None and not content.startswith(b'\x47')
    bodies.check_kind(entry.uri, content, is_fragment=is_fragment)
    if not is_whole:
        return Body(content, PARTIAL, is_fragment)
    looks_whole = offload(bodies.looks_whole, content, is_fragment=is_fragment)
    return Body(content, FULL if looks_whole and is_sure else SUSPECT, is_fragment)


def _is_the_same(ask: Callable[[], Raw], raw: Raw) -> bool:
    """Whether the same came again: nothing said how long it is, so it may have been cut off."""
    try:
        return ask().content == raw.content
    except SegmentError:
        return False


def _first_whole(ask: Callable[[], Raw], patience: Patience, tell_second: Callable[[], None]) -> Raw:
    """What comes whole first, of two tries; else the longer one. Raises SegmentError if nothing came."""
    tries = [gevent.spawn(_outcome, ask)]
    try:
        gevent.wait(tries, timeout=patience.soft_seconds)
        if not tries[0].ready() or _is_worth_another(tries[0].value):
            tell_second()
            tries.append(gevent.spawn(_outcome, ask))
        came: list[Raw | SegmentError] = []
        for done in gevent.iwait(tries):
            outcome = done.get()
            if isinstance(outcome, Raw) and not outcome.trouble:
                return outcome
            came.append(outcome)
        return _best(came)
    finally:
        gevent.killall(tries)


def _outcome(ask: Callable[[], Raw]) -> Raw | SegmentError:
    try:
        return ask()
    except SegmentError as error:
        return error


def _is_worth_another(outcome: Raw | SegmentError | None) -> bool:
    if isinstance(outcome, SegmentError):
        return outcome.reason in WORTH_ASKING_AGAIN
    return outcome is None or bool(outcome.trouble)


def _best(outcomes: Iterable[Raw | SegmentError]) -> Raw:
    outcomes = list(outcomes)
    found = [each for each in outcomes if isinstance(each, Raw)]
    if found:
        return max(found, key=lambda each: len(each.content))
    raise next(each for each in outcomes if isinstance(each, SegmentError))
