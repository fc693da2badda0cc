"""Which nodes mirror to the same bucket: each leaves a small object there, and renews it while it lives.

Times are S3's own, so that no node's clock matters.
"""

import logging
import time
from collections.abc import Callable
from datetime import timedelta

from backfiller.mirror.objects import Objects
from common.errors import SegmentError

log = logging.getLogger(__name__)

FOLDER = '.nodes/'
RENEW_SECONDS = 300.0
LIVE = timedelta(seconds=3 * RENEW_SECONDS)
JOIN_SECONDS = 2.0
"""So long at most a node that begins waits for others that begin at the same time."""


class Members:
    """The live nodes as one of them sees them; `others` costs two requests every few minutes."""

    def __init__(
        self,
        calls: Objects,
        node_id: str,
        *,
        join_seconds: float = JOIN_SECONDS,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._calls = calls
        self._node_id = node_id
        self._join_seconds = join_seconds
        self._monotonic = monotonic
        self._sleep = sleep
        self._others: list[str] = []
        self._renew_at: float | None = None

    def others(self) -> list[str]:
        """The ids of the other nodes; raises SourceError or StoreError."""
        if self._renew_at is None or self._monotonic() >= self._renew_at:
            self._renew()
        return self._others

    def leave(self) -> None:
        """Lets the others know at once that this node is gone."""
        if self._renew_at is not None:
            self._calls.delete(FOLDER + self._node_id)
            self._renew_at = None

    def _renew(self) -> None:
        is_new = self._renew_at is None
        try:
            self._calls.put(FOLDER + self._node_id, b'', CacheControl='no-store')
            if is_new:
                self._sleep(self._join_seconds)
            seen = self._calls.modified(FOLDER)
        except SegmentError as error:
            log.warning('the nodes that mirror to %s are not known: %s', self._calls.url, error)
            seen = {}
        ours = seen.pop(self._node_id, None)
        self._others = [node for node, renewed in seen.items() if ours and renewed > ours - LIVE]
        self._renew_at = self._monotonic() + RENEW_SECONDS
