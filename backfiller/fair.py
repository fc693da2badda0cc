"""The adapter of requests, with connections that let other greenlets run before each read."""

from typing import Any

from requests.adapters import HTTPAdapter

from common.http.fair import POOLS


class FairAdapter(HTTPAdapter):
    """Makes connections of ours."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = POOLS
