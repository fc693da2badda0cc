"""What is said of a request is believed of our own proxies, and of nobody else."""

from ipaddress import ip_network
from typing import Any

import pytest

from common.settings.restreamer import Restreamer
from restreamer.admission.proxies import Proxies

FORWARDED = {
    'HTTP_X_FORWARDED_FOR': '198.51.100.9, 192.0.2.7',
    'HTTP_X_FORWARDED_PROTO': 'https',
    'HTTP_X_FORWARDED_HOST': 'video.example',
    'HTTP_X_FORWARDED_PREFIX': '/below',
}


def seen_from(address: str, *networks: str) -> dict[str, Any]:
    """What the application sees of a request that a machine of this address sends."""
    seen: dict[str, Any] = {}

    def app(environ: dict[str, Any], _: Any) -> list[bytes]:
        seen.update(environ)
        return []

    environ = {
        'REMOTE_ADDR': address, 'wsgi.url_scheme': 'http', 'HTTP_HOST': 'node:8001', 'SERVER_NAME': 'node',
        'SERVER_PORT': '8001', 'SCRIPT_NAME': '', 'PATH_INFO': '/below/files', **FORWARDED,
    }  # fmt: skip
    Proxies(app, [ip_network(each) for each in networks]).app(environ, None)
    return seen


@pytest.mark.parametrize('address', ['192.0.2.1', '::ffff:192.0.2.1', '2001:db8::1'])
def test_a_proxy_of_ours_is_believed(address: str) -> None:
    seen = seen_from(address, '192.0.2.0/30', '2001:db8::/32')
    assert (seen['REMOTE_ADDR'], seen['wsgi.url_scheme']) == ('192.0.2.7', 'https')
    assert (seen['HTTP_HOST'], seen['SCRIPT_NAME']) == ('video.example', '/below')


@pytest.mark.parametrize(
    ('address', 'networks'),
    [('192.0.2.9', ('192.0.2.0/30',)), ('192.0.2.1', ()), ('', ('0.0.0.0/0',)), ('::1', ('0.0.0.0/0',))],
)
def test_nobody_else_is(address: str, networks: tuple[str, ...]) -> None:
    seen = seen_from(address, *networks)
    assert (seen['REMOTE_ADDR'], seen['wsgi.url_scheme']) == (address, 'http')
    assert (seen['HTTP_HOST'], seen['SCRIPT_NAME']) == ('node:8001', '')


def test_a_proxy_may_open_more_connections_than_others() -> None:
    limits = Proxies(None, [ip_network('192.0.2.1')]).limits(Restreamer(most_connections_per_address=3))
    assert limits.connections_per_address == 3
    assert limits.unlimited('192.0.2.1')
    assert not limits.unlimited('192.0.2.2')
