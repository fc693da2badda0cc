"""What `backfiller derive` tells of itself: GET /metrics, /status and /healthz."""

from collections.abc import Sequence
from typing import Any

from flask import Flask

from backfiller.derive.deriver import Deriver
from backfiller.derive.metrics import DeriveMetrics
from common.service import metrics_page


def create_app(derivers: Sequence[Deriver], metrics: DeriveMetrics) -> Flask:
    app = Flask('derive', static_folder=None)
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.add_url_rule('/metrics', 'metrics', lambda: metrics_page(metrics.registry))
    app.add_url_rule('/status', 'status', lambda: _status(derivers))
    app.add_url_rule('/healthz', 'healthz', lambda: _health(derivers))
    return app


def _status(derivers: Sequence[Deriver]) -> dict[str, Any]:
    """Stream -> variant -> what became of it."""
    return {each.source.stream: each.status() for each in derivers}


def _health(derivers: Sequence[Deriver]) -> tuple[dict[str, bool], int]:
    healthy = not any(each.is_troubled for each in derivers)
    return {'alive': True, 'healthy': healthy}, 200 if healthy else 503
