"""What a peer holds that knows only the plain protocol: learnt from its listings of the hours that matter."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from common import timeline, wire
from common.errors import ListingError, SegmentError, SourceError
from common.offload import offload
from common.segment import ONE_HOUR, Hour, Segment, hour_start, hour_text, is_hour, is_label
from common.summaries import Summaries
from common.timeline import Interval
from common.wire import HourSummary
from restreamer.missing.known import Ends, Known
from restreamer.missing.neighbours import Neighbour
from restreamer.missing.spans import Spans, cut, joined, without
from restreamer.recent import Recent

MOST_HOURS = 48
"""Listings of a peer that one question may take."""

MOST_SECONDS = 3.0
HOURS_SECONDS = 2.0
NAMES_SECONDS = 20.0
REACH = timedelta(minutes=1)
"""How far a segment is expected to reach into the next hour."""

MOST_LABELS = 20

Asked = tuple[Neighbour, str, str]
Summed = Mapping[str, HourSummary | None]


@dataclass
class _Learnt:
    """What is known so far."""

    covered: list[Spans] = field(default_factory=list)
    hours: set[str] = field(default_factory=set)
    error: str = ''


class Listings:
    """The listings of peers, remembered for a moment."""

    def __init__(self, summaries: Summaries) -> None:
        self._summaries = summaries
        self._hours = Recent[Asked, Summed](_hours, HOURS_SECONDS, most=200)
        self._variants = Recent[Neighbour, list[tuple[str, str]]](_variants, NAMES_SECONDS, most=100)
        self._names = Recent[tuple[Neighbour, Hour], Spans](_names, NAMES_SECONDS)

    def variants(self, peer: Neighbour) -> list[tuple[str, str]]:
        """Stream and variant of what it holds. Raises SourceError and ListingError."""
        return self._variants.get(peer)

    def known(self, peer: Neighbour, stream: str, variant: str, within: Interval, ours: Known) -> Known:
        """What the peer covers of what we lack, and of hours that are equal to ours.

        Hours that were not asked are unknown. Raises SourceError and ListingError.
        """
        summed = self._hours.get((peer, stream, variant))
        held = {text: Hour(stream, variant, text) for text in summed if _touches(text, within)}
        equal = self._equal(held.values(), summed)
        learnt = _Learnt([joined(*(cut(ours.covered, _span(held[text])) for text in equal))], set(equal))
        lacking = offload(without, (within,), ours.covered)
        wanted = [held[text] for text in _hours_of(lacking) if text in held and text not in equal]
        self._ask(peer, wanted, learnt)
        covered = joined(*(cut(spans, within) for spans in learnt.covered))
        others = joined(*(cut((_span(held[text]),), within) for text in held.keys() - learnt.hours))
        ends = _ends(sorted(map(hour_start, summed)), covered, learnt.hours)
        return Known(peer.url, covered, without(others, covered), ends, error=learnt.error)

    def _equal(self, hours: Iterable[Hour], summed: Summed) -> list[str]:
        """The hours that hold the same here and there."""
        told = [hour for hour in hours if summed[hour.text]]
        ours = offload(self._summaries.of, told)
        return [hour.text for hour in told if hour in ours and ours[hour] == summed[hour.text]]

    def _ask(self, peer: Neighbour, wanted: list[Hour], learnt: _Learnt) -> None:
        """The names of the newest hours, for as long as there is time."""
        until = time.monotonic() + MOST_SECONDS
        if len(wanted) > MOST_HOURS:
            learnt.error = f'{peer.url}: only the newest {MOST_HOURS} hours with holes were asked for'
        for hour in wanted[:MOST_HOURS]:
            if time.monotonic() > until:
                learnt.error = f'{peer.url}: not all hours could be listed in {MOST_SECONDS:g} s'
                return
            try:
                learnt.covered.append(self._names.get((peer, hour)))
                learnt.hours.add(hour.text)
            except ListingError as error:
                learnt.error = peer.error(error)
            except SourceError as error:
                learnt.error = peer.error(error)
                return


def _ends(starts: Sequence[datetime], covered: Spans, learnt: set[str]) -> Ends:
    """To the hour, or to the segment where that was learnt."""
    if not starts:
        return Ends()
    oldest, newest = starts[0], starts[-1]
    if covered and hour_text(oldest) in learnt:
        oldest = max(oldest, covered[0].start)
    if covered and hour_text(newest) in learnt:
        newest = max(newest, covered[-1].end)
    return Ends(oldest, newest)


def _variants(peer: Neighbour) -> list[tuple[str, str]]:
    streams = _labels(peer, wire.streams_path())
    return [(stream, each) for stream in streams for each in _labels(peer, wire.variants_path(stream))]


def _labels(peer: Neighbour, path: str) -> list[str]:
    names = offload(wire.decode_listing, _good(peer, path))
    return list(filter(is_label, names))[:MOST_LABELS]


def _good(peer: Neighbour, path: str) -> bytes:
    """What it answers; raises ListingError unless it is meant as an answer."""
    reply = peer.get(path)
    if reply.status != 200:
        raise ListingError(f'{peer.url}{path} answered {reply.status}')
    return reply.body


def _hours(asked: Asked) -> Summed:
    """The hours that the peer holds, with summaries where it knows them."""
    peer, stream, variant = asked
    reply = peer.get(wire.summaries_path(stream, variant, None))
    is_good = reply.status == 200
    return offload(_decoded, reply.body if is_good else _good(peer, wire.hours_path(stream, variant)))


def _decoded(body: bytes) -> Summed:
    summaries = wire.decode_summaries(body)
    found: Summed = summaries if summaries is not None else dict.fromkeys(wire.decode_listing(body))
    return {text: summary for text, summary in found.items() if is_hour(text)}


def _names(asked: tuple[Neighbour, Hour]) -> Spans:
    """What the segments of an hour cover."""
    peer, hour = asked
    return offload(_covered, hour, _good(peer, wire.members_path(hour)))


def _covered(hour: Hour, body: bytes) -> Spans:
    """Also what reaches into the next hour. What is no name is left out, as the backfiller does."""
    segments = timeline.playable(_segments(hour, wire.decode_listing(body)))
    return timeline.coverage(segments, Interval(hour.start, hour.end + ONE_HOUR)).covered


def _segments(hour: Hour, names: Iterable[str]) -> Iterator[Segment]:
    for name in names:
        try:
            yield Segment.parse(hour, name)
        except SegmentError:
            continue


def _hours_of(spans: Spans) -> list[str]:
    """The hours in which segments begin that may reach into the spans, newest first."""
    found: dict[str, None] = {}
    for span in reversed(spans):
        start = (span.start - REACH).replace(minute=0, second=0, microsecond=0)
        count = int((span.end - start) / ONE_HOUR)
        found.update(dict.fromkeys(hour_text(start + number * ONE_HOUR) for number in range(count, -1, -1)))
    return list(found)


def _touches(text: str, within: Interval) -> bool:
    start = hour_start(text)
    return start < within.end and start + ONE_HOUR + REACH > within.start


def _span(hour: Hour) -> Interval:
    return Interval(hour.start, hour.end)
