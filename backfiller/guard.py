"""Keeps what strangers name from leading us to the machines around us.

A playlist, a redirect or a list of links may name any URL. Addresses are looked at when a connection is made,
after names were resolved, and just those that were looked at are connected to: a name that answers otherwise
the second time (DNS rebinding) gains nothing by it.
"""

import socket
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Any
from urllib.parse import urlsplit

from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError

from common.http.fair import POOLS

_PORTS = {'http': 80, 'https': 443}
_TRANSLATED = IPv6Network('64:ff9b::/96')
"""IPv4 addresses in IPv6 clothes (RFC 6052)."""

_GIVEN_OUT = IPv6Network('2000::/3')
"""All that is global (RFC 4291): not what stands for an IPv4 address in older or local ways, nor a site's."""


class ForbiddenError(Exception):
    """The address is none that we may be led to."""


@dataclass(frozen=True)
class Guard:
    """Admits public addresses, and hosts that somebody allowed by name, wherever those are.

    `allowed` are hosts in lower case, as `HOST` or, for one port of it only, `HOST:PORT`.
    """

    allowed: frozenset[str]

    @classmethod
    def of(cls, given: Iterable[str], allow: Iterable[str]) -> 'Guard':
        """Allows the servers of the URLs that a person gave, and hosts by name."""
        servers = (server_of(url) for url in given)
        return cls(frozenset(servers) | {name.lower() for name in allow})

    def addresses(self, host: str, port: int) -> list[str]:
        """Where that server may be connected to; raises ForbiddenError if nowhere, or OSError."""
        found = [str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
        if self.allowed & {host.lower(), f'{host}:{port}'.lower()}:
            return found
        admitted = [address for address in found if is_public(address)]
        if not admitted:
            where = '' if found == [host] else f' is at {", ".join(found)}, which'
            how = f'allow {host} by name, with --allow-host or as allow of the stream'
            raise ForbiddenError(f'{host}{where} is not public: if it is meant, {how}')
        return admitted

    def pools(self) -> dict[str, type[HTTPConnectionPool] | type[HTTPSConnectionPool]]:
        """For urllib3: pools whose connections lead only to where we may."""
        return {scheme: _guarded(pool, self) for scheme, pool in POOLS.items()}


def server_of(url: str) -> str:
    """The `HOST:PORT` of an HTTP URL; raises ValueError if it has none."""
    parts = urlsplit(url)
    if not parts.hostname or parts.scheme not in _PORTS:
        raise ValueError(url)
    return f'{parts.hostname}:{parts.port or _PORTS[parts.scheme]}'


def is_public(address: str) -> bool:
    """Whether it is an address of the whole Internet: not loopback, private, link-local or reserved."""
    found = _meant(ip_address(address.partition('%')[0]))
    if isinstance(found, IPv6Address) and found not in _GIVEN_OUT:
        return False
    return found.is_global and not found.is_multicast


def _meant(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address that an IPv6 address stands for, if it does."""
    if isinstance(address, IPv4Address):
        return address
    if address in _TRANSLATED:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def _guarded(pool: type[HTTPConnectionPool], guard: Guard) -> type[HTTPConnectionPool]:
    connection = type('Connection', (_Guarded, pool.ConnectionCls), {'guard': guard})
    return type('Pool', (pool,), {'ConnectionCls': connection})


class _Guarded:
    """A connection of urllib3 that looks where it leads; to a proxy of the environment it just goes."""

    guard: Guard
    host: str
    port: int
    proxy: Any

    def _new_conn(self) -> socket.socket:
        if self.proxy:
            return self._connected(self.host)
        *others, last = self.guard.addresses(self.host, self.port)
        for address in others:
            try:
                return self._connected(address)
            except (OSError, HTTPError):
                continue
        return self._connected(last)

    def _connected(self, address: str) -> socket.socket:
        host = self.host
        self.host = address
        try:
            made: socket.socket = super()._new_conn()  # type: ignore[misc]
            return made
        finally:
            self.host = host
