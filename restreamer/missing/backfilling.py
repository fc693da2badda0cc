"""What the backfiller beside us says in /status, as the overview tells it. Whatever it lacks is None."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from restreamer.missing.neighbours import Beside, Neighbour, mapping

MOST_HOURS = 50
_MIRRORED = 'mirrored'


def peers(beside: Beside, neighbours: Iterable[Neighbour]) -> list[dict[str, Any]]:
    """Each peer, and whether it answered us when it was last asked."""
    reachable = {each.url: each.reachable for each in neighbours}
    return [_peer(url, said, reachable.get(url)) for url, said in beside.peers.items()]


def _peer(url: str, said: Mapping[str, Any], reachable: bool | None) -> dict[str, Any]:
    last = mapping(said.get('last_pass'))
    return {
        'url': url,
        'id': said.get('id') or None,
        'state': said.get('state'),
        'lag_seconds': said.get('lag_seconds'),
        'bytes_per_second': last.get('bytes_per_second'),
        'missing': last.get('left'),
        'last_error': said.get('last_error'),
        'reachable': reachable,
    }


def mirror(beside: Beside) -> dict[str, Any] | None:
    """The mirror, and the hours that it tells of: those that are not mirrored first, then the newest."""
    said = mapping(beside.told.get('mirror'))
    if not said:
        return None
    hours = _hours(beside)
    first = sorted(sorted(hours, reverse=True), key=lambda path: hours[path]['state'] == _MIRRORED)
    return {
        'bucket': said.get('bucket'),
        'states': mirror_states(beside),
        'last_error': said.get('last_error'),
        'hours': [{'path': path, **hours[path]} for path in first[:MOST_HOURS]],
    }


def mirror_states(beside: Beside, variant_path: str = '') -> dict[str, int]:
    """How many hours are in which state, of all variants or of one."""
    prefix = f'{variant_path}/' if variant_path else ''
    return dict(Counter(hour['state'] for path, hour in _hours(beside).items() if path.startswith(prefix)))


def retention(beside: Beside) -> dict[str, Any] | None:
    said = mapping(beside.told.get('retention'))
    return {key: said.get(key) for key in ('lacking_bytes', 'waiting_hours', 'last_error')} if said else None


def _hours(beside: Beside) -> dict[str, dict[str, Any]]:
    told = mapping(mapping(beside.told.get('mirror')).get('hours'))
    return {
        path: {'state': str(mapping(hour).get('state')), 'problems': mapping(hour).get('problems') or []}
        for path, hour in told.items()
    }
