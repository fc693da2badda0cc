"""Which variants this node captures itself, told by what it holds: young segments that no peer brought.

The newest of these variants are left to our own capture for a while. Of all others the newest are fetched at
once, so that a node which only relays a stream, or whose own capture has stopped, follows it live.
"""

from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime

from common.errors import ListingError
from common.reel import microseconds
from common.segment import Hour, Segment, is_tombstone, microseconds_in

MOST_REMEMBERED = 20_000


class Captured:
    """What `names` lists of an hour here, less what peers were asked for lately; it may wait for the disk."""

    def __init__(self, names: Callable[[Hour], set[str]]) -> None:
        self._names = names
        self._asked: OrderedDict[str, None] = OrderedDict()
        self._found: dict[tuple[str, str], bool] = {}

    def asked(self, segment: Segment) -> None:
        """Notes what is asked of a peer: what is held before that is told is not taken for our own."""
        self._asked[segment.path] = None
        while len(self._asked) > MOST_REMEMBERED:
            self._asked.popitem(last=False)

    def is_captured(self, hour: Hour, since: datetime) -> bool:
        """Whether anything of the hour's variant is held that began after `since` and came from no peer."""
        first = Hour.holding(hour.stream, hour.variant, since)
        hours = {first, hour}
        found = self._found[hour.stream, hour.variant] = any(self._has_own(each, since) for each in hours)
        return found

    def was_captured(self, stream: str, variant: str) -> bool:
        """What was found last; of what was never looked at, that it may be."""
        return self._found.get((stream, variant), True)

    def _has_own(self, hour: Hour, since: datetime) -> bool:
        least = microseconds(since) - microseconds(hour.start)
        try:
            names = self._names(hour)
        except ListingError:
            return False  # whoever adds to it will say why
        return any(
            microseconds_in(name)[0] > least and f'{hour.path}/{name}' not in self._asked
            for name in names
            if not is_tombstone(name)
        )
