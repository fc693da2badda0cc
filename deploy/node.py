"""One node: its restreamer, its backfiller and what records its streams, from one file of settings."""

from pathlib import Path

from backfiller.credentials import Credentials
from backfiller.streams.password import Password
from common.config import Settings, env_of, options
from common.http.tls import Certificate
from common.settings.backfiller import Backfiller
from common.settings.node import Node
from common.settings.restreamer import Restreamer
from common.settings.sections import SECTIONS
from common.settings.streams import Streams
from deploy import child
from deploy.supervisor import Service


def services(settings: Settings) -> list[Service]:
    """What runs on the node."""
    recorder = Service('recorder', child.module('backfiller.main', 'record'))
    has_streams = settings.section(Node).capture or settings.section(Streams).url
    return [
        Service('restreamer', child.module('restreamer.main', *_asking(settings))),
        Service('backfiller', child.module('backfiller.main', 'run', *_watching(settings))),
        *([recorder] if has_streams else []),
    ]


def check_secrets(settings: Settings) -> None:
    """Raises UsageError for tokens and certificates over which the services would die again and again."""
    served = settings.section(Restreamer)
    Credentials.of(settings)
    Password.given(settings.section(Streams).redis_password_file)
    Certificate.of(served.tls_certificate, served.tls_key)


def _watching(settings: Settings) -> list[str]:
    """The flag that lets the backfiller watch the restreamer beside it, unless it was told of another.

    Over TLS it has to be told: the certificate is for a name that is not known here.
    """
    served = settings.section(Restreamer)
    if served.tls_certificate:
        return []
    return _flag('--restreamer', settings.section(Backfiller).restreamer, served.listen)


def _asking(settings: Settings) -> list[str]:
    """The flag that lets the restreamer ask the backfiller beside it, unless it was told of another."""
    address = settings.section(Backfiller).control
    return _flag('--backfiller', settings.section(Restreamer).backfiller, address)


def _flag(flag: str, given: str, address: tuple[str, int]) -> list[str]:
    """The flag with the URL of the address on this machine; none if there is a URL already, or no port."""
    host, port = address
    if given or not port:
        return []
    local = {'0.0.0.0': '127.0.0.1', '::': '::1'}.get(host, host)  # noqa: S104 (compared, not listened on)
    return [flag, f'http://[{local}]:{port}' if ':' in local else f'http://{local}:{port}']


def environment(flags: dict[str, object], config: Path | None) -> dict[str, str]:
    """Our flags as environment variables, which is how the services are told of them."""
    env = {'SEGMESH_CONFIG': str(config)} if config else {}
    for section in SECTIONS:
        for each in options(section):
            value = flags.get(each.name)
            if value:
                env[env_of(each)] = ' '.join(value) if isinstance(value, tuple) else str(value)
    return env
