"""One node: its restreamer, its backfiller and its captures, from one file of settings."""

from pathlib import Path

from common.config import Settings, env_of, options
from common.settings import SECTIONS, Backfiller, Node, Restreamer
from deploy import child
from deploy.supervisor import Service


def services(settings: Settings) -> list[Service]:
    """What runs on the node."""
    node = settings.section(Node)
    captures = [
        Service(
            f'capture {stream}',
            child.module('backfiller.main', 'capture', url, '--stream', stream),
        )
        for stream, url in node.capture
    ]
    return [
        Service('restreamer', child.module('restreamer.main')),
        Service('backfiller', child.module('backfiller.main', 'run', *_watching(settings))),
        *captures,
    ]


def _watching(settings: Settings) -> list[str]:
    """The flag that lets the backfiller watch the restreamer beside it, unless it was told of another."""
    host, port = settings.section(Restreamer).listen
    if settings.section(Backfiller).restreamer or not port:
        return []
    local = {'0.0.0.0': '127.0.0.1', '::': '::1'}.get(host, host)  # noqa: S104 (compared, not listened on)
    return ['--restreamer', f'http://[{local}]:{port}' if ':' in local else f'http://{local}:{port}']


def environment(flags: dict[str, object], config: Path | None) -> dict[str, str]:
    """Our flags as environment variables, which is how the services are told of them."""
    env = {'SEGMESH_CONFIG': str(config)} if config else {}
    for section in SECTIONS:
        for each in options(section):
            value = flags.get(each.name)
            if value:
                env[env_of(each)] = ' '.join(value) if isinstance(value, tuple) else str(value)
    return env
