"""What the backfiller beside us says in /status, as the overview tells it.

Whatever it lacks is None, and so is what is not of the kind that it should be.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from math import isfinite
from typing import Any

from common.errors import UsageError
from common.times import parse_time
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
        'id': _text(said.get('id')),
        'state': _text(said.get('state')),
        'lag_seconds': _number(said.get('lag_seconds')),
        'bytes_per_second': _number(last.get('bytes_per_second')),
        'missing': _number(last.get('left')),
        'last_error': _error(said.get('last_error')),
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
        'bucket': _text(said.get('bucket')),
        'states': mirror_states(beside),
        'last_error': _error(said.get('last_error')),
        'hours': [{'path': path, **hours[path]} for path in first[:MOST_HOURS]],
    }


def mirror_states(beside: Beside, variant_path: str = '') -> dict[str, int]:
    """How many hours are in which state, of all variants or of one."""
    prefix = f'{variant_path}/' if variant_path else ''
    return dict(Counter(hour['state'] for path, hour in _hours(beside).items() if path.startswith(prefix)))


def retention(beside: Beside) -> dict[str, Any] | None:
    said = mapping(beside.told.get('retention'))
    if not said:
        return None
    amounts = {key: _number(said.get(key)) for key in ('lacking_bytes', 'waiting_hours')}
    return {**amounts, 'last_error': _error(said.get('last_error'))}


def _hours(beside: Beside) -> dict[str, dict[str, Any]]:
    told = mapping(mapping(beside.told.get('mirror')).get('hours'))
    return {path: _hour(mapping(hour)) for path, hour in told.items()}


def _hour(said: Mapping[str, Any]) -> dict[str, Any]:
    problems = said.get('problems')
    return {
        'state': str(said.get('state')),
        'problems': [str(each) for each in problems] if isinstance(problems, list) else [],
    }


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _number(value: object) -> float | None:
    return value if isinstance(value, int | float) and isfinite(value) else None


def _error(value: object) -> dict[str, str] | None:
    """When it happened, and what; both, or it is not told."""
    time, message = _text(mapping(value).get('time')), _text(mapping(value).get('message'))
    try:
        return {'time': time, 'message': message} if time and message and parse_time(time) else None
    except UsageError:
        return None
