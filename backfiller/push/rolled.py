"""Files that rolled off their playlists: when nobody needs them any more."""

from collections.abc import Iterable


class RolledOff:
    """What playlists named once and do not name now, and when each may go (a player may still want it).

    RFC 8216 section 6.2.2: for the length of the segment and of the longest playlist that named it.
    """

    def __init__(self) -> None:
        self._named: dict[str, tuple[frozenset[str], float]] = {}
        self._due: dict[str, float] = {}

    def note(self, playlist: str, files: Iterable[str], seconds: float, now: float) -> None:
        """What a playlist names from now on, and for how many seconds that stays of use afterwards."""
        before, stay = self._named.get(playlist, (frozenset(), 0.0))
        self._named[playlist] = frozenset(files), seconds
        current = {file for named, _ in self._named.values() for file in named}
        for file in before - current:
            self._due[file] = now + max(stay, seconds)
        for file in current & self._due.keys():
            del self._due[file]

    def due(self, now: float) -> list[str]:
        """What may go by now; it stays so until `gone`."""
        return [file for file, time in self._due.items() if time <= now]

    def gone(self, file: str) -> None:
        self._due.pop(file, None)
