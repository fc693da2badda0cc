"""Whether the recording is complete, in a sentence that an operator can act upon. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from restreamer.missing.known import IN_FLIGHT, THIS_NODE, Known, Picture, segments_in
from restreamer.missing.spans import seconds, shared

LOW_DAYS = 2.0
MOST_NAMED = 5
MOST_DETAILS = 30


@dataclass(frozen=True)
class Missing:
    """What this node lacks of a variant: holes by where they can be had, and how long it is in all."""

    holes: int
    seconds: float
    fetchable: int
    everywhere: int
    unknown: int
    fetchable_seconds: float
    unknown_seconds: float
    holders: frozenset[str]

    @classmethod
    def of(cls, picture: Picture) -> 'Missing':
        holes = list(picture.holes())
        where = [hole.where for hole in holes]
        return cls(
            len(holes),
            seconds(hole.span for hole in holes),
            where.count('fetchable'),
            where.count('everywhere'),
            where.count('unknown'),
            seconds(span for hole in holes for span in hole.held),
            seconds(span for hole in holes for span in hole.unknown),
            frozenset(node for hole in holes for node in hole.held_by),
        )

    @property
    def everywhere_seconds(self) -> float:
        return max(0.0, round(self.seconds - self.fetchable_seconds - self.unknown_seconds, 6))


@dataclass(frozen=True)
class Seen:
    """One variant as this node sees it."""

    path: str
    picture: Picture
    missing: Missing

    @property
    def silent(self) -> timedelta:
        """How long ago anybody held something new."""
        newest = max(filter(None, (each.ends.newest for each in self.picture.nodes)), default=None)
        return self.picture.now - newest if newest else timedelta.max


@dataclass(frozen=True)
class Scene:
    """All that the verdict is about. `elsewhere` are variants that only peers hold.

    `trouble` is why the peers are not known; the node is blind to them if it is meant to know them.
    """

    now: datetime
    variants: Sequence[Seen]
    elsewhere: Sequence[str]
    troubles: Sequence[str]
    peers: Sequence[str]
    trouble: str = ''
    is_blind: bool = False
    failed_hours: int = 0
    days_left: float | None = None


def verdict(scene: Scene) -> dict[str, Any]:
    """A level, one sentence, and what is worth knowing besides."""
    level, text = _sentence(scene)
    return {'level': level, 'text': text, 'details': list(islice(_details(scene), MOST_DETAILS))}


def _sentence(scene: Scene) -> tuple[str, str]:
    if not scene.variants:
        return _nothing(scene)
    if any(each.missing.holes for each in scene.variants):
        return 'missing', _what_is_missing(scene)
    if not any(each.picture.recorded for each in scene.variants):
        newest = min(each.silent for each in scene.variants)
        return 'unknown', f'Nothing new for {_span(newest)}, which is further back than is looked at'
    return 'complete', _complete(scene)


def _nothing(scene: Scene) -> tuple[str, str]:
    if scene.elsewhere:
        held = _count(len(scene.elsewhere), 'variant')
        return 'missing', f'Nothing is held here yet; the peers hold {held}'
    if scene.troubles or scene.is_blind:
        return 'unknown', 'Nothing is held here, and not all peers can be asked'
    return 'empty', 'Nothing is recorded yet'


def _what_is_missing(scene: Scene) -> str:
    """The worst first."""
    everywhere = _amount(scene, 'everywhere_seconds')
    fetchable = _amount(scene, 'fetchable_seconds')
    unknown = _amount(scene, 'unknown_seconds')
    parts = [
        (everywhere, 'missing everywhere'),
        (fetchable, 'missing here but can still be fetched'),
        (unknown, 'missing here, and who has them is not known'),
    ]
    told = [f'{amount} {_are(amount)} {what}' for amount, what in parts if amount]
    return '; '.join(told)


def _complete(scene: Scene) -> str:
    nodes = [THIS_NODE, *scene.peers]
    complete = [node for node in nodes if all(_is_complete(each, node) for each in scene.variants)]
    up_to = _up_to(scene, complete)
    when = f' up to {_clock(up_to, scene.now)}' if up_to else ''
    if scene.trouble:
        return f'Complete here{when}; the other nodes are not known'
    if not scene.peers:
        return f'Complete here{when}; there are no peers'
    return f'Complete on {len(complete)} of {len(nodes)} nodes{when}'


def _is_complete(seen: Seen, name: str) -> bool:
    node = _node(seen, name)
    return node is not None and not (node.error or seen.picture.missing(node) or seen.picture.unknown(node))


def _node(seen: Seen, name: str) -> Known | None:
    return next((node for node in seen.picture.nodes if node.node == name), None)


def _up_to(scene: Scene, complete: Sequence[str]) -> datetime | None:
    """Of what is still being recorded the earliest, over those nodes; of what has ended, the latest end."""
    live = [each for each in scene.variants if each.silent <= IN_FLIGHT]
    ends = [
        end
        for each in live or scene.variants
        for name in complete
        if (node := _node(each, name)) and (end := each.picture.complete_up_to(node))
    ]
    return (min if live else max)(ends, default=None)


def _details(scene: Scene) -> Iterator[str]:
    """What hinders first, then what is missing, then the rest."""
    if scene.trouble:
        yield scene.trouble
    yield from scene.troubles
    for each in scene.variants:
        if each.picture.recorded and each.silent > IN_FLIGHT:
            yield f'{each.path}: nothing new for {_span(each.silent)}'
    if holders := frozenset().union(*(each.missing.holders for each in scene.variants)):
        amount = _amount(scene, 'fetchable_seconds')
        yield f'{amount} can be fetched from {_count(len(holders), "peer")}'
    for each in scene.variants:
        if lost := each.missing.everywhere_seconds:
            told = _told(segments_in(lost, each.picture.usual_seconds), lost)
            yield f'{each.path}: {told} missing everywhere'
    yield from filter(None, (_lacking(scene, peer) for peer in scene.peers))
    yield from _besides(scene)


def _lacking(scene: Scene, peer: str) -> str:
    """What a peer lacks that another node has; empty for nothing."""
    lost = [
        (seconds(shared(each.picture.missing(node), each.picture.union().covered)), each)
        for each in scene.variants
        if (node := _node(each, peer))
    ]
    amount = _sum([(length, each.picture.usual_seconds) for length, each in lost])
    return f'{peer} lacks {amount} that others hold' if amount else ''


def _besides(scene: Scene) -> Iterator[str]:
    if scene.elsewhere:
        more = ' and more' if len(scene.elsewhere) > MOST_NAMED else ''
        yield f'only peers hold {", ".join(scene.elsewhere[:MOST_NAMED])}{more}'
    if scene.failed_hours:
        yield f'{_count(scene.failed_hours, "hour")} could not be mirrored'
    if scene.days_left is not None and scene.days_left < LOW_DAYS:
        yield f'the disk is full in {scene.days_left:g} days'


def _amount(scene: Scene, name: str) -> str:
    """So much of all variants; empty for nothing."""
    return _sum([(getattr(each.missing, name), each.picture.usual_seconds) for each in scene.variants])


def _sum(lost: Sequence[tuple[float, float | None]]) -> str:
    """So many segments; seconds where nobody knows how long segments are. Empty for nothing."""
    counts = [segments_in(length, usual) for length, usual in lost]
    known = None if None in counts else sum(filter(None, counts))
    total = sum(length for length, _ in lost)
    return _told(known, total) if total else ''


def _told(segments: int | None, length: float) -> str:
    return f'{length:g} s' if segments is None else _count(segments, 'segment')


def _count(number: int, what: str) -> str:
    return f'{number:,} {what}{"" if number == 1 else "s"}'


def _are(amount: str) -> str:
    return 'is' if amount.startswith('1 ') else 'are'


def _clock(time: datetime, now: datetime) -> str:
    """With the day if that is another one than today."""
    return f'{time:%H:%M:%S} UTC' if time.date() == now.date() else f'{time:%Y-%m-%d %H:%M:%S} UTC'


def _span(length: timedelta) -> str:
    seconds = length.total_seconds()
    for name, unit in (('day', 86_400), ('hour', 3600), ('minute', 60)):
        if seconds >= 2 * unit:
            return _count(int(seconds // unit), name)
    return _count(int(seconds), 'second')
