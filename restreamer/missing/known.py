"""What nodes are known to hold of a range of one variant, and what follows: who lacks what. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from common.timeline import Interval
from restreamer.missing.spans import Spans, cut, joined, without

THIS_NODE = 'this node'
IN_FLIGHT = timedelta(minutes=2)
"""For so long others may hold what comes after our newest segment, and it is no hole: it is on its way."""


@dataclass(frozen=True)
class Ends:
    """From when to when a node holds something of a variant at all, and what its newest segments are like."""

    oldest: datetime | None = None
    newest: datetime | None = None
    usual_seconds: float | None = None
    bits_per_second: int | None = None


@dataclass(frozen=True)
class Known:
    """What one node covers; of the `unknown` it could not be learnt, in `error` stands why.

    `kept_from` is the end of what it let go by its own limits, which it does not lack.
    """

    node: str
    covered: Spans
    unknown: Spans = ()
    ends: Ends = Ends()
    kept_from: datetime | None = None
    error: str = ''


@dataclass(frozen=True)
class Hole:
    """A part of the recording that this node lacks, and who has something of it."""

    span: Interval
    held_by: tuple[str, ...]
    missing_at: tuple[str, ...]
    not_asked: tuple[tuple[str, str], ...]
    held: Spans
    unknown: Spans

    @property
    def where(self) -> str:
        if self.held_by:
            return 'fetchable'
        return 'unknown' if self.not_asked else 'everywhere'


@dataclass(frozen=True)
class Picture:
    """What all nodes are known to hold: this node, and its peers. `trouble` is why peers are not known."""

    within: Interval
    now: datetime
    ours: Known
    peers: tuple[Known, ...] = ()
    trouble: str = ''

    @property
    def nodes(self) -> tuple[Known, ...]:
        return (self.ours, *self.peers)

    @property
    def recorded(self) -> Interval | None:
        """What of the range lies between the oldest and the newest segment that anybody holds."""
        oldest = min(filter(None, (each.ends.oldest for each in self.nodes)), default=None)
        newest = max(filter(None, (each.ends.newest for each in self.nodes)), default=None)
        if not oldest or not newest:
            return None
        start, end = max(oldest, self.within.start), min(newest, self.within.end)
        return Interval(start, end) if start < end else None

    @property
    def usual_seconds(self) -> float | None:
        """How long a segment usually lasts; None if nobody tells."""
        return next((each.ends.usual_seconds for each in self.nodes if each.ends.usual_seconds), None)

    def window(self, node: Known) -> Interval | None:
        """Where anything that the node does not hold is a hole.

        Not before the recording began or what it let go, nor the newest seconds, which may be on their way.
        """
        if not self.recorded:
            return None
        start = max(filter(None, (self.recorded.start, node.kept_from)))
        settled = min(self.recorded.end, self.now - IN_FLIGHT)
        end = min(self.recorded.end, max(settled, node.ends.newest or settled))
        return Interval(start, end) if start < end else None

    def missing(self, node: Known) -> Spans:
        """The holes of a node, as far as they are known."""
        window = self.window(node)
        return without((window,), joined(node.covered, node.unknown)) if window else ()

    def unknown(self, node: Known) -> Spans:
        """What is not known of a node, as far as it matters."""
        return cut(node.unknown, self.window(node) or self.within)

    def complete_up_to(self, node: Known) -> datetime | None:
        """The start of its first hole, or the end of its newest segment; None if that is not known."""
        if self.unknown(node):
            return None
        missing = self.missing(node)
        return missing[0].start if missing else node.ends.newest and min(node.ends.newest, self.now)

    def union(self) -> Known:
        """What the nodes hold together."""
        covered = joined(*(each.covered for each in self.nodes))
        unknown = without(joined(*(each.unknown for each in self.peers)), covered)
        newest = self.recorded.end if self.recorded else None
        return Known('union', covered, unknown, Ends(newest=newest))

    def holes(self) -> Iterator[Hole]:
        """What this node lacks, newest first."""
        for span in reversed(self.missing(self.ours)):
            yield self._hole(span)

    def _hole(self, span: Interval) -> Hole:
        held = {peer.node: cut(peer.covered, span) for peer in self.peers}
        unknown = {peer.node: cut(peer.unknown, span) for peer in self.peers}
        together = joined(*held.values())
        troubles = [(peer.node, peer.error) for peer in self.peers if unknown[peer.node]]
        if self.trouble:
            troubles.append(('', self.trouble))
        not_known = (span,) if self.trouble else joined(*unknown.values())
        return Hole(
            span,
            held_by=tuple(node for node in held if held[node]),
            missing_at=tuple(node for node in held if not (held[node] or unknown[node])),
            not_asked=tuple((node, error) for node, error in troubles if not held.get(node)),
            held=together,
            unknown=without(not_known, together),
        )


def segments_in(seconds: float, usual_seconds: float | None) -> int | None:
    """About how many segments it takes; None if nobody knows how long they last."""
    if not seconds:
        return 0
    return max(1, round(seconds / usual_seconds)) if usual_seconds else None
