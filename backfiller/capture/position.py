"""How far a recording has come, so that the next process knows what went by while none was running.

It lies beside the journal of skips, and is only a hint: without it nothing is lost but the word for a hole.
Of an origin that states no times nothing is kept, for its numbers alone tell nothing after it began anew.
"""

import json
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from backfiller.capture.clock import ARRIVAL, COUNTED
from backfiller.capture.piece import Piece, State
from common.errors import UsageError
from common.playlist_reader import Entry
from common.skips import FOLDER
from common.times import iso, parse_time

NAME = 'position.json'


class Position:
    """The newest segment that was taken of one variant; its calls wait for the disk."""

    def __init__(self, store: Path, stream: str, variant: str) -> None:
        self._path = store / FOLDER / stream / variant / NAME
        self._saved: tuple[str, int] | None = None

    def save(self, playlist: str, piece: Piece) -> None:
        """Notes that of the playlist all up to the piece went by; it may fail without a word."""
        if piece.by == ARRIVAL or self._saved == (playlist, piece.entry.sequence):
            return
        fields = {
            'playlist': playlist,
            'sequence': piece.entry.sequence,
            'uri': piece.entry.uri.partition('?')[0],
            'start': iso(piece.start),
            'duration': piece.entry.duration.total_seconds(),
        }
        temp = self._path.with_suffix('.temp')
        with suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            temp.write_text(json.dumps(fields))
            temp.replace(self._path)
            self._saved = playlist, piece.entry.sequence

    def load(self, playlist: str) -> Piece | None:
        """The piece that was saved last, if it was of this playlist."""
        try:
            fields = json.loads(self._path.read_text())
            if fields['playlist'] != playlist:
                return None
            start, duration = parse_time(fields['start']), timedelta(seconds=fields['duration'])
            entry = Entry(str(fields['uri']), int(fields['sequence']), duration, start)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError, UsageError):
            return None
        return Piece(entry, start, COUNTED, State.TAKEN)
