"""Names that nobody answers for."""

import gevent
import gevent.monkey
import pytest

from common import service
from common.offload import offload


class Answer:
    """What a lookup waits for, in its thread."""

    def __init__(self) -> None:
        self._lock = gevent.monkey.get_original('_thread', 'allocate_lock')()
        self._lock.acquire()

    def wait(self) -> None:
        with self._lock:
            pass

    def come(self) -> None:
        self._lock.release()


def test_they_keep_no_disk_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    hub, answer = gevent.get_hub(), Answer()
    monkeypatch.setattr(hub.resolver, 'pool', hub.threadpool)
    service.resolve_apart()
    asking = [gevent.spawn(hub.resolver.pool.apply, answer.wait) for _ in range(hub.threadpool.maxsize)]
    try:
        gevent.sleep(0.01)
        with gevent.Timeout(5):
            assert offload(str, 'answer') == 'answer'
    finally:
        answer.come()
        gevent.joinall(asking, raise_error=True)
