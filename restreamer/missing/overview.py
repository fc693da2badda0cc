"""GET /overview: whether the recording is complete, what is missing, and how this node and its peers are."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from importlib.metadata import version
from math import floor
from typing import Any, cast

from flask import Blueprint, Flask, current_app
from gevent.pool import Pool

from common.offload import offload
from common.timeline import Interval
from common.times import iso
from restreamer.context import Context
from restreamer.missing import backfilling
from restreamer.missing.known import Known, Picture, segments_in
from restreamer.missing.neighbours import Beside, Neighbour
from restreamer.missing.room import Room, Sampler, Summed
from restreamer.missing.spans import seconds
from restreamer.missing.survey import Survey
from restreamer.missing.verdict import Missing, Scene, Seen, verdict
from restreamer.recent import Recent

EXTENSION = 'segmesh-overview'
LENGTH = timedelta(days=7)
REMEMBERED_SECONDS = 2.0
MOST_VARIANTS = 200
VARIANTS_AT_ONCE = 4

Held = Mapping[tuple[str, str], Summed]
"""By stream and variant."""

blueprint = Blueprint('overview', __name__)


@blueprint.get('/overview')
def overview() -> dict[str, Any]:
    """Whether the recording is complete, and how the nodes are. Of seven days; made every two seconds."""
    return cast(Overview, current_app.extensions[EXTENSION]).now()


def prepare(app: Flask) -> None:
    """Looks through the store once, so that whoever asks first need not wait until all hours were read."""
    cast(Overview, app.extensions[EXTENSION]).prepare()


class Overview:
    """Looks at everything there is."""

    def __init__(self, at: Context, survey: Survey) -> None:
        self._at = at
        self._survey = survey
        self._sampler = Sampler(at.disk)
        self._made = Recent[str, dict[str, Any]](lambda _: self._make(), REMEMBERED_SECONDS)

    def now(self) -> dict[str, Any]:
        return self._made.get('')

    def prepare(self) -> None:
        """Reads what the store holds; no peer is asked."""
        within = _last_week(self._at.clock())
        for stream, variant in offload(_held, self._at):
            self._survey.ours(stream, variant, within)

    def _make(self) -> dict[str, Any]:
        """Asks this node's store, its backfiller and its peers, as far as possible at the same time."""
        now = self._at.clock()
        within = _last_week(now)
        held = offload(_held, self._at)
        room = offload(self._sampler.room, list(held.values()), now)
        beside = self._at.neighbours.beside()
        variants = list(held)[:MOST_VARIANTS]
        seen = list(Pool(VARIANTS_AT_ONCE).imap(partial(self._seen, within), variants))
        neighbours = self._at.neighbours.peers()
        scene = Scene(
            now,
            seen,
            elsewhere=sorted('/'.join(each) for each in self._survey.variants_of_peers() - held.keys()),
            troubles=_troubles(neighbours, seen),
            peers=[each.url for each in neighbours],
            trouble=beside.error,
            is_blind=bool(beside.error and self._at.backfiller),
            failed_hours=backfilling.mirror_states(beside).get('failed', 0),
            days_left=room.days_left,
        )
        return {
            'time': iso(now),
            'node': _node(self._at.node_id, beside),
            'range': {'start': iso(within.start), 'end': iso(within.end)},
            'verdict': offload(verdict, scene),
            'disk': _disk(room),
            'variants': offload(_variants, seen, held, beside),
            'peers': backfilling.peers(beside, neighbours),
            'mirror': backfilling.mirror(beside),
            'retention': backfilling.retention(beside),
        }

    def _seen(self, within: Interval, key: tuple[str, str]) -> Seen:
        stream, variant = key
        picture = self._survey.picture(stream, variant, within)
        return Seen(f'{stream}/{variant}', picture, offload(Missing.of, picture))


def _last_week(now: datetime) -> Interval:
    return Interval((now - LENGTH).replace(microsecond=0), now.replace(microsecond=0))


def _held(at: Context) -> Held:
    """The variants of which anything is held, with their hours."""
    found: dict[tuple[str, str], Summed] = {}
    for stream in at.disk.streams():
        for variant in at.disk.variants(stream):
            summed = at.summaries.of(at.disk.hours_of(stream, variant))
            if any(each.segments for each in summed.values()):
                found[stream, variant] = summed
    return found


def _node(node_id: str, beside: Beside) -> dict[str, Any]:
    return {
        'id': node_id,
        'version': version('segmesh'),
        'has_backfiller': not beside.error,
        'backfiller_error': beside.error or None,
    }


def _disk(room: Room) -> dict[str, Any]:
    return {
        'free_bytes': room.free_bytes,
        'total_bytes': room.total_bytes,
        'bytes_per_day': room.bytes_per_day,
        'days_left': room.days_left,
        'held_bytes': room.held_bytes,
    }


def _troubles(neighbours: Sequence[Neighbour], seen: Sequence[Seen]) -> list[str]:
    """Why peers cannot tell, or not all; once for each."""
    found = {each.url: each.trouble for each in neighbours if each.trouble}
    for peer in (peer for each in seen for peer in each.picture.peers if peer.error):
        found.setdefault(peer.node, peer.error)
    return list(found.values())


def _variants(seen: Sequence[Seen], held: Held, beside: Beside) -> list[dict[str, Any]]:
    return [_variant(each, held[key], beside) for key, each in zip(held, seen, strict=False)]


def _variant(seen: Seen, summed: Summed, beside: Beside) -> dict[str, Any]:
    stream, _, variant = seen.path.partition('/')
    picture, missing, ends = seen.picture, seen.missing, seen.picture.ours.ends
    window = picture.window(picture.ours)
    age = (picture.now - ends.newest).total_seconds() if ends.newest else None
    return {
        'stream': stream,
        'variant': variant,
        'path': seen.path,
        'oldest': iso(ends.oldest) if ends.oldest else None,
        'newest': iso(ends.newest) if ends.newest else None,
        'age_seconds': None if age is None else round(max(age, 0.0), 1),
        'hours': len(summed),
        'segments': sum(each.segments for each in summed.values()),
        'bits_per_second': ends.bits_per_second,
        'missing': {
            'holes': missing.holes,
            'segments': segments_in(missing.seconds, picture.usual_seconds),
            'seconds': missing.seconds,
            'fetchable': missing.fetchable,
            'everywhere': missing.everywhere,
            'unknown': missing.unknown,
        },
        'percent': _percent(missing.seconds, window.seconds) if window else None,
        'nodes': [_row(picture, node) for node in picture.nodes],
        'mirror': backfilling.mirror_states(beside, seen.path),
    }


def _percent(lost: float, total: float) -> float:
    """Rounded down: 100 is said of nothing that lacks anything."""
    return floor(100_000 * max(0.0, 1 - lost / total)) / 1000


def _row(picture: Picture, node: Known) -> dict[str, Any]:
    """As far as it is known."""
    up_to = picture.complete_up_to(node)
    is_known = not picture.unknown(node)
    return {
        'node': node.node,
        'complete_up_to': iso(up_to) if up_to else None,
        'missing_seconds': seconds(picture.missing(node)) if is_known else None,
    }
