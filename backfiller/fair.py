"""The adapter of requests, with connections that let other greenlets run before each read."""

from collections.abc import Mapping
from typing import Any

from requests.adapters import HTTPAdapter


class FairAdapter(HTTPAdapter):
    """Makes connections of ours; `pools` by scheme, as in `common.http.fair`."""

    def __init__(self, pools: Mapping[str, Any]) -> None:
        self._pools = pools
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = self._pools
        return manager
