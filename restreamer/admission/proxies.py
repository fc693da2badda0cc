"""Proxies in front: what they say of a request is believed if they are configured, and of nobody else."""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Any

from werkzeug.middleware.proxy_fix import ProxyFix

from common.http.handler import Limits
from common.settings.restreamer import Restreamer


class Proxies:
    """The networks of the trusted proxies, and the application as it is to be served behind them."""

    def __init__(self, app: Any, networks: Sequence[IPv4Network | IPv6Network]) -> None:
        self._networks = networks
        self._direct = app
        self._behind = ProxyFix(app, x_for=1, x_proto=1, x_host=1, x_prefix=1)
        self.app = self._serve if networks else app

    def trusts(self, address: str) -> bool:
        """Whether a proxy of ours has this address."""
        if not self._networks:
            return False
        try:
            found = ip_address(address.partition('%')[0])
        except ValueError:
            return False
        mapped = getattr(found, 'ipv4_mapped', None) or found
        return any(mapped in network for network in self._networks)

    def limits(self, own: Restreamer) -> Limits:
        """Of a server whose proxies may open as many connections as all others together."""
        return Limits(
            connections=own.most_connections,
            connections_per_address=own.most_connections_per_address,
            stall_seconds=own.stall_timeout,
            unlimited=self.trusts,
        )

    def _serve(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        app = self._behind if self.trusts(environ.get('REMOTE_ADDR', '')) else self._direct
        answer: Iterable[bytes] = app(environ, start_response)
        return answer
