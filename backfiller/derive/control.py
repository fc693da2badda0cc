"""What `backfiller derive` tells of itself: GET /metrics, /status and /healthz."""

from collections.abc import Sequence
from typing import Any

from flask import Flask

from backfiller import watched
from backfiller.derive.deriver import Deriver
from backfiller.derive.metrics import DeriveMetrics


def create_app(derivers: Sequence[Deriver], metrics: DeriveMetrics) -> Flask:
    return watched.new_app(
        'derive', metrics.registry, lambda: _status(derivers), lambda: _is_healthy(derivers)
    )


def _status(derivers: Sequence[Deriver]) -> dict[str, Any]:
    """Stream -> variant -> what became of it."""
    return {each.source.stream: each.status() for each in derivers}


def _is_healthy(derivers: Sequence[Deriver]) -> bool:
    return not any(each.is_troubled for each in derivers)
