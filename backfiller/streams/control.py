"""The control port of `backfiller record`: GET /metrics, /status and /healthz."""

from flask import Flask

from backfiller import watched
from backfiller.streams.recording import Recording


def create_app(recording: Recording) -> Flask:
    """The control application of what is being recorded; it changes nothing."""
    return watched.new_app('recorder', recording.metrics.registry, recording.status, recording.is_healthy)
