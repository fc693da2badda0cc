"""What every service of the backfiller lets itself be watched by: GET /metrics, /status and /healthz."""

from collections.abc import Callable
from typing import Any

from flask import Flask
from prometheus_client import CollectorRegistry

from common.service import metrics_page


def new_app(
    name: str,
    registry: CollectorRegistry,
    status: Callable[[], dict[str, Any]],
    is_healthy: Callable[[], bool],
) -> Flask:
    """The application of a service with these three, to which it may add."""
    app = Flask(name, static_folder=None)
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.add_url_rule('/metrics', 'metrics', lambda: metrics_page(registry))
    app.add_url_rule('/status', 'status', status)
    app.add_url_rule('/healthz', 'healthz', lambda: _health(healthy=is_healthy()))
    return app


def _health(*, healthy: bool) -> tuple[dict[str, bool], int]:
    return {'alive': True, 'healthy': healthy}, 200 if healthy else 503
