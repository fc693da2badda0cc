"""The control port of `backfiller record`: GET /metrics, /status and /healthz."""

from typing import Any

from flask import Flask

from backfiller.streams.recording import Recording
from common.service import metrics_page


def create_app(recording: Recording) -> Flask:
    """The control application of what is being recorded; it changes nothing."""
    app = Flask('recorder', static_folder=None)
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.add_url_rule('/metrics', 'metrics', lambda: metrics_page(recording.metrics.registry))
    app.add_url_rule('/status', 'status', recording.status)
    app.add_url_rule('/healthz', 'healthz', lambda: _health(recording))
    return app


def _health(recording: Recording) -> tuple[dict[str, Any], int]:
    healthy = recording.is_healthy()
    return {'alive': True, 'healthy': healthy}, 200 if healthy else 503
