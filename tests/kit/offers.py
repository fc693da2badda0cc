"""Playlists as values, for what decides about them without I/O."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from common.hls.playlist_reader import Entry, MediaPlaylist, Skipped
from tests.kit.build import at

START = at('2026-11-14T03:00:00')


def entry(
    sequence: int,
    *,
    name: str = '',
    start: datetime | None = START,
    seconds: float = 2,
    token: str = '',
    gap: bool = False,
    discontinuity: bool = False,
) -> Entry:
    """The segment of that number in a stream of two-second segments that began at START with number 0.

    `start` None leaves its time out.
    """
    uri = f'http://origin/{name or f"{sequence}.ts"}' + (f'?token={token}' if token else '')
    time = start + timedelta(seconds=sequence * seconds) if start else None
    return Entry(
        uri,
        sequence,
        timedelta(seconds=seconds),
        time,
        discontinuity=discontinuity,
        gap=gap,
        stated=time is not None,
    )


def playlist(*entries: Entry, ended: bool = False, skipped: Sequence[int] = ()) -> MediaPlaylist:
    numbers = [*(each.sequence for each in entries), *skipped]
    return MediaPlaylist(
        entries,
        2.0,
        ended,
        tuple(Skipped(number, 'it has no EXTINF') for number in skipped),
        min(numbers, default=0),
    )


def numbers(first: int, last: int, **how: object) -> MediaPlaylist:
    """The segments from one number to another."""
    return playlist(*(entry(number, **how) for number in range(first, last + 1)))  # type: ignore[arg-type]


def moved(offered: MediaPlaylist, seconds: float) -> MediaPlaylist:
    """The same with all its times later."""
    shift = timedelta(seconds=seconds)
    return replace(
        offered,
        entries=tuple(
            replace(each, start=each.start + shift if each.start else None) for each in offered.entries
        ),
    )
