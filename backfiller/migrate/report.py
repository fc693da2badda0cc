"""What came of each link, as a table for people and as JSON for programs."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from backfiller.migrate.errors import Cause
from backfiller.migrate.job import EMPTY, WAITS, State, told
from backfiller.migrate.links import Link
from backfiller.migrate.walk import Lack
from common.segment import shown

MOST_TOLD = 10
_ORDER = {Cause.DENIED: 0, Cause.FAILING: 1, Cause.STORE: 2, Cause.GONE: 3, Cause.REFUSED: 4}


class Status(StrEnum):
    """How a link ended."""

    DONE = 'done'
    """All that it leads to is in the bucket."""
    HOLES = 'holes'
    """Some of it is, and can be played."""
    FAILED = 'failed'
    """Nothing that could be played is."""


@dataclass(frozen=True)
class Row:
    """One link; `why` is one line, `lacks` are all that is missing."""

    line: int
    url: str
    status: Status
    why: str
    key: str = ''
    pieces: int = 0
    seconds: float = 0.0
    is_live: bool = False
    is_put: bool = False
    lacks: tuple[Lack, ...] = ()
    missing: int = 0

    @classmethod
    def of_refused(cls, link: Link) -> 'Row':
        return cls(link.line, link.url, Status.FAILED, link.refused)

    @classmethod
    def of(cls, state: State) -> 'Row':
        lacks = tuple(state.lacks.values())
        return cls(
            state.link.line,
            state.link.url,
            _status(state),
            _why(state),
            state.root.key,
            state.pieces,
            round(sum(lack.piece.seconds for lack in lacks), 3),
            state.is_live,
            state.root.key in state.present,
            lacks,
            len(lacks) + state.unasked,
        )

    def as_json(self) -> dict[str, Any]:
        return {
            'line': self.line,
            'url': self.url,
            'status': self.status,
            'why': self.why,
            'key': self.key or None,
            'playlist': 'put' if self.is_put else 'not put',
            'live': self.is_live,
            'pieces': self.pieces,
            'missing': self.missing,
            'missing_seconds': self.seconds,
            'lacking': [told(lack) for lack in self.lacks],
        }


def as_json(rows: Sequence[Row], **about: Any) -> dict[str, Any]:
    """The whole report; `about` is what else there is to say of the run."""
    counts = Counter(row.status for row in rows)
    return {
        'links': len(rows),
        **{str(status): counts[status] for status in Status},
        'pieces': sum(row.pieces for row in rows),
        'missing': sum(row.missing for row in rows),
        **about,
        'found': [row.as_json() for row in rows],
    }


def table(rows: Sequence[Row]) -> Iterator[str]:
    """A line for each link, and below it what is missing."""
    yield f'{"status":6}  {"pieces":>7}  {"missing":>7}  {"seconds":>9}  link'
    for row in rows:
        seconds = f'{row.seconds:9.3f}' if row.seconds else f'{"-":>9}'
        yield f'{row.status:6}  {row.pieces:7}  {row.missing or "-":>7}  {seconds}  {row.url}'
        told = [lack for lack in row.lacks[:MOST_TOLD] if lack.piece.key != row.key]
        if row.why and row.why not in (lack.why for lack in told):
            yield f'        {row.why}'
        for lack in told:
            yield f'        {_line(lack)}'
        if len(row.lacks) > MOST_TOLD:
            yield f'        and {len(row.lacks) - MOST_TOLD} more: --json has them all'


def _line(lack: Lack) -> str:
    piece = lack.piece
    where = [] if piece.sequence is None else [f'number {piece.sequence}']
    where += [f'{piece.seconds:g} s'] if piece.seconds else []
    told = f' ({", ".join(where)})' if where else ''
    return f'{piece.kind} {shown(piece.uri)}{told}: {lack.why}'


def _status(state: State) -> Status:
    if state.is_whole:
        return Status.DONE
    return Status.HOLES if state.is_playable and not state.unasked else Status.FAILED


def _why(state: State) -> str:
    """The one thing that somebody can do something about."""
    if not state.ended:
        return 'stopped before its end: run it again'
    if state.denied:
        more = f'; {state.unasked} more pieces were not asked for' if state.unasked else ''
        return f'{state.denied}: has its token expired?{more}'
    root = state.lacks.get(state.root.key)
    others = [lack for lack in state.lacks.values() if lack is not root]
    if others:
        worst = min(others, key=lambda lack: (lack.why in (WAITS, EMPTY), _ORDER[lack.cause]))
        waits = '; its playlist waits for that: run it again' if root and not root.cause.is_final else ''
        return f'{worst.why}{waits}'
    return root.why if root else ''
